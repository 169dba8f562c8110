"""Fine-tuning of LoRA over a model's packed weights: what learns, the pass over all layers, the loop."""
