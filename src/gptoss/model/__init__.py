"""Token ids and a KV cache to logits: configuration, checkpoint files and the forward pass."""
