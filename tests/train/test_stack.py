"""The pass layer by layer: its loss and gradients are those of each sample alone, whatever a pack shares."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gptoss.train.data.loss_weights import TokenKind
from gptoss.train.data.packs import Pack, packed
from gptoss.train.data.samples import Sample
from gptoss.train.tuning.parameters import AdapterParameters, LoraOptions
from gptoss.train.tuning.stack import Stack
from tests.model.random_model import RandomModel, random_config
from tests.train.adapted_model import DequantisedModel, PackedModel, Text, random_adapters, written

pytestmark = pytest.mark.torch


def _sample(ids: list[int], row: int, turn: int) -> Sample:
    rng = np.random.default_rng(len(ids) + 7 * turn)
    weights = rng.random(len(ids)).astype(np.float32)
    weights[rng.random(len(ids)) < 0.4] = 0
    kinds = rng.choice([TokenKind.ANALYSIS.number, TokenKind.FINAL.number], len(ids))
    return Sample(np.array(ids, np.int32), kinds.astype(np.uint8), weights, row, turn)


def _samples(vocabulary: int) -> list[Sample]:
    rng = np.random.default_rng(3)
    first, second, third, other = (
        rng.integers(vocabulary, size=n).tolist() for n in (60, 50, 30, 40)
    )
    return [
        _sample(first, 0, 0),
        _sample(first[:25] + second, 0, 1),
        _sample(first[:25] + second[:20] + third, 0, 2),
        _sample(other, 1, 0),
    ]


def _stack(model: PackedModel, seed: int = 4, **options: range) -> Stack:
    layers = range(model.config.num_layers)
    lora = LoraOptions(
        rank=3,
        alpha=2.1,
        expert_rank=2,
        expert_alpha=1.4,
        attention=options.get("attention", layers),
        experts=options.get("experts", layers),
    )
    parameters = AdapterParameters(model.config, lora, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in parameters.named():
            if name.endswith("b"):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return Stack(model.config, model.weights, model.arithmetic, parameters)


def _gradients(stack: Stack, packs: list[Pack]) -> tuple[float, dict[str, Tensor]]:
    for _, tensor in stack.parameters.named():
        tensor.grad = None
    loss = sum(stack.backward(pack, 0.01).loss for pack in packs)
    found = {}
    for name, tensor in stack.parameters.named():
        assert tensor.grad is not None
        found[name] = tensor.grad.clone()
    return loss, found


@pytest.fixture(scope="module")
def random_model() -> RandomModel:
    return RandomModel.of(random_config(2), 2)


@pytest.fixture(scope="module")
def model(random_model: RandomModel, tmp_path_factory: pytest.TempPathFactory) -> PackedModel:
    return PackedModel(written(random_model, tmp_path_factory.mktemp("model")))


def _assert_close(got: dict[str, Tensor], wanted: dict[str, Tensor], most: float) -> None:
    assert got.keys() == wanted.keys()
    for name, exact in wanted.items():
        assert exact.abs().max() > 0
        assert (got[name] - exact).abs().max() <= most * exact.abs().max(), name


def test_packs_have_the_gradients_of_their_samples(model: PackedModel) -> None:
    stack, samples = _stack(model), _samples(model.config.vocab_size)
    alone = [pack for sample in samples for pack in packed([sample], 200)]
    loss, wanted = _gradients(stack, alone)
    for packs in (packed(samples, 300), packed(samples, 300, shares=False), packed(samples, 100)):
        found, gradients = _gradients(stack, packs)
        assert found == pytest.approx(loss, rel=1e-5)
        _assert_close(gradients, wanted, 2e-5)
    (shared,) = packed(samples, 300)
    assert len(shared) < sum(map(len, samples))


def test_the_loss_is_that_of_transformers(random_model: RandomModel, model: PackedModel) -> None:
    """With B at zero, as training begins."""
    layers = range(model.config.num_layers)
    options = LoraOptions(attention=layers, experts=layers)
    stack = Stack(
        model.config,
        model.weights,
        model.arithmetic,
        AdapterParameters(model.config, options, 0),
    )
    samples = _samples(model.config.vocab_size)
    oracle = DequantisedModel(random_model, torch.float64)
    for sample in samples:
        targets = np.append(sample.token_ids[1:], 0).astype(np.int64)
        weights = np.append(sample.weights[1:], 0).astype(np.float32)
        text = Text(
            torch.from_numpy(sample.token_ids.astype(np.int64)),
            (len(sample),),
            torch.from_numpy(targets),
            torch.from_numpy(weights),
        )
        plain = _zeros(model)
        (pack,) = packed([sample], 200)
        exact = float(oracle.loss(text, plain))
        assert stack.loss(pack).loss == pytest.approx(exact, rel=1e-5)


def _zeros(model: PackedModel) -> dict[str, Tensor]:
    made = random_adapters(model.config, rank=1, seed=0)
    for number, layer in enumerate(model.weights.layers):
        made[f"{number}.sinks"] = torch.from_numpy(layer.attention.sinks)
    return {
        name: value if name.endswith("sinks") else torch.zeros_like(value)
        for name, value in made.items()
    }


def test_what_lies_below_the_first_layer_that_learns_can_be_kept(model: PackedModel) -> None:
    last = range(model.config.num_layers - 1, model.config.num_layers)
    stack = _stack(model, attention=last, experts=last)
    (pack,) = packed(_samples(model.config.vocab_size), 300)
    loss, wanted = _gradients(stack, [pack])
    prefix = stack.prefix(pack)
    assert prefix.shape == (len(pack), model.config.hidden_size)
    for _, tensor in stack.parameters.named():
        tensor.grad = None
    assert stack.backward(pack, 0.01, prefix).loss == loss
    for name, tensor in stack.parameters.named():
        assert tensor.grad is not None
        assert torch.equal(tensor.grad, wanted[name])


def test_gradients_are_those_of_the_layers_that_learn_in_all(model: PackedModel) -> None:
    last = range(model.config.num_layers - 1, model.config.num_layers)
    whole, part = _stack(model), _stack(model, attention=last, experts=last)
    part.parameters.load({name: value.detach() for name, value in whole.parameters.named()})
    # The same function: nothing below is changed in either.
    with torch.no_grad():
        for name, value in whole.parameters.named():
            if name.endswith("b") and int(name.partition(".")[0]) < last.start:
                value.zero_()
    (pack,) = packed(_samples(model.config.vocab_size), 300)
    for _, tensor in whole.parameters.named():
        tensor.grad = None
    loss = whole.backward(pack, 0.01).loss
    exact = {name: tensor.grad for name, tensor in whole.parameters.named()}
    found, of_part = _gradients(part, [pack])
    assert found == pytest.approx(loss, rel=1e-6)
    for name, gradient in of_part.items():
        wanted = exact[name]
        assert wanted is not None
        assert (gradient - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_losses_are_told_by_kind(model: PackedModel) -> None:
    stack = _stack(model)
    (pack,) = packed(_samples(model.config.vocab_size), 300)
    loss = stack.loss(pack)
    assert set(loss.of_kind) == {TokenKind.ANALYSIS, TokenKind.FINAL}
    assert sum(count for _, count in loss.of_kind.values()) == len(pack.targets)
    assert loss.weight == pytest.approx(float(pack.weights.sum()))
    assert loss.loss == stack.backward(pack, 1.0).loss


def test_a_pass_ends_where_it_is_told_to(model: PackedModel) -> None:
    stack = _stack(model)
    (pack,) = packed(_samples(model.config.vocab_size), 300)
    left = 3

    def count() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stack.backward(pack, 1.0, on_layer=count)
