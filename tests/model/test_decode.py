"""However a sequence is computed, its logits are the same bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from gptoss.errors import RequestError
from gptoss.kernels import Backend, Float32, reference
from gptoss.model.batch import Batch
from gptoss.model.config import LayerType, alternating_layers
from gptoss.model.kv_cache import MAX_CHUNK
from gptoss.model.layouts import PACKED
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.transformer import Transformer
from tests.choices import CHOICES, THREADS, Choice
from tests.model.random_model import SMALL, RandomModel, open_transformer, random_ids

CONFIG = replace(SMALL, layer_types=alternating_layers(4), sliding_window=40, max_positions=2048)
# Past the window of 40, past many pages of 32, past a chunk of 1024.
LENGTH = 1100


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RandomModel.of(CONFIG, 1).write(tmp_path_factory.mktemp("model"), PACKED)


def load(directory: Path, precision: str, backend: Backend | None = None) -> Transformer:
    precision, _, weights = precision.partition(" ")
    return open_transformer(directory, precision, backend or Backend(), weights or "stored")


@pytest.fixture(params=CHOICES, ids=str)
def choice(request: pytest.FixtureRequest) -> Choice:
    chosen: Choice = request.param
    return chosen


@pytest.fixture
def ids() -> NDArray[np.int64]:
    return random_ids(CONFIG, LENGTH)


def stepwise(model: Transformer, ids: NDArray[np.int64], chunks: list[int]) -> Float32:
    """The last logits of each chunk."""
    sequence = model.new_cache(max_tokens=len(ids)).sequence()
    ends = np.cumsum(chunks)
    return np.stack(
        [model.prefill(sequence, part) for part in np.split(ids, ends[:-1]) if len(part)]
    )


@pytest.mark.parametrize("precision", ["int8 int8", "int8", "bf16 int8", "bf16", "float32"])
def test_decode_equals_one_full_pass(
    directory: Path, choice: Choice, precision: str, ids: NDArray[np.int64]
) -> None:
    # Past the window by several pages.
    ids = ids[:160]
    model = load(directory, precision, choice.backend())
    whole = model.logits(ids)
    np.testing.assert_array_equal(stepwise(model, ids, [1] * len(ids)), whole)


@pytest.mark.wide(3)
@pytest.mark.parametrize("chunk", [7, PAGE_SIZE, 100, MAX_CHUNK])
@pytest.mark.parametrize("precision", ["int8 int8", "bf16"])
def test_any_chunk_size(
    directory: Path, choice: Choice, chunk: int, precision: str, ids: NDArray[np.int64]
) -> None:
    model = load(directory, precision, choice.backend())
    chunks = [chunk] * (LENGTH // chunk) + [LENGTH % chunk] * (LENGTH % chunk > 0)
    whole = model.logits(ids)
    np.testing.assert_array_equal(stepwise(model, ids, chunks), whole[np.cumsum(chunks) - 1])


def test_any_number_of_threads(directory: Path, choice: Choice, ids: NDArray[np.int64]) -> None:
    one, *more = (load(directory, "bf16", choice.backend(n)).logits(ids) for n in THREADS)
    for each in more:
        np.testing.assert_array_equal(each, one)


@pytest.mark.parametrize("precision", ["int8 int8", "bf16"])
def test_alone_or_in_a_batch(
    directory: Path, choice: Choice, precision: str, ids: NDArray[np.int64]
) -> None:
    model = load(directory, precision, choice.backend())
    prompts = np.split(ids[:300], [3, 50, 170])
    alone = [model.logits(prompt)[-1] for prompt in prompts]
    cache = model.new_cache(max_tokens=400, max_sequences=len(prompts))
    batch = Batch.of([(cache.sequence(), prompt) for prompt in prompts])
    np.testing.assert_array_equal(model.forward(batch), np.stack(alone))


def test_kernels_agree_with_the_plain_twin(directory: Path, choice: Choice) -> None:
    ids = random_ids(CONFIG, 70)
    for weights in ("stored", "int8"):
        plain = open_transformer(directory, "float32", reference.Backend(), weights)
        fast = load(directory, f"float32 {weights}", choice.backend())
        np.testing.assert_allclose(fast.logits(ids), plain.logits(ids), rtol=0, atol=1e-3)


def test_pages_are_reused_without_a_trace(directory: Path, ids: NDArray[np.int64]) -> None:
    model = load(directory, "bf16")
    cache = model.new_cache(max_tokens=LENGTH)
    fresh = model.prefill(cache.sequence(), ids[:90])
    used = model.new_cache(max_tokens=LENGTH)
    first = used.sequence()
    model.prefill(first, ids[100:])
    first.release()
    np.testing.assert_array_equal(model.prefill(used.sequence(), ids[:90]), fresh)


def test_sliding_layers_hold_the_window_only(directory: Path, ids: NDArray[np.int64]) -> None:
    model = load(directory, "bf16")
    cache = model.new_cache(max_tokens=LENGTH)
    sequence = cache.sequence()
    model.prefill(sequence, ids)
    # Pages that have left the window go when the next are taken.
    sequence.reserve(0)
    held = np.count_nonzero(sequence.page_table(LayerType.SLIDING) >= 0)
    assert held <= -(-CONFIG.sliding_window // PAGE_SIZE) + 1
    assert np.count_nonzero(sequence.page_table(LayerType.FULL) >= 0) == -(-LENGTH // PAGE_SIZE)


def test_too_long_is_refused_and_nothing_is_lost(directory: Path, ids: NDArray[np.int64]) -> None:
    model = load(directory, "bf16")
    sequence = model.new_cache(max_tokens=50).sequence()
    expected = model.prefill(sequence, ids[:40])
    with pytest.raises(RequestError, match="60 tokens do not fit: the context holds 50"):
        model.prefill(sequence, ids[:20])
    assert sequence.length == 40
    sequence.release()
    np.testing.assert_array_equal(model.prefill(sequence, ids[:40]), expected)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "no token ids"),
        ([1, 96], r"token id 96 at position 1; wanted 0 to 95"),
        ([-1], "token id -1"),
        ([1.5], "of type float64"),
        ([[1]], "wanted one list of them"),
    ],
)
def test_wrong_token_ids(directory: Path, wrong: list[object], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        load(directory, "bf16").logits(wrong)


def test_unknown_precision(directory: Path) -> None:
    with pytest.raises(RequestError, match="precision 'fp4'; wanted one of int8, bf16, float32"):
        load(directory, "fp4")


@pytest.mark.parametrize("precision", ["float32", "bf16", "int8", "int8 int8"])
def test_recorded_decodes_have_the_same_bits(
    directory: Path, precision: str, ids: NDArray[np.int64], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches that change in size, caches that change, and buffers that grow in between."""
    results = []
    for recorded_tokens in (32, 0):
        monkeypatch.setattr("gptoss.model.transformer._MAX_RECORDED_TOKENS", recorded_tokens)
        model = load(directory, precision)
        cache = model.new_cache(max_tokens=600, max_sequences=3)
        sequences = [cache.sequence() for _ in range(3)]
        found = [
            model.prefill(sequence, ids[:length])
            for sequence, length in zip(sequences, (60, 3, 31), strict=True)
        ]
        for step, running in enumerate([3, 2, 1, 3, 3, 2, 1, 1]):
            chunks = [(s, ids[100 + step : 101 + step]) for s in sequences[:running]]
            found += list(model.forward(Batch.of(chunks)))
            if step == 4:
                found.append(model.logits(ids[:200])[-1])
        results.append(np.stack(found))
    assert np.array_equal(results[0], results[1])


def test_recordings_end_with_their_cache(directory: Path, ids: NDArray[np.int64]) -> None:
    model = load(directory, "int8")
    cache = model.new_cache(max_tokens=64)
    sequence = cache.sequence()
    for token_id in ids[:5]:
        model.prefill(sequence, [token_id])
    assert len(model._recorded) == 1
    del cache, sequence
    assert len(model._recorded) == 0
