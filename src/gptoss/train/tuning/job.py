"""A job of fine-tuning: data and a model to an adapter, from one description."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gptoss.errors import TrainingError
from gptoss.harmony import Effort
from gptoss.kernels import TrainingBackend
from gptoss.model.adapter.lora import base_digest
from gptoss.runtime.loading import Base
from gptoss.train.data.dataset import Dataset, read_dataset
from gptoss.train.data.loss_weights import LossWeights
from gptoss.train.data.packs import Pack, packed
from gptoss.train.data.samples import Rendering, Sample
from gptoss.train.packed import Arithmetic
from gptoss.train.tuning.layer_choice import layers_of
from gptoss.train.tuning.memory import TuningMemory, plan_tuning
from gptoss.train.tuning.options import TrainingOptions
from gptoss.train.tuning.parameters import AdapterParameters, LoraOptions
from gptoss.train.tuning.stack import Stack
from gptoss.train.tuning.trainer import Destination, Trainer, Watcher


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What is learnt, of what, and how.

    data              files of rows
    train_on          weights of what the model writes, as `LossWeights.parse` has them
    max_length        tokens of a sample; longer ones are cut at their end
    pack_length       tokens of a pass; None: max_length, or 2,048 where that is less
    held_out          share of rows that are not learnt from, and whose loss is watched; 0: none
    reasoning         effort of rows that name none
    last_turn         only the last turn of each row is learnt
    layers            whose attention learns, and above which experts may
    experts           layers whose experts learn
    rank, alpha       of attention; `expert_rank`, `expert_alpha`: of experts
    precision         what inputs of experts' products are rounded to; None: what is faster here
    keeps_prefix      keep outputs of layers below the first that learns on the disk, for later epochs
    """

    data: Sequence[Path]
    train_on: str = ""
    max_length: int = 2048
    pack_length: int | None = None
    held_out: float = 0.0
    reasoning: str = "medium"
    last_turn: bool = False
    layers: str = "all"
    experts: str = "none"
    rank: int = 16
    alpha: float = 32.0
    expert_rank: int = 8
    expert_alpha: float = 16.0
    precision: str | None = None
    keeps_prefix: bool = True
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def __post_init__(self) -> None:
        """Raises TrainingError for a value outside its range."""
        limits = {
            "max_length": (8, 131_072),
            "rank": (1, 1024),
            "expert_rank": (1, 1024),
            "alpha": (1e-6, 1e6),
            "expert_alpha": (1e-6, 1e6),
            "held_out": (0.0, 0.9),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise TrainingError(f"got {name} {value}, wanted {least:g} to {most:,}")

    def lora(self, num_layers: int) -> LoraOptions:
        """For a model of so many layers. Raises TrainingError where nothing would learn."""
        attention = layers_of(self.layers, num_layers, "--layers")
        experts = layers_of(self.experts, num_layers, "--experts")
        if self.experts == "all":
            # All that are above the first layer that learns.
            experts = frozenset(n for n in experts if not attention or n >= min(attention))
        if not attention and not experts:
            raise TrainingError("got no layer to learn in: choose some by --layers or --experts")
        return LoraOptions(
            rank=self.rank,
            alpha=self.alpha,
            expert_rank=self.expert_rank,
            expert_alpha=self.expert_alpha,
            attention=attention,
            experts=experts,
        )


@dataclass(slots=True)
class Job:
    """Data that were read, as packs, and a model to learn from them."""

    base: Base
    options: JobOptions
    dataset: Dataset
    lora: LoraOptions
    packs: list[Pack]
    held_out: list[Pack]

    @classmethod
    def of(cls, base: Base, options: JobOptions) -> Job:
        """Read the data. Raises DataError, TrainingError, MessageError for wrong options or data."""
        lora = options.lora(base.checkpoint.config.num_layers)
        rendering = Rendering(
            weights=LossWeights.parse(options.train_on),
            effort=Effort.parse(options.reasoning),
            last_only=options.last_turn,
        )
        dataset = read_dataset(
            list(options.data), base.tokenizer, rendering, max_length=options.max_length
        )
        length = options.pack_length or max(2048, options.max_length)
        if length < options.max_length:
            raise TrainingError(
                f"got a pass of {length:,} tokens for samples of up to {options.max_length:,}; wanted one as long"
            )
        learnt, kept = _split(dataset.samples, options.held_out, options.training.seed)
        return cls(base, options, dataset, lora, packed(learnt, length), packed(kept, length))

    def trainer(self, out: Path, watcher: Watcher | None = None) -> Trainer:
        """What learns, in a folder; it goes on there where it stopped. Raises TrainingError, OutputError."""
        base, config = self.base, self.base.checkpoint.config
        arithmetic = Arithmetic(base.backend, TrainingBackend(base.backend), self.options.precision)
        parameters = AdapterParameters(config, self.lora, self.options.training.seed)
        stack = Stack(config, base.weights, arithmetic, parameters)
        digest = base_digest(base.weights)
        destination = Destination(
            folder=out,
            identity={
                "dataset": self.dataset.digest,
                "base": digest,
                "precision": str(arithmetic.precision),
                "options": hashlib.sha256(self._decisive().encode()).hexdigest(),
            },
            base=digest,
            base_name=str(base.checkpoint.path),
        )
        return Trainer(
            stack,
            self.options.training,
            self.packs,
            self.held_out,
            destination,
            watcher,
            keeps_prefix=self.options.keeps_prefix,
        )

    def memory(self) -> TuningMemory:
        """Bytes that it takes at most."""
        config, longest = self.base.checkpoint.config, max(map(len, (*self.packs, *self.held_out)))
        return plan_tuning(config, self.base.num_bytes, self.lora, longest)

    def layers_each_step(self) -> int:
        """Layers that a step computes, in both directions, where nothing is kept."""
        num_layers = self.base.checkpoint.config.num_layers
        each = num_layers + num_layers - self.lora.first
        return each * min(self.options.training.packs_per_step, len(self.packs))

    def _decisive(self) -> str:
        """All options that change what is learnt."""
        own, training = self.options, self.options.training
        of_job = (
            own.pack_length,
            own.held_out,
            sorted(self.lora.attention),
            sorted(self.lora.experts),
        )
        of_lora = (own.rank, own.alpha, own.expert_rank, own.expert_alpha)
        of_training = {
            name: getattr(training, name)
            for name in training.__dataclass_fields__
            if name != "save_every_s"
        }
        return repr((of_job, of_lora, of_training))


def _split(samples: Sequence[Sample], share: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Samples of most rows, and those of a share of rows, drawn by a seed. Raises TrainingError for too few rows."""
    rows = sorted({sample.row for sample in samples})
    count = round(share * len(rows)) if share else 0
    if share and not 0 < count < len(rows):
        raise TrainingError(
            f"got {len(rows):,} rows, of which {share:g} are {count:,}: wanted some to learn from and some to hold "
            "out; bring more, or give --held-out 0"
        )
    drawn = np.random.default_rng((seed, 1)).permutation(len(rows))[:count]
    kept = {rows[index] for index in drawn}
    return (
        [sample for sample in samples if sample.row not in kept],
        [sample for sample in samples if sample.row in kept],
    )
