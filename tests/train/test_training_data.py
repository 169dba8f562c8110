"""Rows of datasets become the tokens that the model would have read and written there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gptoss import harmony
from gptoss.chat import from_chat
from gptoss.errors import DataError, MessageError
from gptoss.harmony import Effort, SystemContent
from gptoss.tokenizer import Tokenizer
from gptoss.train.data.columns import chat_row
from gptoss.train.data.dataset import left_out_lines, read_dataset
from gptoss.train.data.loss_weights import LossWeights, TokenKind
from gptoss.train.data.samples import Rendering, Sample, samples_of

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
LONG: dict[str, Any] = {
    "reasoning_effort": "high",
    "tools": [WEATHER],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "thinking": "A greeting.", "content": "Hello!"},
        {"role": "user", "content": "Is it warm in Bern?"},
        {
            "role": "assistant",
            "reasoning": "I need the weather.",
            "tool_calls": [
                {
                    "id": "1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Bern"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "21 degrees"},
        {"role": "assistant", "reasoning_content": "21 is warm.", "content": "Yes, 21 degrees."},
    ],
}


def _made(
    row: Mapping[str, Any], tokenizer: Tokenizer, weights: str = "", **more: Any
) -> list[Sample]:
    rendering = Rendering(weights=LossWeights.parse(weights), **more)
    return list(samples_of(chat_row(row), tokenizer, rendering, 0))


def _learnt(sample: Sample, tokenizer: Tokenizer) -> str:
    return tokenizer.decode([int(i) for i in sample.token_ids[sample.weights > 0]])


def test_a_sample_for_each_turn_reads_what_the_model_would_have_read(
    nano_tokenizer: Tokenizer,
) -> None:
    first, second = _made(LONG, nano_tokenizer)
    assert _learnt(first, nano_tokenizer) == (
        "<|channel|>analysis<|message|>A greeting.<|end|>"
        "<|channel|>final<|message|>Hello!<|return|>"
    ).replace("<|end|>", "<|end|><|start|>assistant")
    assert _learnt(second, nano_tokenizer) == (
        "<|channel|>analysis<|message|>I need the weather.<|end|>"
        "<|start|>assistant to=functions.weather<|channel|>commentary <|constrain|>json<|message|>"
        '{"city":"Bern"}<|call|>'
        "<|channel|>analysis<|message|>21 is warm.<|end|>"
        "<|start|>assistant<|channel|>final<|message|>Yes, 21 degrees.<|return|>"
    )
    whole = nano_tokenizer.decode([int(i) for i in second.token_ids])
    assert "A greeting." not in whole
    assert "Hello!<|end|>" in whole
    assert "Reasoning: high" in whole


def test_what_is_read_is_the_prompt_of_the_turn(nano_tokenizer: Tokenizer) -> None:
    _, second = _made(LONG, nano_tokenizer)
    system = SystemContent(effort=Effort.HIGH, current_date="2025-08-05")
    asked = from_chat(LONG["messages"][:4], tools=LONG["tools"], system=system)
    prompt = harmony.render(asked, nano_tokenizer)
    begins = int(np.flatnonzero(second.weights)[0])
    assert second.token_ids[:begins].tolist() == prompt


def test_each_kind_has_its_weight(nano_tokenizer: Tokenizer) -> None:
    _, second = _made(LONG, nano_tokenizer, "analysis=0.25,tools=2")
    of_kind = {
        kind: set(second.weights[second.kinds == kind.number].tolist()) for kind in TokenKind
    }
    assert of_kind[TokenKind.ANALYSIS] == {0.0, 0.25}
    assert of_kind[TokenKind.TOOLS] == {2.0}
    read = (TokenKind.SYSTEM, TokenKind.DEVELOPER, TokenKind.USER, TokenKind.RESULT)
    assert all(of_kind[kind] == {0.0} for kind in (*read, TokenKind.FINAL))


def test_a_weight_of_nothing_is_read_and_not_learnt(nano_tokenizer: Tokenizer) -> None:
    messages = [dict(each) for each in LONG["messages"]]
    messages[2]["weight"] = 0
    (only,) = _made({**LONG, "messages": messages}, nano_tokenizer)
    assert "Hello!" not in _learnt(only, nano_tokenizer)
    messages[4]["weight"] = 0
    with pytest.raises(MessageError, match="the weights 0, 1 within one turn"):
        _made({**LONG, "messages": messages}, nano_tokenizer)


def test_only_the_last_turn(nano_tokenizer: Tokenizer) -> None:
    (only,) = _made(LONG, nano_tokenizer, last_only=True)
    assert only.turn == 1


PAIR = [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}]
FORMS: dict[str, dict[str, Any]] = {
    "messages": {"messages": PAIR},
    "messages as JSON": {"messages": json.dumps(PAIR)},
    "fields of a table": {
        "messages": [{**each, "thinking": None, "tool_calls": None, "name": None} for each in PAIR]
    },
    "conversations": {
        "conversations": [{"from": "human", "value": "2 + 3?"}, {"from": "gpt", "value": "5"}]
    },
    "conversations of messages": {"conversations": PAIR},
    "prompt and completion": {"prompt": "2 + 3?", "completion": "5"},
    "prompt and completion of messages": {"prompt": PAIR[:1], "completion": PAIR[1:]},
    "prompt and response": {"prompt": "2 + 3?", "response": "5"},
    "user and final": {"user": "2 + 3?", "final": "5", "reasoning_language": "German"},
    "instruction": {"instruction": "2 + 3?", "input": "", "output": "5"},
}


@pytest.mark.parametrize("name", FORMS)
def test_columns_that_people_have(name: str, nano_tokenizer: Tokenizer) -> None:
    (sample,) = _made(FORMS[name], nano_tokenizer)
    (plain,) = _made({"messages": PAIR}, nano_tokenizer)
    assert sample.token_ids.tolist() == plain.token_ids.tolist()
    assert sample.weights.tolist() == plain.weights.tolist()


def test_columns_that_are_not_read_are_named() -> None:
    assert chat_row(FORMS["user and final"]).unused == ("reasoning_language",)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no column": ({"text": "x"}, "got the columns text, wanted `messages`; or `conversations`"),
    "no assistant": ({"messages": PAIR[:1]}, "got no message of the assistant"),
    "a role": ({"messages": [{"role": "oracle", "content": "x"}]}, "messages.0.role: got 'oracle'"),
    "a speaker": ({"conversations": [{"from": "cat", "value": "x"}]}, "got 'cat', wanted"),
    "no list": ({"messages": 5}, "messages: got 5, wanted a list"),
    "no object": ({"messages": ["x"]}, "messages.0: got 'x', wanted an object"),
    "no JSON": ({"messages": "[{"}, "wanted a list, or JSON of one"),
    "an effort": ({"messages": PAIR, "reasoning_effort": "huge"}, "reasoning level"),
    "a weight": ({"messages": [PAIR[0], {**PAIR[1], "weight": 7}]}, "from 0 to 1"),
    "no call": ({"messages": [{"role": "tool", "content": "x"}, *PAIR]}, "got a tool's result"),
}


@pytest.mark.parametrize("name", WRONG)
def test_rows_that_are_none_are_counted(
    name: str, nano_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    row, said = WRONG[name]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in ({"messages": PAIR}, row, row)))
    rendering = Rendering(weights=LossWeights.parse())
    found = read_dataset([path], nano_tokenizer, rendering, max_length=500)
    assert (found.report.rows, found.report.samples) == (3, 1)
    (line,) = left_out_lines(found.report)
    assert line.startswith("2 left out (rows.jsonl:2, rows.jsonl:3): ")
    assert said in line
    path.write_text(f"{json.dumps(row)}\n")
    with pytest.raises(DataError, match=r"nothing is left to learn from in .*rows\.jsonl"):
        read_dataset([path], nano_tokenizer, rendering, max_length=500)


def test_a_line_that_is_no_json_is_named(nano_tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{json.dumps({"messages": PAIR})}\n\n{{"messages": [\n')
    with pytest.raises(DataError, match=r"line 3 of .*rows.jsonl cannot be read: "):
        read_dataset([path], nano_tokenizer, Rendering(weights=LossWeights.parse()), max_length=99)


def test_what_is_too_long_is_cut_and_counted(nano_tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(LONG)}\n")
    first, second = _made(LONG, nano_tokenizer)
    begins = int(np.flatnonzero(second.weights)[0])
    assert len(first) < begins
    rendering = Rendering(weights=LossWeights.parse())
    found = read_dataset([path], nano_tokenizer, rendering, max_length=begins + 5)
    assert [len(sample) for sample in found.samples] == [len(first), begins + 5]
    assert (found.report.cut, found.report.tokens_cut) == (1, len(second) - begins - 5)
    found = read_dataset([path], nano_tokenizer, rendering, max_length=begins)
    assert [len(sample) for sample in found.samples] == [len(first)]
    assert left_out_lines(found.report) == [
        f"1 left out (rows.jsonl:1): turns that begin behind the first {begins:,} tokens"
    ]


def test_tokens_are_counted_by_kind(nano_tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(LONG)}\n{json.dumps({'messages': PAIR})}\n")
    found = read_dataset(
        [path], nano_tokenizer, Rendering(weights=LossWeights.parse()), max_length=4096
    )
    report = found.report
    assert sum(report.tokens_of.values()) == report.tokens == sum(map(len, found.samples))
    assert report.learnt == sum(int((s.weights > 0).sum()) for s in found.samples)
    assert report.without_thought == 1
    assert report.learnt_of[TokenKind.USER] == 0 < report.tokens_of[TokenKind.USER]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("final=-1", "final=-1"),
        ("user=1", "user=1"),
        ("final=nan", "final=nan"),
        ("final=0", "nothing would be learnt"),
        ("final=x", "final=x"),
    ],
)
def test_weights_that_are_none(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        LossWeights.parse(text)
