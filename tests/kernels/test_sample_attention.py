"""Attention within samples and its gradients against their NumPy twin, with every choice of kernels of this machine."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from gptoss import kernels
from gptoss.kernels import reference_training
from tests.choices import THREADS, Choice
from tests.kernels.arrays import EPSILON, Array, assert_within, floats

SHAPES = [(2, 2, 16), (8, 2, 32), (16, 2, 64), (3, 1, 48), (64, 1, 16), (2, 1, 128)]
STARTS = [(0, 1), (0, 70), (0, 3, 4, 131, 200)]
WINDOWS = [0, 1, 16, 70]


@dataclass(frozen=True)
class Case:
    """Queries, keys and values of samples, and the gradient of what they attend to."""

    qkv: Array
    starts: Array
    sinks: Array
    d_out: Array
    window: int

    @classmethod
    def random(
        cls, heads: int, kv_heads: int, head_dim: int, starts: tuple[int, ...], window: int
    ) -> Case:
        random = np.random.default_rng(heads * head_dim + window)
        tokens = starts[-1]
        return cls(
            floats(random, tokens, heads + 2 * kv_heads, head_dim, scale=1.5),
            np.array(starts, np.int32),
            floats(random, heads, scale=3.0),
            floats(random, tokens, heads, head_dim),
            window,
        )

    @property
    def scale(self) -> float:
        return float(self.qkv.shape[2] ** -0.5)

    def forward(self, each: kernels.TrainingKernels) -> tuple[Array, Array]:
        """Output and log sums."""
        return self.attended(each, self.qkv, self.sinks)

    def attended(
        self, each: kernels.TrainingKernels, qkv: Array, sinks: Array
    ) -> tuple[Array, Array]:
        """The same of other queries, keys, values and sinks; not a number where nothing is written."""
        out = np.full(self.d_out.shape, np.nan, qkv.dtype)
        log_sums = np.full(out.shape[:2], np.nan, qkv.dtype)
        each.attention(qkv, self.starts, sinks, out, log_sums, window=self.window, scale=self.scale)
        return out, log_sums

    def backward(
        self, each: kernels.TrainingKernels, out: Array, log_sums: Array
    ) -> tuple[Array, Array]:
        """Gradients of qkv and sinks, likewise."""
        d_qkv, d_sinks = np.full_like(self.qkv, np.nan), np.full_like(self.sinks, np.nan)
        each.attention_gradient(
            self.qkv,
            self.starts,
            self.sinks,
            out,
            log_sums,
            self.d_out,
            np.full_like(log_sums, np.nan),
            d_qkv,
            d_sinks,
            window=self.window,
            scale=self.scale,
        )
        return d_qkv, d_sinks

    def sample(self, number: int) -> Case:
        """One sample as if there were no other."""
        begin, end = self.starts[number : number + 2]
        return Case(
            self.qkv[begin:end].copy(),
            np.array([0, end - begin], np.int32),
            self.sinks,
            self.d_out[begin:end].copy(),
            self.window,
        )

    def relative_error(self) -> float:
        """How far a softmax weight may be off, relative to itself, by rounding.

        The error of a score is that of its sum; exp, the logarithm and its rounding add a few units of their size.
        """
        longest = largest_norm(self.parts()["query"]) * largest_norm(self.parts()["key"])
        largest = longest * self.scale + np.abs(self.sinks).max() + np.log(len(self.qkv) + 1)
        return rounding(self.qkv.shape[2]) * float(largest)

    def parts(self, qkv: Array | None = None) -> dict[str, Array]:
        """Queries, keys and values of an array as qkv."""
        qkv = self.qkv if qkv is None else qkv
        heads = self.d_out.shape[1]
        kv_heads = (qkv.shape[1] - heads) // 2
        names, cuts = ("query", "key", "value"), (heads, heads + kv_heads)
        return dict(zip(names, np.split(qkv, cuts, axis=1), strict=True))

    def queries_of_a_key(self) -> int:
        """Rows that see one key, at most."""
        longest = max(end - begin for begin, end in itertools.pairwise(self.starts))
        heads = self.d_out.shape[1]
        group = heads // ((self.qkv.shape[1] - heads) // 2)
        return int(min(longest, self.window or longest)) * group


def largest_norm(vectors: Array) -> float:
    return float(np.linalg.norm(vectors, axis=-1).max())


def rounding(terms: int) -> float:
    """Of a sum of so many terms, relative to it, but for chances of one in 10,000: roundings are independent.

    Higham and Mary, A new approach to probabilistic rounding error analysis, 2019.
    """
    return 4 * EPSILON * float(np.sqrt(terms))


@pytest.fixture
def training(backend: kernels.Backend) -> kernels.TrainingKernels:
    return kernels.TrainingBackend(backend)


@pytest.fixture
def training_twin() -> kernels.TrainingKernels:
    return reference_training.TrainingBackend()


@pytest.mark.wide(9)
@pytest.mark.parametrize(("heads", "kv_heads", "head_dim"), SHAPES)
@pytest.mark.parametrize("starts", STARTS)
@pytest.mark.parametrize("window", WINDOWS)
def test_forward_and_gradients(
    training: kernels.TrainingKernels,
    training_twin: kernels.TrainingKernels,
    heads: int,
    kv_heads: int,
    head_dim: int,
    starts: tuple[int, ...],
    window: int,
) -> None:
    case = Case.random(heads, kv_heads, head_dim, starts, window)
    out, log_sums = case.forward(training)
    wanted_out, wanted_log_sums = case.forward(training_twin)
    error, tokens = case.relative_error(), len(case.qkv)
    values = np.abs(case.parts()["value"]).max()
    assert_within(log_sums, wanted_log_sums, error + EPSILON * np.abs(wanted_log_sums))
    # Weights sum to less than one.
    assert_within(out, wanted_out, (2 * error + rounding(tokens)) * values)

    d_qkv, d_sinks = case.backward(training, out, log_sums)
    wanted, wanted_sinks = case.backward(training_twin, wanted_out, wanted_log_sums)
    # What is left when the share is taken off the gradient of a weight may be small beside them.
    product = largest_norm(case.d_out) * largest_norm(case.parts()["value"])
    taken_off = {
        "query": product * case.scale * np.abs(case.parts()["key"]).max(),
        "key": product * case.scale * np.abs(case.parts()["query"]).max(),
        "value": 0.0,
    }
    own = rounding(case.queries_of_a_key() + head_dim)
    for name, part in case.parts(d_qkv).items():
        of_twin = case.parts(wanted)[name]
        assert_within(
            part, of_twin, 2 * (error + own) * np.abs(of_twin).max() + own * taken_off[name]
        )
    bound = 2 * (error + rounding(tokens)) * np.abs(wanted_sinks).max()
    assert_within(d_sinks, wanted_sinks, bound + rounding(tokens) * product)


@pytest.mark.parametrize("window", [0, 16])
def test_same_bits_for_any_threads_and_beside_any_samples(choice: Choice, window: int) -> None:
    case = Case.random(8, 2, 32, (0, 3, 4, 131, 200), window)
    results = []
    for threads in THREADS:
        training = kernels.TrainingBackend(choice.backend(threads))
        out, log_sums = case.forward(training)
        results.append((out, log_sums, *case.backward(training, out, log_sums)))
    for result in results[1:]:
        for got, wanted in zip(result, results[0], strict=True):
            assert np.array_equal(got, wanted)
    for number, (begin, end) in enumerate(itertools.pairwise(case.starts)):
        alone = case.sample(number)
        out, log_sums = alone.forward(training)
        d_qkv, _ = alone.backward(training, out, log_sums)
        for got, wanted in zip((out, log_sums, d_qkv), results[0], strict=False):
            assert np.array_equal(got, wanted[begin:end])


@pytest.mark.parametrize("window", [0, 5])
def test_twin_is_the_derivative(training_twin: kernels.TrainingKernels, window: int) -> None:
    """Along random directions, against differences in float64."""
    case = Case.random(4, 2, 16, (0, 1, 14, 30), window)
    random = np.random.default_rng(1)
    qkv, sinks = case.qkv.astype(np.float64), case.sinks.astype(np.float64)

    def loss(moved_qkv: Array, moved_sinks: Array) -> float:
        out, _ = case.attended(training_twin, moved_qkv, moved_sinks)
        return float((out * case.d_out).sum())

    wide = replace(case, qkv=qkv, sinks=sinks)
    d_qkv, d_sinks = wide.backward(training_twin, *case.attended(training_twin, qkv, sinks))
    for _ in range(5):
        along_qkv, along_sinks = (1e-6 * random.standard_normal(x.shape) for x in (qkv, sinks))
        ahead = loss(qkv + along_qkv, sinks + along_sinks)
        behind = loss(qkv - along_qkv, sinks - along_sinks)
        slope = (d_qkv * along_qkv).sum() + (d_sinks * along_sinks).sum()
        np.testing.assert_allclose((ahead - behind) / 2, slope, rtol=1e-6)


def test_scores_that_are_far_apart(
    training: kernels.TrainingKernels, training_twin: kernels.TrainingKernels
) -> None:
    """Future scores overflow exp, and past ones leave nothing of the sink: neither may leave a trace."""
    case = Case.random(4, 2, 16, (0, 90), 0)
    case.qkv[:, :6] *= np.linspace(0.1, 12, 90, dtype=np.float32)[:, None, None]
    out, log_sums = case.forward(training)
    wanted_out, wanted_log_sums = case.forward(training_twin)
    np.testing.assert_allclose(out, wanted_out, atol=case.relative_error() * 20)
    gradients = case.backward(training, out, log_sums)
    for got, wanted in zip(
        gradients, case.backward(training_twin, wanted_out, wanted_log_sums), strict=True
    ):
        assert np.isfinite(got).all()
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(got, wanted, atol=case.relative_error() * 20 * scale)


def test_shapes_are_checked(training: kernels.TrainingKernels) -> None:
    case = Case.random(4, 2, 16, (0, 5), 0)
    for starts in ((0, 4), (1, 5), (0, 5, 5), (0, 3, 2, 5)):
        with pytest.raises(ValueError, match="attention"):
            Case(case.qkv, np.array(starts, np.int32), case.sinks, case.d_out, 0).forward(training)
    with pytest.raises(ValueError, match="kv_heads"):
        Case(case.qkv, case.starts, case.sinks[:3], case.d_out[:, :3], 0).forward(training)
