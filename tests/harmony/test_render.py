"""Rendering, byte for byte as openai-harmony 0.0.8."""

from __future__ import annotations

import json
from pathlib import Path

import openai_harmony as official
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gptoss import harmony
from gptoss.errors import MessageError, TokenizerError
from gptoss.harmony import (
    BROWSER,
    PYTHON,
    DeveloperContent,
    Effort,
    Message,
    Part,
    ResponseFormat,
    Role,
    SystemContent,
    ToolDescription,
    ToolNamespace,
    functions,
)
from gptoss.tokenizer import Tokenizer
from gptoss.tokenizer.vocabulary import Vocabulary
from tests import o200k
from tests.harmony import strategies
from tests.levels import examples

TOKENIZER = o200k.tokenizer()
GOLDEN = Path(__file__).parents[1] / "golden" / "harmony" / "openai_harmony_0_0_8"
FUNCTION = settings(
    max_examples=examples(250),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def to_official(message: Message) -> official.Message:
    return official.Message.from_dict(harmony.to_dict(message))


def whole(conversation: list[Message], *, strict: bool = True) -> list[int]:
    """The conversation without the assistant header, nothing left out."""
    ids = harmony.render(conversation, TOKENIZER, strict=strict, keep_reasoning=True)
    return ids[: len(ids) - len(harmony.render([], TOKENIZER))]


@FUNCTION
@given(strategies.CONVERSATION)
def test_conversations_as_the_library(
    oracle: official.HarmonyEncoding, conversation: list[Message]
) -> None:
    theirs = official.Conversation.from_messages([to_official(m) for m in conversation])
    config = official.RenderConversationConfig(auto_drop_analysis=False)
    assert whole(conversation) == oracle.render_conversation(theirs, config=config)


@FUNCTION
@given(strategies.tools(strategies.ODD_PARAMETERS))
def test_every_shape_of_schema_as_the_library_when_strict(
    oracle: official.HarmonyEncoding, tool: ToolDescription
) -> None:
    message = Message(Role.DEVELOPER, DeveloperContent(None, (functions([tool]),)))
    assert whole([message]) == oracle.render(to_official(message))


@FUNCTION
@given(strategies.tools(strategies.CLEAR_PARAMETERS))
def test_default_differs_from_the_library_only_where_it_loses_meaning(
    oracle: official.HarmonyEncoding, tool: ToolDescription
) -> None:
    text = TOKENIZER.decode(
        whole([Message(Role.DEVELOPER, DeveloperContent(None, (functions([tool]),)))], strict=False)
    )
    theirs = oracle.render(
        to_official(Message(Role.DEVELOPER, DeveloperContent(None, (functions([tool]),))))
    )
    if not _loses(tool.parameters):
        assert text == TOKENIZER.decode(theirs)


def _loses(schema: object) -> bool:
    """Whether the library leaves something of a schema out, or puts it so that it reads as something else."""
    data = harmony.to_dict(
        Message(
            Role.DEVELOPER, DeveloperContent(None, (functions([ToolDescription("f", "", schema)]),))
        )  # type: ignore[arg-type]
    )
    text = json.dumps(data)
    return any(word in text for word in ('"oneOf"', '"examples"', '"nullable"'))


def test_first_turn_as_the_library(oracle: official.HarmonyEncoding) -> None:
    conversation = [
        Message(Role.SYSTEM, SystemContent(current_date="2026-11-23", effort=Effort.HIGH)),
        Message(Role.DEVELOPER, DeveloperContent("Be kind.\n")),
        Message(Role.USER, "Hi <|end|>"),
    ]
    expected = oracle.render_conversation_for_completion(
        official.Conversation.from_messages([to_official(message) for message in conversation]),
        official.Role.ASSISTANT,
    )
    assert harmony.render(conversation, TOKENIZER) == expected


WEATHER = functions(
    [
        ToolDescription(
            "lookup_weather",
            "Use this tool to lookup the weather in a given location. Call it with the parameter 'location', "
            "can be any textual description of a location.",
            {
                "type": "object",
                "properties": {"location": {"type": "string"}},
                "required": ["location"],
            },
        )
    ]
)


@pytest.mark.parametrize(
    ("name", "conversation"),
    [
        ("no_tools", [Message(Role.SYSTEM, SystemContent(current_date="2025-06-28"))]),
        (
            "browser_tool_only",
            [Message(Role.SYSTEM, SystemContent(current_date="2025-06-28", tools=(BROWSER,)))],
        ),
        (
            "browser_and_python_tool",
            [
                Message(
                    Role.SYSTEM, SystemContent(current_date="2025-06-28", tools=(PYTHON, BROWSER))
                )
            ],
        ),
        (
            "browser_and_function_tool",
            [
                Message(Role.SYSTEM, SystemContent(current_date="2025-06-28", tools=(BROWSER,))),
                Message(Role.DEVELOPER, DeveloperContent(tools=(WEATHER,))),
            ],
        ),
    ],
)
def test_official_texts(name: str, conversation: list[Message]) -> None:
    expected = (GOLDEN / f"test_{name}.txt").read_text(encoding="utf-8").rstrip()
    assert TOKENIZER.decode(harmony.render(conversation, TOKENIZER)) == expected


def test_response_formats_end_the_developer_message() -> None:
    form = ResponseFormat("list", {"type": "array", "items": {"type": "string"}}, "Things\nto buy")
    content = DeveloperContent("Shop.", (WEATHER,), (form,))
    text = TOKENIZER.decode(harmony.render([Message(Role.DEVELOPER, content)], TOKENIZER))
    assert text.endswith(
        "} // namespace functions\n\n# Response Formats\n\n## list\n\n// Things\n// to buy\n"
        '{"type":"array","items":{"type":"string"}}<|end|><|start|>assistant'
    )


def _special_count(conversation: list[Message], dialect: str) -> int:
    ids = harmony.render(conversation, TOKENIZER, dialect=dialect)
    return sum(token_id in TOKENIZER.special_ids for token_id in ids)


SPELLINGS = st.lists(st.sampled_from([*o200k.specials()]) | st.text(max_size=5), max_size=8).map(
    "".join
)


@settings(max_examples=examples(200))
@example("".join(o200k.specials()), "harmony")
@example("".join(o200k.specials()), "template")
@given(SPELLINGS, st.sampled_from(["harmony", "template"]))
def test_no_text_of_a_caller_becomes_a_special_token(text: str, dialect: str) -> None:
    def conversation(text: str) -> list[Message]:
        schema = {
            "type": "object",
            "title": text,
            "description": text,
            "properties": {
                f"{text}k": {
                    "type": "string",
                    "enum": [text, "x"],
                    "description": text,
                    "default": text,
                    "examples": [text],
                },
                "o": {"oneOf": [{"const": text}, {"type": "string", "description": text}]},
                "d": {"type": "object", "properties": {f"{text}k": {}}, "default": {text: [text]}},
            },
            "required": [f"{text}k"],
        }
        tools = (ToolNamespace("functions", (ToolDescription("f", text, schema),), text),)
        return [
            Message(Role.SYSTEM, SystemContent(text, text, text, tools=tools)),
            Message(
                Role.DEVELOPER, DeveloperContent(text, tools, (ResponseFormat("r", schema, text),))
            ),
            Message(Role.USER, text),
            Message(Role.ASSISTANT, text, "analysis"),
            Message(Role.ASSISTANT, text, "commentary", "functions.f", "<|constrain|>json"),
            Message(Role.TOOL, text, "commentary", "assistant", name="functions.f"),
        ]

    assert _special_count(conversation(text), dialect) == _special_count(conversation("q"), dialect)


@given(
    st.sampled_from([*o200k.specials()]),
    st.sampled_from(["channel", "recipient", "content_type", "name"]),
)
def test_no_spelling_fits_a_header(spelling: str, field: str) -> None:
    with pytest.raises(MessageError, match=f"as {field}, wanted one word"):
        Message(Role.ASSISTANT, "", **{field: spelling})  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="as the name of a tool, wanted one word"):
        ToolDescription(spelling)


