"""The loop of fine-tuning: steps, evaluation, checkpoints that a run resumes from to the bit."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from gptoss.errors import OutputError, TrainingError
from gptoss.model.adapter.peft_files import write_adapter
from gptoss.train.data.loss_weights import TokenKind
from gptoss.train.data.packs import Pack
from gptoss.train.tuning.checkpoint import Checkpoint, Progress, state_of
from gptoss.train.tuning.options import TrainingOptions
from gptoss.train.tuning.prefix_store import PrefixStore
from gptoss.train.tuning.stack import PackLoss, Stack

METRICS = "metrics.csv"
_COLUMNS = (
    "step",
    "epoch",
    "tokens",
    "learning_rate",
    "loss",
    "gradient_norm",
    "held_out_loss",
    "seconds",
)


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step.

    loss           mean over the weights of its targets
    of_kind        mean cross-entropy by kind
    gradient_norm  of all parameters, before it was clipped
    """

    step: int
    steps: int
    epoch: int
    tokens: int
    learning_rate: float
    loss: float
    of_kind: Mapping[TokenKind, float]
    gradient_norm: float


class Watcher(Protocol):
    """Hears of a run while it goes on."""

    def layer_done(self) -> None:
        """One of the layers of a pass was computed; what this raises ends the run, and nothing is lost."""

    def stepped(self, report: StepReport) -> None:
        """A step was made."""

    def evaluated(self, loss: float, *, is_best: bool) -> None:
        """The held-out loss, after a step or an epoch."""


class Unwatched:
    """Watches nothing."""

    def layer_done(self) -> None:
        """Let it be."""

    def stepped(self, report: StepReport) -> None:
        """Let it be."""

    def evaluated(self, loss: float, *, is_best: bool) -> None:
        """Let it be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a run writes.

    folder     of checkpoint, metrics and the adapter
    identity   of data, model and options: a run that goes on needs the same
    base       `base_digest` of the model
    base_name  where the model was loaded from
    """

    folder: Path
    identity: Mapping[str, str]
    base: str = ""
    base_name: str | None = None


