"""Layers over packed weights that PyTorch differentiates: forward and backward read the weights that inference reads.

Weights are frozen; what learns is LoRA, and a layer's sinks on request. Everything is float32 on the CPU, (tokens, …),
and several samples lie one after the other in one batch without seeing each other (`Samples`). Gradients are exact: in
float32 they differ from those of dequantised weights by rounding alone.

    arithmetic = Arithmetic(backend, TrainingBackend(backend))      # kernels and reused buffers; one thread at a time
    samples = Samples.of(lengths, rotary)                           # RotaryTables(config.rope, config.head_dim)
    attention = AttentionLayer(arithmetic, config, kind, layer.attention)
    experts = ExpertsLayer(arithmetic, config, layer.experts)       # layer: gptoss.model.weights.LayerWeights, packed
    hidden = hidden + attention(hidden, samples, lora.attention)    # its norm is inside
    normed = experts.norm(hidden)
    routing = experts.route(normed)                                 # or route(normed, ids): replays a choice
    hidden = hidden + experts(normed, routing, lora.experts)
    loss = head_loss(arithmetic, final_norm(hidden), weights.head, targets, token_weights)

PyTorch's own threads wait awake and take the cores from the kernels': a loop calls torch.set_num_threads(1).

`ExpertsLayer` saves its input alone, and computes the first projection again in the backward pass; `AttentionLayer`
saves its input, rotated queries, keys and values, and output: recompute it per layer from the residual where memory
counts. `head_loss` computes its gradient in the forward pass, rows by rows, and keeps no logits.
"""

from gptoss.train.packed.arithmetic import Arithmetic
from gptoss.train.packed.attention import AttentionLayer
from gptoss.train.packed.experts import ExpertsLayer, Routing
from gptoss.train.packed.lora import AttentionLora, ExpertLora, ExpertsLora, Lora
from gptoss.train.packed.loss import head_loss
from gptoss.train.packed.samples import Samples

__all__ = [
    "Arithmetic",
    "AttentionLayer",
    "AttentionLora",
    "ExpertLora",
    "ExpertsLayer",
    "ExpertsLora",
    "Lora",
    "Routing",
    "Samples",
    "head_loss",
]
