"""Perplexity and KL against the same computed from whole logits."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gptoss
from gptoss.errors import EvalError, RequestError
from gptoss.evals.perplexity import BLOCK, Perplexity, Windows, measure
from gptoss.evals.token_logits import divergence, logprobs, parts_of_logits
from gptoss.runtime import LoadedModel
from gptoss.tokenizer import Tokenizer
from tests.levels import examples

TEXT = "The train to the coast leaves at seven. What is 17 + 25? It is 42, said the baker. " * 30


def _plain(logits: np.ndarray) -> np.ndarray:
    """Log-softmax in double precision, all at once."""
    values = logits.astype(np.float64)
    peak = values.max(axis=1, keepdims=True)
    return values - peak - np.log(np.exp(values - peak).sum(axis=1, keepdims=True))


@pytest.fixture(scope="module")
def exact() -> LoadedModel:
    return gptoss.load("nano", "float32", threads=1)


def _ids(model: LoadedModel) -> list[int]:
    return model.tokenizer.encode(TEXT)


def test_one_window_is_the_text_read_at_once(exact: LoadedModel) -> None:
    ids = _ids(exact)
    found = measure(exact, TEXT, windows=Windows(size=len(ids), overlap=1))
    own = _plain(exact.logits(ids)[:-1, : exact.tokenizer.vocab_size])
    nats = -own[np.arange(len(ids) - 1), ids[1:]]
    assert found.tokens == len(ids) - 1
    assert found.bytes == len(exact.tokenizer.decode(ids[1:]).encode())
    assert found.perplexity.mean == pytest.approx(math.exp(nats.mean()), rel=1e-9)
    assert found.bits_per_byte.mean == pytest.approx(
        nats.sum() / math.log(2) / found.bytes, rel=1e-9
    )
    assert found.perplexity.low < found.perplexity.mean < found.perplexity.high
    assert found.perplexity.clusters == -(-found.tokens // BLOCK)
    assert found.divergence is None


@pytest.mark.parametrize(("size", "overlap"), [(300, 100), (257, 1), (200, 150), (999, 64)])
def test_windows_have_what_stands_before_them(exact: LoadedModel, size: int, overlap: int) -> None:
    ids = _ids(exact)[:900]
    text = exact.tokenizer.decode(ids)
    assert exact.tokenizer.encode(text) == ids
    found = measure(exact, text, windows=Windows(size=size, overlap=overlap))
    nats = []
    scored = 1
    while scored < len(ids):
        # As in the docstring: the last `overlap` of the window before, and as much more as fits.
        start = 0 if scored == 1 else scored - overlap
        end = min(start + size, len(ids))
        own = _plain(exact.logits(ids[start:end])[:, : exact.tokenizer.vocab_size])
        nats += [-own[place - 1 - start, ids[place]] for place in range(scored, end)]
        scored = end
    assert found.tokens == len(nats)
    assert found.perplexity.mean == pytest.approx(math.exp(np.mean(nats)), rel=1e-9)


@settings(max_examples=examples(300))
@given(st.integers(2, 60), st.integers(1, 59), st.integers(0, 300))
def test_each_token_is_scored_once(size: int, overlap: int, count: int) -> None:
    if overlap >= size:
        return
    seen: list[int] = []
    for start, end, scored in Windows(size=size, overlap=overlap).over(count):
        assert 0 <= start < end <= count
        assert end - start <= size
        assert scored == 1 or scored - start == overlap
        seen += range(scored, end)
    assert seen == list(range(1, count))


def test_a_reference_is_compared_token_by_token(
    exact: LoadedModel, nano_model: LoadedModel
) -> None:
    ids = _ids(exact)
    windows = Windows(size=len(ids), overlap=1)
    found = measure(nano_model, TEXT, reference=exact, windows=windows)
    known = exact.tokenizer.vocab_size
    ours, theirs = (_plain(each.logits(ids)[:-1, :known]) for each in (nano_model, exact))
    wanted = (np.exp(theirs) * (theirs - ours)).sum(axis=1)
    assert found.divergence is not None
    assert found.same_top is not None
    # The engine's cache of int8 precision is bfloat16, as that of `logits` is.
    assert found.divergence.mean == pytest.approx(wanted.mean(), rel=1e-6)
    assert found.same_top.mean == pytest.approx(
        (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()
    )
    assert 0 < found.divergence.low < found.divergence.mean < found.divergence.high


def test_a_model_is_no_distance_from_itself(exact: LoadedModel) -> None:
    found = measure(exact, TEXT, reference=exact)
    assert found.divergence is not None
    assert found.same_top is not None
    assert found.divergence.mean == 0.0
    assert found.same_top.mean == 1.0
    assert found.same_top.low < 1.0


def test_every_line_and_field_is_told(exact: LoadedModel, nano_model: LoadedModel) -> None:
    found = measure(nano_model, TEXT, reference=exact)
    assert len(found.lines()) == 5
    assert all("n " in line for line in found.lines()[1:])
    told = json.loads(json.dumps(found.to_dict()))
    assert told["model"]["precision"] == nano_model.precision
    assert told["reference"]["precision"] == "float32"
    assert (told["window"], told["overlap"]) == (1024, 512)


def test_progress_ends_where_the_text_does(exact: LoadedModel) -> None:
    heard: list[tuple[int, int]] = []
    found: Perplexity = measure(
        exact,
        TEXT,
        windows=Windows(size=200, overlap=50),
        on_tokens=lambda *told: heard.append(told),
    )
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert heard[-1] == (found.tokens, found.tokens)


def test_logits_come_some_at_a_time(exact: LoadedModel) -> None:
    ids = _ids(exact)[:700]
    whole = exact.logits(ids)[:, : exact.tokenizer.vocab_size]
    for first in (0, 1, 650, 699):
        parts = list(parts_of_logits(exact, ids, first))
        assert max(len(logits) for _, logits in parts) <= 128
        assert [start for start, _ in parts] == list(range(first, len(ids), 128))
        assert np.array_equal(np.concatenate([logits for _, logits in parts]), whole[first:])


def test_logprobs_and_divergence_of_extremes() -> None:
    logits = np.array([[0.0, -np.inf, 1e4], [5.0, 5.0, 5.0]], np.float32)
    own = logprobs(logits)
    assert np.exp(own).sum(axis=1) == pytest.approx([1.0, 1.0])
    assert divergence(own, own).tolist() == [0.0, 0.0]
    other = logprobs(np.zeros((2, 3), np.float32))
    assert divergence(own, other) == pytest.approx([math.log(3), 0.0], abs=1e-12)


def test_a_text_too_short(exact: LoadedModel) -> None:
    with pytest.raises(EvalError, match="wanted 641 or more"):
        measure(exact, "Too short.")


def test_windows_out_of_range(exact: LoadedModel) -> None:
    with pytest.raises(EvalError, match="got windows of 8 tokens with 8 of overlap"):
        Windows(size=8, overlap=8)
    with pytest.raises(EvalError, match="the context holds"):
        measure(exact, TEXT, windows=Windows(size=exact.context + 1))


def test_another_tokenizer(
    exact: LoadedModel, nano_tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gptoss.load("nano", threads=1) as other:
        pieces = [*nano_tokenizer.pieces()[:-1], b"\xff\xfe"]
        monkeypatch.setattr(
            other, "tokenizer", Tokenizer.from_directory(gptoss.nano.checkpoint_path())
        )
        monkeypatch.setattr(other.tokenizer, "pieces", lambda: pieces)
        with pytest.raises(EvalError, match="different tokenizers"):
            measure(exact, TEXT, reference=other)


def test_a_closed_model() -> None:
    model = gptoss.load("nano", threads=1)
    model.close()
    with pytest.raises(RequestError, match="closed"):
        measure(model, TEXT)
