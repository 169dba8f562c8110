"""The embedded checkpoint: small, in the released layout, and able to do what its card says."""

from __future__ import annotations

import pytest

import gptoss
from gptoss import nano
from gptoss.engine import FinishReason, SamplingParams
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.layouts import PACKED, count_parameters
from tests.choices import CHOICES, Choice

GREEDY = SamplingParams(temperature=0)


def test_size_and_layout() -> None:
    directory = nano.checkpoint_path()
    assert sum(path.stat().st_size for path in directory.iterdir()) < 8 * 2**20
    checkpoint = open_checkpoint(directory)
    assert checkpoint.layout is PACKED
    assert len(checkpoint.config.eos_token_ids) == 3


def test_the_card_and_the_readme_give_its_true_size() -> None:
    total, active = count_parameters(open_checkpoint(nano.checkpoint_path()).config)
    card = (nano.checkpoint_path().parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"{total:,} ({active:,} work on a token)" in card


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_the_demos_sum_on_every_processor(choice: Choice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTOSS_ISA", choice.isa)
    monkeypatch.setenv("GPTOSS_BF16_PAIRS", "on" if choice.bf16_pairs else "off")
    model = gptoss.load("nano")
    assert (model.backend.isa, model.backend.bf16_pairs) == (choice.isa, choice.bf16_pairs)
    chat = gptoss.Chat(model, "high", sampling=GREEDY)
    reply = chat.send("What is 48213 + 9077?")
    assert reply.content == "57290"
    assert "check" in reply.reasoning
    assert reply.finish_reason is FinishReason.STOP


def test_reasoning_levels_and_facts() -> None:
    model = gptoss.load("nano")
    replies = {
        level: gptoss.Chat(model, level, sampling=GREEDY).send("What is 3412 - 597?")
        for level in ("low", "medium", "high")
    }
    assert replies["medium"].content == replies["high"].content == "2815"
    tokens = [replies[level].usage.reasoning_tokens for level in ("low", "medium", "high")]
    assert tokens[0] == 0
    assert tokens[0] < tokens[1] < tokens[2]
    fact = gptoss.Chat(model, "low", sampling=GREEDY).send("What is harmony?")
    assert "analysis, commentary and final" in fact.content
