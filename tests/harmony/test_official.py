"""openai-harmony's own Python tests, run against ours, and its test data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss import harmony
from gptoss.harmony import (
    DeveloperContent,
    Effort,
    Message,
    Parser,
    Role,
    SystemContent,
    ToolDescription,
    functions,
)
from tests import o200k

TOKENIZER = o200k.tokenizer()
ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "harmony" / "openai_harmony_0_0_8"
# Official tests that ours does not pass, each with the reason. All others pass.
DIFFERENCES = {
    "test_reserved_token_decoding": (
        "the library registers 201088, one reserved token more than the model has rows"
    ),
    "test_decode_utf8_invalid_token": (
        "its second half wants pydantic's error for content in place of a message; ours is a MessageError"
    ),
    "test_streamable_parser_missing_message_token[True-True]": "wants an exception; ours never raises",
    "test_streamable_parser_missing_message_token_other_initial_headers[True-True]": (
        "wants an exception; ours never raises"
    ),
    "test_streamable_parser_missing_message_token_tool_call[True-True]": (
        "wants an exception; ours never raises"
    ),
}


def test_the_librarys_own_tests_but_for_the_listed_ones() -> None:
    """Needs a checkout of openai/harmony, named by the variable HARMONY_SOURCE; its code is not kept here."""
    source = os.environ.get("HARMONY_SOURCE")
    if source is None:
        pytest.skip("set HARMONY_SOURCE to a checkout of openai/harmony to run its tests as well")
    paths = [ROOT / "tests" / "harmony" / "shim", ROOT / "src", ROOT]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_harmony.py"],
        cwd=source,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    failed = re.findall(r"^FAILED tests/test_harmony\.py::(\S+)", result.stdout, re.MULTILINE)
    assert set(failed) == {*DIFFERENCES}, result.stdout
    assert "5 failed, 37 passed" in result.stdout


def golden(name: str) -> str:
    return (GOLDEN / f"test_{name}.txt").read_text(encoding="utf-8").rstrip()


TEXTS = [
    path.stem.removeprefix("test_")
    for path in sorted(GOLDEN.glob("*.txt"))
    if "<|message|>" in path.read_text(encoding="utf-8")
]
TOKENS = ["simple_reasoning_response", "simple_tool_call"]


def test_all_files_are_read() -> None:
    assert len(TEXTS) + len(TOKENS) == len(list(GOLDEN.glob("*.txt"))) == 23


@pytest.mark.parametrize("name", TEXTS)
def test_parsed_and_rendered_again(name: str) -> None:
    ids = o200k.ids_of(golden(name))
    is_completion = golden(name).startswith("<|channel|>")
    parser = Parser(TOKENIZER, role=Role.ASSISTANT if is_completion else None)
    parser.feed_all(ids)
    messages = [*parser.messages]
    rest = parser.close()
    if name == "tool_response_parsing":  # The one that ends inside a message.
        messages = parser.finish()[0]
        ids.append(TOKENIZER.special_id("<|end|>"))
    elif ids[-1] != TOKENIZER.special_id("<|end|>"):
        assert [event.seen for event in rest] == ["assistant without <|message|>"]  # type: ignore[union-attr]
    assert messages
    again = harmony.render(messages, TOKENIZER, keep_reasoning=True)
    prompt = harmony.render([], TOKENIZER)
    if is_completion:
        again = again[len(prompt) :]
    if name in ("streamable_parser", "tool_response_parsing", "keep_analysis_between_finals"):
        again = again[: len(again) - len(prompt)]
    # The library puts a recipient before the channel, the model after it.
    moved = TOKENIZER.decode(ids).replace(
        "<|channel|>commentary to=browser.search", " to=browser.search<|channel|>commentary"
    )
    assert TOKENIZER.decode(again) == moved


@pytest.mark.parametrize(
    ("name", "second"),
    [
        (
            "simple_reasoning_response",
            Message(Role.ASSISTANT, "2 + 2 = 4.", "final"),
        ),
        (
            "simple_tool_call",
            Message(Role.ASSISTANT, '{"location": "Tokyo"}', "analysis", "lookup_weather", "code"),
        ),
    ],
)
def test_completions_given_as_tokens(name: str, second: Message) -> None:
    parser = Parser(TOKENIZER)
    parser.feed_all(map(int, golden(name).split()))
    messages, repairs = parser.finish()
    assert messages[0].channel == "analysis"
    assert messages[1:] == [second]
    assert repairs == []


SIMPLE = "What is the capital of the largest country in the world?"
ROBOT = Message(Role.DEVELOPER, DeveloperContent("Answer the user's questions like a robot."))


@pytest.mark.parametrize("level", [*Effort])
def test_effort(level: Effort) -> None:
    system = Message(Role.SYSTEM, SystemContent(effort=level))
    question = Message(Role.USER, SIMPLE)
    text = TOKENIZER.decode(harmony.render([system, ROBOT, question], TOKENIZER))
    assert text == golden(f"simple_convo_{level}_effort")
    text = TOKENIZER.decode(harmony.render([system, question], TOKENIZER))
    assert text == golden(f"simple_convo_{level}_effort_no_instruction")


@pytest.mark.parametrize(
    ("name", "system", "question"),
    [
        ("simple_convo", SystemContent(), "What is 2 + 2?"),
        (
            "reasoning_system_message",
            SystemContent(channels=("analysis", "final")),
            "What is 2 + 2?",
        ),
        (
            "reasoning_system_message_no_instruction",
            SystemContent(effort=Effort.HIGH, channels=("analysis", "final")),
            "What is the best place to eat candy in the world?",
        ),
        (
            "reasoning_system_message_with_dates",
            SystemContent(
                knowledge_cutoff="2021-01",
                current_date="2021-01-01",
                channels=("analysis", "final"),
            ),
            "What is 42 * pi?",
        ),
    ],
)
def test_system_messages(name: str, system: SystemContent, question: str) -> None:
    conversation = [Message(Role.SYSTEM, system), Message(Role.USER, question)]
    assert TOKENIZER.decode(harmony.render(conversation, TOKENIZER)) == golden(name)


PLACE = {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}
UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"}
PLACES = {
    "type": "array",
    "items": {"type": "string"},
    "description": 'List of city and state, e.g. ["San Francisco, CA", "New York, NY"]',
}
SINK = {
    "description": "params object",
    "type": "object",
    "properties": {
        "string": {
            "type": "string",
            "title": "STRING",
            "description": "A string",
            "examples": ["hello", "world"],
        },
        "string_nullable": {
            "type": "string",
            "nullable": True,
            "description": "A nullable string",
            "default": "the default",
        },
        "string_enum": {"type": "string", "enum": ["a", "b", "c"]},
        "oneof_string_or_number": {
            "oneOf": [
                {"type": "string", "default": "default_string_in_oneof"},
                {"type": "number", "description": "numbers can happen too"},
            ],
            "description": "a oneof",
            "default": 20,
        },
    },
}


def _object(required: str, **properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": [required]}


@pytest.mark.parametrize("strict", [False, True])
def test_functions_with_parameters(strict: bool) -> None:
    tools = [
        ToolDescription("get_location", "Gets the location of the user."),
        ToolDescription(
            "get_current_weather",
            "Gets the current weather in the provided location.",
            _object("location", location=PLACE, format=UNIT),
        ),
        ToolDescription(
            "get_multiple_weathers",
            "Gets the current weather in the provided list of locations.",
            _object("locations", locations=PLACES, format=UNIT),
        ),
        ToolDescription("kitchensink", "A function with various complex schemas.", SINK),
    ]
    conversation = [
        Message(Role.SYSTEM, SystemContent(effort=Effort.HIGH, current_date="2025-06-28")),
        Message(Role.DEVELOPER, DeveloperContent("Always respond in riddles", (functions(tools),))),
        Message(Role.USER, "What is the weather like in SF?"),
    ]
    text = TOKENIZER.decode(harmony.render(conversation, TOKENIZER, strict=strict))
    assert text == golden("render_functions_with_parameters")