def test_unknown_dialects_and_vocabularies_are_refused() -> None:
    with pytest.raises(
        MessageError, match="got dict as the conversation, wanted a list of Message"
    ):
        harmony.render([{"role": "user", "content": "q"}], TOKENIZER)  # type: ignore[list-item]
    with pytest.raises(MessageError, match="dialect 'chatml', wanted one of harmony, template"):
        harmony.render([], TOKENIZER, dialect="chatml")
    with pytest.raises(TokenizerError, match="no special token"):
        harmony.render([], Tokenizer(Vocabulary(o200k.ranks(), {}, o200k.PATTERN)))


QUESTION, THOUGHT = Message(Role.USER, "q"), Message(Role.ASSISTANT, "t", "analysis")
ANSWER = Message(Role.ASSISTANT, "a", "final")
CALL = Message(Role.ASSISTANT, "{}", "commentary", "functions.f", "<|constrain|>json")
RESULT = Message(Role.TOOL, "r", "commentary", "assistant", name="functions.f")


class TestTraining:
    """Segments, and what of them counts."""

    def test_segments_make_up_the_conversation(self) -> None:
        conversation = [QUESTION, THOUGHT, CALL, RESULT, THOUGHT, ANSWER]
        segments = harmony.render_for_training(conversation, TOKENIZER)
        ids = [token_id for segment in segments for token_id in segment.token_ids]
        assert ids[:-1] == whole(conversation)[:-1]
        assert TOKENIZER.decode(ids[-1:]) == "<|return|>"
        assert [segment.message for segment in segments[::4]] == conversation
        assert [segment.part for segment in segments[:4]] == [*Part]

    def test_what_the_model_writes_itself_counts(self) -> None:
        conversation = [QUESTION, THOUGHT, CALL, RESULT, THOUGHT, ANSWER]
        segments = harmony.render_for_training(conversation, TOKENIZER)
        mask = harmony.loss_mask(segments)
        ids = [token_id for segment in segments for token_id in segment.token_ids]
        learnt = [token_id for token_id, counts in zip(ids, mask, strict=True) if counts]
        assert TOKENIZER.decode(learnt) == (
            "<|channel|>analysis<|message|>t<|end|>"
            "<|start|>assistant to=functions.f<|channel|>commentary <|constrain|>json<|message|>{}<|call|>"
            "<|channel|>analysis<|message|>t<|end|>"
            "<|start|>assistant<|channel|>final<|message|>a<|return|>"
        )

    def test_masked_by_channel(self) -> None:
        segments = harmony.render_for_training([QUESTION, THOUGHT, ANSWER], TOKENIZER)
        mask = harmony.loss_mask(segments, {"final"})
        ids = [token_id for segment in segments for token_id in segment.token_ids]
        learnt = [token_id for token_id, counts in zip(ids, mask, strict=True) if counts]
        assert (
            TOKENIZER.decode(learnt) == "<|start|>assistant<|channel|>final<|message|>a<|return|>"
        )

    @FUNCTION
    @given(conversation=strategies.CONVERSATION)
    def test_as_the_library(
        self, oracle: official.HarmonyEncoding, conversation: list[Message]
    ) -> None:
        theirs = official.Conversation.from_messages([to_official(m) for m in conversation])
        config = official.RenderConversationConfig(auto_drop_analysis=False)
        expected = oracle.render_conversation_for_training(theirs, config=config)
        segments = harmony.render_for_training(
            conversation, TOKENIZER, strict=True, keep_reasoning=True
        )
        assert [token_id for segment in segments for token_id in segment.token_ids] == expected


def test_stop_ids() -> None:
    assert harmony.stop_ids(TOKENIZER) == {200002, 200012, 199999}
