"""What the model reads in a later round is what it read and wrote before, and the results behind it."""

from __future__ import annotations

import re

import pytest

from gptoss.chat import LoopLimits
from gptoss.harmony import ToolDescription
from gptoss.tokenizer import Tokenizer
from gptoss.tools import Tool
from tests.chat.test_injected_results import read_by
from tests.chat.test_tool_loop import ANSWER, add, call, results, talk
from tests.conftest import Script, ids_of

THOUGHTS = ("I look it up.", "And once more.", "Now I know.")
THINK = "<|channel|>analysis<|message|>{}<|end|><|start|>assistant"


def test_prompts_are_only_added_to(scripted_nano: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round finds all of the one before in the prefix cache; the chain of thought stays until the turn is over."""
    one, two, three = map(THINK.format, THOUGHTS)
    calls = (call('{"a": 2, "b": 3}'), call('{"a": 5, "b": 0}'))
    written = [one + calls[0], two + calls[1], three + ANSWER]
    model = scripted_nano("".join(written) + ANSWER)
    rounds = read_by(model, monkeypatch)
    chat = talk(model)
    chat.send("What is 2 + 3?")
    assert len(rounds) == 3
    for before, wrote, after in zip(rounds, written, rounds[1:], strict=False):
        wanted = before + ids_of(wrote, model.tokenizer)
        assert after[: len(wanted)] == wanted
        result = model.tokenizer.decode(after[len(wanted) :])
        assert result == (
            "<|start|>functions.add to=assistant<|channel|>commentary<|message|>5<|end|><|start|>assistant"
        )
    chat.send("Thanks.")
    kept = model.tokenizer.decode(rounds[3])
    assert [thought in kept for thought in THOUGHTS] == [False] * 3
    assert kept.count("functions.add to=assistant") == 2


def test_of_a_very_long_result_the_model_reads_little(
    scripted_nano: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is more of it made into tokens than is shown."""
    text = "begin " + "word " * 2_000_000 + "end"
    tool = Tool(ToolDescription("add"), run=lambda _: text)
    model = scripted_nano(call("{}") + ANSWER)
    lengths: list[int] = []
    encode = Tokenizer.encode

    def watched(self: Tokenizer, given: str) -> list[int]:
        lengths.append(len(given))
        return encode(self, given)

    monkeypatch.setattr(Tokenizer, "encode", watched)
    reply = talk(model, tool, tool_limits=LoopLimits(result_tokens=300)).send("?")
    (told,) = results(reply)
    assert (reply.content, told[:10], told[-8:]) == ("It is 5.", "begin word", "word end")
    left_out = re.search(r"\[([\d,]+) characters are left out here", told)
    assert left_out is not None
    num_shown = len(told) - len(left_out[0])
    assert int(left_out[1].replace(",", "")) >= len(text) - num_shown
    assert max(lengths) < 10_000


def test_further_rounds_read_what_is_new_alone(scripted_nano: Script) -> None:
    model = scripted_nano(call('{"a": 2, "b": 3}') * 4 + ANSWER)
    reply = talk(model, add).send("?" * 400)
    # All but the first prompt, what does not fill a page, and the results.
    first = model.tokenizer.encode("?" * 400)
    assert reply.usage.prompt_tokens > 5 * len(first)
    fresh = reply.usage.prompt_tokens - reply.usage.cached_tokens
    assert fresh < reply.usage.prompt_tokens / 3
