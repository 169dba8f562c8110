"""`gptoss info`: what a checkpoint is."""

from __future__ import annotations

import json as json_module

from gptoss.cli import options


def info(model: options.Model = None, json: options.Json = False) -> None:
    """Show a checkpoint's shape and size."""
    from gptoss.chat import load
    from gptoss.cli.output import Screen
    from gptoss.model.layouts import count_parameters

    loaded = load(model)
    config, checkpoint = loaded.config, loaded.checkpoint
    total, active = count_parameters(config)
    sliding = sum(kind.name == "SLIDING" for kind in config.layer_types)
    facts: dict[str, object] = {
        "model": loaded.name,
        "directory": str(checkpoint.directory),
        "layout": checkpoint.layout.title,
        "bytes": checkpoint.num_bytes,
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
        "kv_bytes_per_token": loaded.transformer.kv_bytes_per_token,
        "isa": loaded.backend.isa,
        "threads": loaded.backend.threads,
    }
    if json:
        print(json_module.dumps(facts))
        return
    Screen().facts(facts)
