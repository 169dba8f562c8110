"""Bytes that fine-tuning takes at most, before it begins."""

from __future__ import annotations

from dataclasses import dataclass

from gptoss.errors import MemoryBudgetError
from gptoss.files.sizes import memory_size
from gptoss.model.adapter.lora import ATTENTION, EXPERTS, shape_of
from gptoss.model.config import Config
from gptoss.train.packed.loss import ROWS
from gptoss.train.packed.mixture import MOST_ENTRIES
from gptoss.train.tuning.parameters import LoraOptions

# PyTorch and the interpreter, measured on Linux, x86-64.
_PROCESS_BYTES = 600 << 20
_FLOAT = 4


@dataclass(frozen=True, slots=True)
class TuningMemory:
    """Bytes resident at most, by what takes them.

    weights   the model's, as laid out
    lora      what learns, with its gradient and AdamW's two moments
    residual  the input of every layer that learns
    layer     one layer, computed again
    head      logits of some tokens
    process   the interpreter and its libraries
    """

    weights: int
    lora: int
    residual: int
    layer: int
    head: int
    process: int = _PROCESS_BYTES

    @property
    def total(self) -> int:
        """All of it."""
        parts = (self.weights, self.lora, self.residual, self.layer, self.head, self.process)
        return sum(parts)

    def require(self, budget: int) -> None:
        """Raises MemoryBudgetError for more than this, with what to change."""
        if self.total > budget:
            raise MemoryBudgetError(
                f"fine-tuning would take {memory_size(self.total)} ({describe(self)}), and {memory_size(budget)} are "
                "there; give a smaller --max-length or --expert-rank, fewer --experts or --layers"
            )


def describe(memory: TuningMemory) -> str:
    """Its parts, in a line."""
    parts = {
        "weights": memory.weights,
        "LoRA": memory.lora,
        "inputs of layers": memory.residual,
        "a layer": memory.layer,
        "logits": memory.head,
        "process": memory.process,
    }
    return ", ".join(f"{memory_size(size)} {name}" for name, size in parts.items())


def plan_tuning(config: Config, weights: int, lora: LoraOptions, tokens: int) -> TuningMemory:
    """For passes of so many tokens over weights of so many bytes."""
    hidden, inner = config.hidden_size, config.intermediate_size
    qkv = (config.num_heads + 2 * config.num_kv_heads) * config.head_dim
    # Queries, keys and values before and after rotation, with gradients; the residual's and norms' copies.
    attention = tokens * (4 * qkv + 3 * config.num_heads * config.head_dim + 10 * hidden)
    entries = min(MOST_ENTRIES, tokens)
    mixture = entries * (5 * hidden + 4 * inner + 2 * inner) + 4 * tokens * hidden
    learning = config.num_layers - lora.first
    return TuningMemory(
        weights=weights,
        lora=4 * _FLOAT * num_parameters(config, lora),
        residual=learning * tokens * hidden * _FLOAT,
        layer=(attention + mixture) * _FLOAT,
        head=(2 * ROWS * config.vocab_size + 4 * tokens * hidden) * _FLOAT,
    )


def num_parameters(config: Config, lora: LoraOptions) -> int:
    """Numbers that learn."""
    attention = sum(lora.rank * sum(shape_of(config, name)) for name in ATTENTION)
    experts = sum(lora.expert_rank * sum(shape_of(config, name)) for name in EXPERTS)
    return attention * len(lora.attention) + experts * config.num_experts * len(lora.experts)
