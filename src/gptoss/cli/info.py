"""`gptoss info`: what a checkpoint is."""

from __future__ import annotations

import json as json_module

from gptoss.cli import flags
from gptoss.cli.model_options import Model


def info(model: Model = None, json: flags.Json = False) -> None:
    """Show a checkpoint's shape and size."""
    from gptoss import kernels
    from gptoss.cli.output import Screen
    from gptoss.model.checkpoint import open_checkpoint
    from gptoss.model.kv_cache import bytes_per_token
    from gptoss.model.layouts import count_parameters
    from gptoss.model.packing import WeightType
    from gptoss.model.precision import CacheType
    from gptoss.runtime.fitting import packed_bytes
    from gptoss.runtime.locating import locate_model

    # Only what the files say: nothing is laid out.
    name, directory = locate_model(model, must_fit=False)
    checkpoint, backend = open_checkpoint(directory), kernels.Backend()
    config = checkpoint.config
    total, active = count_parameters(config)
    sliding = sum(kind.name == "SLIDING" for kind in config.layer_types)
    facts: dict[str, object] = {
        "model": name,
        "directory": str(checkpoint.path),
        "layout": checkpoint.layout.title,
        "bytes": checkpoint.num_bytes,
        "packed_bytes": packed_bytes(checkpoint, WeightType.INT8),
        "parameters": total,
        "active_parameters": active,
        "layers": config.num_layers,
        "sliding_layers": sliding,
        "sliding_window": config.sliding_window,
        "experts": config.num_experts,
        "experts_per_token": config.experts_per_token,
        "hidden_size": config.hidden_size,
        "heads": config.num_heads,
        "kv_heads": config.num_kv_heads,
        "vocabulary": config.vocab_size,
        "context": config.max_positions,
        "kv_bytes_per_token": bytes_per_token(config, CacheType.BF16),
        "isa": backend.isa,
        "bf16_pairs": backend.bf16_pairs,
        "threads": backend.threads,
    }
    if json:
        print(json_module.dumps(facts))
        return
    Screen().facts(facts)
