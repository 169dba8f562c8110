"""One layer's parts over packed weights: what is rounded, replayed, left out, and how work is cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from gptoss.errors import RequestError
from gptoss.kernels import Backend, Int32, TrainingBackend
from gptoss.kernels.reference_blocks import unpack_int8
from gptoss.model.config import LayerType
from gptoss.model.packing import WeightType
from gptoss.model.rope import RotaryTables
from gptoss.model.weights import Int8Matrix
from gptoss.train.packed import (
    Arithmetic,
    AttentionLayer,
    ExpertLora,
    ExpertsLayer,
    ExpertsLora,
    Samples,
    head_loss,
)
from gptoss.train.packed.linear import linears
from tests.model.random_model import SMALL, RandomModel
from tests.train.adapted_model import PackedModel, experts_lora, random_adapters, written

pytestmark = pytest.mark.torch


def arithmetic(precision: str | None = "float32", **choice: Any) -> Arithmetic:
    backend = Backend(**choice)
    return Arithmetic(backend, TrainingBackend(backend), precision)


@dataclass(frozen=True)
class Learned:
    """What a layer of experts adds, and the gradients of its input, router weights and adapters."""

    added: Tensor
    gradients: tuple[Tensor, ...]
    ids: Int32


@pytest.fixture
def model(tmp_path: Path) -> PackedModel:
    return PackedModel(written(RandomModel.of(SMALL, 3), tmp_path))


def learn(model: PackedModel, using: Arithmetic, ids: Int32 | None = None) -> Learned:
    """A pass of the first layer's experts, with the same random numbers each time."""
    generator = torch.Generator().manual_seed(5)
    hidden = torch.randn(90, SMALL.hidden_size, generator=generator).requires_grad_()
    weights = torch.randn(90, SMALL.hidden_size, generator=generator)
    adapters = random_adapters(SMALL, 2, 0)
    lora = experts_lora(adapters, 0)
    experts = ExpertsLayer(using, SMALL, model.weights.layers[0].experts)
    normed = experts.norm(hidden)
    routing = experts.route(normed, ids)
    added = experts(normed, routing, lora)
    wanted = [hidden, *(adapters[f"0.{name}.{m}"] for name in ("gate_up", "down") for m in "ab")]
    gradients = torch.autograd.grad((added * weights).sum(), [*wanted, routing.weights])
    return Learned(added.detach(), gradients, routing.ids)


def distance(a: Tensor, b: Tensor) -> float:
    return float((a - b).norm() / b.norm())


def test_bf16_rounds_inputs_of_experts_both_ways(model: PackedModel) -> None:
    """With the choice replayed, which might turn on a rounding else."""
    exact = learn(model, arithmetic())
    rounded = learn(model, arithmetic("bf16"), exact.ids)
    assert 0 < distance(rounded.added, exact.added) < 1e-2
    for got, wanted in zip(rounded.gradients, exact.gradients, strict=True):
        assert 0 < distance(got, wanted) < 1e-2


def test_precision_follows_the_processor(model: PackedModel) -> None:
    for isa, in_pairs in (("baseline", False), (None, None)):
        using = arithmetic(None, isa=isa, bf16_pairs=in_pairs)
        is_bf16 = using.backend.activation_dtype == np.uint16
        assert using.precision == ("bf16" if is_bf16 else "float32")
    with pytest.raises(RequestError, match="wanted one of"):
        arithmetic("fp8")


def test_a_replayed_choice_is_the_same_bits(model: PackedModel) -> None:
    first = learn(model, arithmetic())
    again = learn(model, arithmetic(), first.ids)
    assert torch.equal(first.added, again.added)
    for got, wanted in zip(again.gradients, first.gradients, strict=True):
        assert torch.equal(got, wanted)
    other = learn(model, arithmetic(), np.ascontiguousarray((first.ids + 1) % SMALL.num_experts))
    assert not torch.equal(other.added, first.added)


@pytest.mark.parametrize("threads", [2, 7])
def test_any_number_of_threads_is_the_same_bits(model: PackedModel, threads: int) -> None:
    """Of the kernels; PyTorch has as many in both."""
    one, several = (learn(model, arithmetic(threads=number)) for number in (1, threads))
    assert torch.equal(one.added, several.added)
    for got, wanted in zip(several.gradients, one.gradients, strict=True):
        assert torch.equal(got, wanted)


