"""The differentiable twin against transformers, and its export against our own forward pass."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from gptoss.kernels import Backend
from gptoss.kernels.bf16 import float32_to_bf16
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.mxfp4 import unpack_to_bf16
from gptoss.train.batches import TrainingSequence, batches, collate
from gptoss.train.export import config_of, write_checkpoint
from gptoss.train.loop import LoopOptions, Trainer, learning_rate
from gptoss.train.quantise import as_exported, dequantise_mxfp4, quantise_mxfp4
from gptoss.train.torch_model import Shape, TorchModel
from tests.model.random_model import open_transformer

pytestmark = pytest.mark.torch

SHAPE = Shape(
    vocab_size=80,
    hidden_size=64,
    intermediate_size=32,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    num_local_experts=4,
    num_experts_per_tok=2,
    sliding_window=8,
    original_max_position_embeddings=64,
)


def random_model(seed: int = 0) -> TorchModel:
    """Every parameter random, biases and sinks too."""
    model = TorchModel(SHAPE)
    generator = torch.Generator().manual_seed(seed)
    model.initialise(generator)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() < 2 or name.endswith("bias"):
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def ids(count: int = 50, seed: int = 1) -> torch.Tensor:
    return torch.randint(
        0, SHAPE.vocab_size, (1, count), generator=torch.Generator().manual_seed(seed)
    )


@torch.no_grad()
def test_twin_agrees_with_transformers() -> None:
    from transformers import GptOssConfig, GptOssForCausalLM

    model = random_model()
    data = config_of(SHAPE).to_dict()
    del data["quantization_config"]
    config = GptOssConfig(**data, attn_implementation="eager", experts_implementation="eager")
    oracle = GptOssForCausalLM(config).eval()
    state = {
        name if name.startswith("lm_head") else f"model.{name}": value
        for name, value in model.state_dict().items()
    }
    oracle.load_state_dict(state)
    torch.testing.assert_close(model(ids()), oracle(ids()).logits, rtol=0, atol=1e-4)


@torch.no_grad()
def test_export_computes_what_the_rounded_twin_does(tmp_path: Path) -> None:
    model = random_model()
    write_checkpoint(model, tmp_path, (3,))
    for name, parameter in model.named_parameters():
        parameter.data = as_exported(name, parameter)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.config.eos_token_ids == (3,)
    ours = open_transformer(tmp_path, "float32", Backend())
    expected = model(ids())[0].numpy()
    np.testing.assert_allclose(ours.logits(ids()[0].numpy()), expected, rtol=0, atol=1e-4)


class TestQuantise:
    def test_representable_values_survive(self) -> None:
        values = torch.tensor([0.5, -6, 4, 3, 2, 1.5, -1, 0] * 4) * 2.0**-7
        torch.testing.assert_close(
            dequantise_mxfp4(*quantise_mxfp4(values)), values, rtol=0, atol=0
        )

    def test_the_model_unpacks_the_same(self) -> None:
        weight = torch.randn(3, 64, 96, generator=torch.Generator().manual_seed(0))
        blocks, scales = quantise_mxfp4(weight)
        # In-features first, as the dequantised export holds them.
        unpacked = unpack_to_bf16(blocks.numpy(), scales.numpy())
        expected = dequantise_mxfp4(blocks, scales).transpose(-1, -2).numpy()
        np.testing.assert_array_equal(unpacked, float32_to_bf16(np.ascontiguousarray(expected)))

    def test_error_is_that_of_the_format(self) -> None:
        weight = torch.randn(8, 320, generator=torch.Generator().manual_seed(0))
        rounded = dequantise_mxfp4(*quantise_mxfp4(weight))
        # The gap above 4 is 2 wide, so half of it is the most by which a value under the largest can be off.
        largest = weight.reshape(8, 10, 32).abs().amax(-1, keepdim=True)
        error = (rounded - weight).reshape(8, 10, 32).abs()
        assert (error <= largest / 4).all()
        relative = (rounded - weight).square().mean().sqrt() / weight.square().mean().sqrt()
        assert relative < 0.13

    def test_zeros(self) -> None:
        zeros = torch.zeros(2, 32)
        torch.testing.assert_close(dequantise_mxfp4(*quantise_mxfp4(zeros)), zeros)


class TestLoop:
    def sequences(self) -> list[TrainingSequence]:
        return [TrainingSequence([1, 2, 3, 4] * 4, [False] * 4 + [True] * 12)] * 4

    def trainer(self, folder: Path, total_tokens: int) -> Trainer:
        options = LoopOptions(total_tokens, learning_rate=1e-2, warmup_tokens=100)
        model = TorchModel(SHAPE)
        model.initialise(torch.Generator().manual_seed(0))
        return Trainer(model, options, folder)

    def run(self, folder: Path, total_tokens: int) -> Trainer:
        trainer = self.trainer(folder, total_tokens)
        source = batches(
            lambda: self.sequences()[0], rng=random.Random(0), tokens_per_batch=64, pad_id=0
        )
        assert trainer.run(source, report_every=1)
        return trainer

    def test_learns_and_resumes(self, tmp_path: Path) -> None:
        first = self.run(tmp_path, 1500)
        losses = [loss for _, loss, _, _ in first.progress.history]
        assert losses[-1] < losses[0] / 3
        resumed = self.trainer(tmp_path, 3000)
        assert resumed.progress == first.progress
        for ours, theirs in zip(resumed.model.parameters(), first.model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs)
        assert self.run(tmp_path, 3000).progress.tokens >= 3000

    def test_last_part_computes_with_exported_weights(self, tmp_path: Path) -> None:
        trainer = self.trainer(tmp_path, 1000)
        assert not trainer.is_rounded
        trainer.progress.tokens = 900
        assert trainer.is_rounded
        before = [p.detach().clone() for p in trainer.model.parameters()]
        trainer.step(collate(self.sequences(), 0))
        after = list(trainer.model.parameters())
        assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))

    def test_learning_rate_warms_up_stays_and_falls(self) -> None:
        options = LoopOptions(
            1_000_000, learning_rate=1.0, final_learning_rate=0.0, warmup_tokens=1000
        )
        rates = [learning_rate(options, n) for n in (0, 500, 1000, 600_000, 800_000, 1_000_000)]
        assert rates == pytest.approx([0.001, 0.501, 1.0, 1.0, 0.5, 0.0], abs=1e-3)
