"""The training loop: steps, schedule, checkpoints that a run resumes from."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from gptoss.files.whole import whole_file
from gptoss.train.batches import Batch
from gptoss.train.quantise import as_exported
from gptoss.train.torch_model import TorchModel


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How long and how fast to train. Tokens, not steps or seconds, so that a run means the same on any machine."""

    total_tokens: int
    learning_rate: float = 2e-3
    final_learning_rate: float = 2e-5
    warmup_tokens: int = 300_000
    # Share of the run, at its end, over which the learning rate falls.
    decay_share: float = 0.4
    # Share of the run, at its end, that computes with the weights as they will be exported.
    rounded_share: float = 0.12
    weight_decay: float = 0.05
    balance_weight: float = 0.01
    checkpoint_every_s: float = 120.0


@dataclass(slots=True)
class Progress:
    """Where a run stands; saved with its checkpoint."""

    tokens: int = 0
    steps: int = 0
    seconds: float = 0.0
    history: list[tuple[int, float, float, float]] = field(default_factory=list)


def learning_rate(options: LoopOptions, tokens: int) -> float:
    """Warm up, stay, and fall along a cosine at the end."""
    if tokens < options.warmup_tokens:
        return options.learning_rate * (tokens + 1) / options.warmup_tokens
    start = options.total_tokens * (1 - options.decay_share)
    if tokens <= start:
        return options.learning_rate
    done = min(1.0, (tokens - start) / (options.total_tokens - start))
    fall = 0.5 * (1 + math.cos(math.pi * done))
    return (
        options.final_learning_rate + (options.learning_rate - options.final_learning_rate) * fall
    )


def loss_of(model: TorchModel, batch: Batch, balance_weight: float) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of the learnt tokens with the balance term, and without it."""
    hidden = model.hidden(batch.token_ids)[:, :-1]
    learnt = batch.is_learnt[:, 1:]
    # The head is applied where a target counts only: most of a prompt's positions need no logits.
    logits = model.lm_head(hidden[learnt])
    loss = functional.cross_entropy(logits, batch.token_ids[:, 1:][learnt])
    return loss + balance_weight * model.balance_loss(), loss.detach()


class Trainer:
    """Trains a model in a folder; made again on the same folder, it goes on where it stopped."""

    def __init__(self, model: TorchModel, options: LoopOptions, folder: Path) -> None:
        self.model, self.options, self.folder = model, options, folder
        self.progress = Progress()
        decayed = [p for p in model.parameters() if p.dim() >= 2]
        plain = [p for p in model.parameters() if p.dim() < 2]
        groups = [
            {"params": decayed, "weight_decay": options.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=options.learning_rate, betas=(0.9, 0.98), fused=True
        )
        folder.mkdir(parents=True, exist_ok=True)
        if self._checkpoint.exists():
            self._load()

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "training.pt"

    def _load(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])

    def save(self) -> None:
        """Write the checkpoint; a stop at any time leaves a whole one."""
        progress = self.progress
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": {
                "tokens": progress.tokens,
                "steps": progress.steps,
                "seconds": progress.seconds,
                "history": progress.history,
            },
        }
        with whole_file(self._checkpoint) as file:
            torch.save(state, file)
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(("tokens", "loss", "learning_rate", "seconds"))
        writer.writerows(progress.history)
        with whole_file(self.folder / "metrics.csv") as file:
            file.write(table.getvalue().encode("utf-8"))

    @property
    def is_rounded(self) -> bool:
        """Whether the run has reached the part that computes with exported weights."""
        return self.progress.tokens >= self.options.total_tokens * (1 - self.options.rounded_share)

    def step(self, batch: Batch) -> float:
        """One optimizer step; returns the loss without the balance term."""
        rate = learning_rate(self.options, self.progress.tokens)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        exact = self._round_weights() if self.is_rounded else None
        total, loss = loss_of(self.model, batch, self.options.balance_weight)
        total.backward()  # type: ignore[no-untyped-call]
        if exact is not None:
            # The gradient at the rounded weights moves the exact ones: the straight-through estimate.
            self._restore(exact)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.tokens += batch.token_ids.numel()
        self.progress.steps += 1
        return float(loss)

    def _round_weights(self) -> list[Tensor]:
        exact = []
        for name, parameter in self.model.named_parameters():
            exact.append(parameter.data)
            parameter.data = as_exported(name, parameter)
        return exact

    def _restore(self, exact: list[Tensor]) -> None:
        for parameter, data in zip(self.model.parameters(), exact, strict=True):
            parameter.data = data

    def run(
        self,
        batches: Iterator[Batch],
        *,
        deadline_s: float | None = None,
        report: Callable[[Progress, float], None] | None = None,
        report_every: int = 50,
    ) -> bool:
        """Train until the token budget or the deadline (seconds from now); True when the budget is used up."""
        began = saved = time.monotonic()
        already = self.progress.seconds
        losses: list[float] = []
        while self.progress.tokens < self.options.total_tokens:
            losses.append(self.step(next(batches)))
            now = time.monotonic()
            self.progress.seconds = already + now - began
            if len(losses) == report_every:
                mean = sum(losses) / len(losses)
                losses.clear()
                rate = learning_rate(self.options, self.progress.tokens)
                self.progress.history.append(
                    (self.progress.tokens, mean, rate, self.progress.seconds)
                )
                if report:
                    report(self.progress, mean)
            if now - saved > self.options.checkpoint_every_s:
                self.save()
                saved = now
            if deadline_s is not None and now - began > deadline_s:
                break
        self.save()
        return self.progress.tokens >= self.options.total_tokens