def test_experts_with_many_entries_are_cut(
    model: PackedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = learn(model, arithmetic())
    monkeypatch.setattr("gptoss.train.packed.mixture.MOST_ENTRIES", 7)
    cut = learn(model, arithmetic())
    torch.testing.assert_close(cut.added, whole.added, rtol=0, atol=1e-5)
    for got, wanted in zip(cut.gradients, whole.gradients, strict=True):
        assert distance(got, wanted) < 1e-6


def test_an_adapter_alone_learns_where_nothing_below_does(model: PackedModel) -> None:
    """The input needs no gradient in the lowest layer that learns."""
    experts = ExpertsLayer(model.arithmetic, SMALL, model.weights.layers[0].experts)
    normed = experts.norm(torch.randn(9, SMALL.hidden_size))
    adapters = random_adapters(SMALL, 2, 0)
    down = experts_lora(adapters, 0).down
    added = experts(normed, experts.route(normed), ExpertsLora(down=down))
    added.square().sum().backward()
    assert adapters["0.down.a"].grad is not None
    assert adapters["0.down.b"].grad is not None
    assert adapters["0.gate_up.a"].grad is None


def test_an_adapter_of_another_number_of_experts_is_refused(model: PackedModel) -> None:
    experts = ExpertsLayer(model.arithmetic, SMALL, model.weights.layers[0].experts)
    normed = experts.norm(torch.randn(9, SMALL.hidden_size))
    wrong = ExpertLora(torch.zeros(6, 64), torch.zeros(64, 6), 1.0)
    with pytest.raises(ValueError, match="times 4 experts"):
        experts(normed, experts.route(normed), ExpertsLora(gate_up=wrong))


def test_attention_needs_no_adapter(model: PackedModel) -> None:
    """And a sample's result does not depend on those beside it, to the bit."""
    attention = AttentionLayer(
        model.arithmetic, SMALL, LayerType.SLIDING, model.weights.layers[0].attention
    )
    rotary = RotaryTables(SMALL.rope, SMALL.head_dim)
    hidden = torch.randn(30, SMALL.hidden_size, requires_grad=True)
    together = attention(hidden, Samples.of([10, 1, 19], rotary))
    (gradient,) = torch.autograd.grad(together.square().sum(), hidden)
    alone = hidden.detach()[11:].clone().requires_grad_()
    last = attention(alone, Samples.of([19], rotary))
    (of_last,) = torch.autograd.grad(last.square().sum(), alone)
    assert torch.equal(last, together[11:])
    assert torch.equal(of_last, gradient[11:])
    with pytest.raises(ValueError, match="one at least"):
        Samples.of([4, 0], rotary)


@pytest.fixture
def int8(tmp_path: Path) -> PackedModel:
    return PackedModel(written(RandomModel.of(SMALL, 3), tmp_path), weights=WeightType.INT8)


def values_of(matrix: Any) -> Tensor:
    assert isinstance(matrix, Int8Matrix)
    values = unpack_int8(matrix.blocks, matrix.scales)[: matrix.num_rows]
    return torch.from_numpy(values)


def test_eight_bit_attention_weights(int8: PackedModel) -> None:
    weights = int8.weights.layers[0].attention.qkv
    x = torch.randn(11, SMALL.hidden_size, requires_grad=True)
    out = linears(int8.arithmetic, x, weights)
    d = torch.randn(out.shape)
    (d_x,) = torch.autograd.grad(out, x, d)
    dense = values_of(weights[0].weight)
    torch.testing.assert_close(
        out, (x.double() @ dense.T).float() + torch.from_numpy(weights[0].bias), rtol=0, atol=2e-5
    )
    torch.testing.assert_close(d_x, (d.double() @ dense).float(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("kind", ["stored", "int8"])
def test_loss_by_rows(
    kind: str, model: PackedModel, int8: PackedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces of any size, as PyTorch's cross-entropy has it; what has no weight is not looked at."""
    using = model if kind == "stored" else int8
    head = using.weights.head
    if kind == "stored":
        stored = np.asarray(head).astype(np.uint32) << 16
        dense = torch.from_numpy(stored.view(np.float32)).double()
    else:
        dense = values_of(head)
    x = torch.randn(40, SMALL.hidden_size, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(SMALL.vocab_size, (40,))
    weights = torch.rand(40)
    weights[::3] = 0
    losses = functional.cross_entropy(x @ dense.T, targets, reduction="none")
    wanted = 2.5 * (losses * weights).sum()
    (wanted_gradient,) = torch.autograd.grad(wanted, x)
    for rows in (1, 7, 128):
        monkeypatch.setattr("gptoss.train.packed.loss.ROWS", rows)
        ours = x.detach().float().requires_grad_()
        loss = 2.5 * head_loss(using.arithmetic, ours, head, targets, weights)
        (gradient,) = torch.autograd.grad(loss, ours)
        torch.testing.assert_close(loss.double(), wanted, rtol=1e-6, atol=0)
        torch.testing.assert_close(gradient.double(), wanted_gradient, rtol=0, atol=1e-5)
        assert (gradient[::3] == 0).all()


def test_nothing_that_counts_has_no_loss(model: PackedModel) -> None:
    x = torch.randn(4, SMALL.hidden_size, requires_grad=True)
    loss = head_loss(
        model.arithmetic, x, model.weights.head, torch.zeros(4, dtype=torch.int64), torch.zeros(4)
    )
    loss.backward()
    assert loss == 0
    assert x.grad is not None
    assert (x.grad == 0).all()


def test_buffers_do_not_grow(model: PackedModel) -> None:
    using = arithmetic("bf16")
    learn(model, using)
    grown = using.workspace.num_grown
    learn(model, using)
    assert using.workspace.num_grown == grown