class Trainer:
    """Trains a stack's parameters; made again on the same folder, it goes on where it stopped."""

    def __init__(
        self,
        stack: Stack,
        options: TrainingOptions,
        packs: Sequence[Pack],
        held_out: Sequence[Pack],
        destination: Destination,
        watcher: Watcher | None = None,
        *,
        keeps_prefix: bool = False,
    ) -> None:
        """Raises TrainingError for a folder that holds another run, or no pack to learn from."""
        if not packs:
            raise TrainingError("there is no sample to learn from")
        self._stack, self._options, self._packs = stack, options, packs
        self._held_out, self._to = held_out, destination
        self._watcher = watcher or Unwatched()
        self._keeps_prefix = keeps_prefix and stack.first > 0 and options.epochs > 1
        self.progress = Progress()
        self._tensors = [tensor for _, tensor in stack.parameters.named()]
        self._optimizer = torch.optim.AdamW(
            self._tensors,
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
            foreach=False,
        )
        self._steps_each = -(-len(packs) // options.packs_per_step)
        self._rows: list[Sequence[object]] = []
        try:
            destination.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write {destination.folder}: {error.strerror}") from None
        self._resume()

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self._steps_each * self._options.epochs

    @property
    def is_done(self) -> bool:
        """Whether all steps were made, or patience has ended the run."""
        return self.progress.step >= self.steps or self.progress.is_ended

    def run(self) -> None:
        """Make the steps that are left. Whatever ends it, what was done up to the last step is kept.

        Raises TrainingError for a loss that is no number, OutputError where a file cannot be written, and what the
        watcher raises.
        """
        # The kernels have threads of their own: those of PyTorch would wait awake beside them.
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        store = self._prefix_store()
        began, before, saved = time.monotonic(), self.progress.seconds, time.monotonic()
        try:
            while True:
                # A run that was ended while it evaluated does that first.
                if self._is_due():
                    self._evaluate()
                if self.is_done:
                    break
                self._step(store)
                now = time.monotonic()
                self.progress.seconds = before + now - began
                if now - saved > self._options.save_every_s:
                    self.save()
                    saved = now
        finally:
            torch.set_num_threads(threads)
            if store is not None:
                store.close()
            self.save()
        if not self._held_out:
            self._write_adapter()

    def save(self) -> None:
        """Write checkpoint and metrics. Raises OutputError."""
        parameters = dict(self._stack.parameters.named())
        state = self._optimizer.state
        moments = {name: state[each] for name, each in parameters.items() if each in state}
        Checkpoint(self._to.identity, parameters, moments, self.progress).write(self._to.folder)
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(_COLUMNS)
        writer.writerows(self._rows)
        (self._to.folder / METRICS).write_text(table.getvalue())

    def held_out_loss(self) -> float:
        """Mean over the weights of all held-out targets."""
        losses = [self._stack.loss(p, on_layer=self._watcher.layer_done) for p in self._held_out]
        return sum(each.loss for each in losses) / sum(each.weight for each in losses)

    def _resume(self) -> None:
        found = Checkpoint.read(self._to.folder, self._to.identity)
        if found is None:
            return
        self._stack.parameters.load(found.parameters)
        for name, tensor in self._stack.parameters.named():
            if state := state_of(found, name):
                self._optimizer.state[tensor] = state
        self.progress = found.progress
        path = self._to.folder / METRICS
        if path.exists():
            rows = list(csv.reader(path.read_text().splitlines()))[1:]
            self._rows = [row for row in rows if row and int(row[0]) <= self.progress.step]

    def _step(self, store: PrefixStore | None) -> None:
        options, progress = self._options, self.progress
        epoch, place = divmod(progress.step, self._steps_each)
        order = np.random.default_rng((options.seed, epoch)).permutation(len(self._packs))
        chosen = order[place * options.packs_per_step :][: options.packs_per_step]
        rate = options.rate(progress.step, self.steps)
        whole = float(sum(self._packs[i].weights.sum(dtype=np.float64) for i in chosen))
        self._optimizer.zero_grad(set_to_none=True)
        losses = [self._backward(int(index), 1 / whole, store) for index in chosen]
        loss = sum(each.loss for each in losses) / whole
        norm = float(torch.nn.utils.clip_grad_norm_(self._tensors, options.clip))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingError(
                f"step {progress.step + 1}: the loss is {loss} and its gradient's norm {norm}; what was learnt before "
                "is kept: go on with a lower --learning-rate in another folder"
            )
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        progress.step += 1
        progress.tokens += sum(len(self._packs[i]) for i in chosen)
        report = StepReport(
            progress.step, self.steps, epoch, progress.tokens, rate, loss, _by_kind(losses), norm
        )
        self._rows.append((*_cells(report), "", round(progress.seconds, 3)))
        self._watcher.stepped(report)

    def _backward(self, index: int, scale: float, store: PrefixStore | None) -> PackLoss:
        pack, on_layer = self._packs[index], self._watcher.layer_done
        prefix = None
        if store is not None:
            prefix = store.get(index, lambda: self._stack.prefix(pack, on_layer))
        return self._stack.backward(pack, scale, prefix, on_layer)

    def _is_due(self) -> bool:
        """Whether the held-out packs are to be evaluated at this step."""
        step, every = self.progress.step, self._options.evaluate_every or self._steps_each
        at_step = step > 0 and (step % every == 0 or step == self.steps)
        return bool(self._held_out) and at_step and self.progress.evaluated < step

    def _evaluate(self) -> None:
        progress = self.progress
        loss = self.held_out_loss()
        progress.evaluated = progress.step
        is_best = progress.best is None or loss < progress.best
        progress.since_best = 0 if is_best else progress.since_best + 1
        if is_best:
            progress.best = loss
            self._write_adapter()
        patience = self._options.patience
        progress.is_ended = bool(patience) and progress.since_best >= patience
        self._rows[-1] = (*self._rows[-1][:6], loss, self._rows[-1][7])
        self._watcher.evaluated(loss, is_best=is_best)

    def _write_adapter(self) -> None:
        adapter = self._stack.parameters.adapter(self._to.base)
        about = {"gptoss_step": str(self.progress.step)}
        write_adapter(self._to.folder, adapter, base=self._to.base_name, about=about)

    def _prefix_store(self) -> PrefixStore | None:
        if not self._keeps_prefix or self.is_done:
            return None
        return PrefixStore(self._to.folder, self._packs, self._stack.hidden_size)


def _cells(report: StepReport) -> tuple[object, ...]:
    return (
        report.step,
        report.epoch,
        report.tokens,
        f"{report.learning_rate:.6g}",
        f"{report.loss:.6f}",
        f"{report.gradient_norm:.6g}",
    )


def _by_kind(losses: Sequence[PackLoss]) -> dict[TokenKind, float]:
    sums: dict[TokenKind, tuple[float, int]] = {}
    for each in losses:
        for kind, (loss, count) in each.of_kind.items():
            before = sums.get(kind, (0.0, 0))
            sums[kind] = before[0] + loss, before[1] + count
    return {kind: loss / count for kind, (loss, count) in sums.items()}
