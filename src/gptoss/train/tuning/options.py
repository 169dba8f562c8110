"""How long and how fast fine-tuning goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

from gptoss.arguments import require_type
from gptoss.errors import TrainingError, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Of one run.

    epochs          passes over the data
    learning_rate   the highest
    warmup          share of all steps in which the learning rate rises
    final_share     share of the highest rate at the end of the cosine
    weight_decay    of AdamW
    clip            largest norm of all gradients together
    packs_per_step  whose gradients are summed before a step
    seed            of the order of packs and of the first values of A
    evaluate_every  steps between evaluations of the held-out packs; 0: one epoch's
    patience        evaluations without a better one after which training ends; 0: it never does
    save_every_s    seconds between checkpoints; one is written at the end of a session as well
    """

    epochs: int = 1
    learning_rate: float = 2e-4
    warmup: float = 0.03
    final_share: float = 0.1
    weight_decay: float = 0.0
    clip: float = 1.0
    packs_per_step: int = 1
    seed: int = 0
    evaluate_every: int = 0
    patience: int = 0
    save_every_s: float = 600.0

    def __post_init__(self) -> None:
        """Raises TrainingError for a value outside its range."""
        limits = {
            "epochs": (1, 10_000),
            "learning_rate": (0.0, 1.0),
            "warmup": (0.0, 1.0),
            "final_share": (0.0, 1.0),
            "weight_decay": (0.0, 10.0),
            "clip": (0.0, math.inf),
            "packs_per_step": (1, 100_000),
            "seed": (0, 2**63 - 1),
            "evaluate_every": (0, 10**9),
            "patience": (0, 10**9),
            "save_every_s": (0.0, math.inf),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            require_type(
                name, value, Integral if isinstance(least, int) else Real, error=TrainingError
            )
            if not least <= value <= most:
                raise TrainingError(f"got {name} {shown(value)}, wanted {least:g} to {most:g}")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, from 0: a line up, then a cosine down to a share of it."""
        rising = math.ceil(self.warmup * steps)
        if step < rising:
            return self.learning_rate * (step + 1) / rising
        done = (step - rising) / max(1, steps - rising)
        low = self.final_share * self.learning_rate
        return low + (self.learning_rate - low) * 0.5 * (1 + math.cos(math.pi * done))
