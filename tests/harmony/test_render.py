"""Rendering, byte for byte as openai-harmony 0.0.8, and its own rule for old reasoning."""

from __future__ import annotations

import openai_harmony as official
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptoss import harmony
from gptoss.errors import MessageError
from gptoss.harmony import DeveloperContent, Effort, Message, Role, SystemContent
from tests import o200k

TOKENIZER = o200k.tokenizer()
WORDS = st.text(st.sampled_from("abcdefgXYZ_-.0189é中"), min_size=1, max_size=12)


def ours(*messages: Message) -> str:
    return TOKENIZER.decode(harmony.render(messages, TOKENIZER))


def to_official(message: Message) -> official.Message:
    author = official.Author.new(official.Role(message.role.value), message.name or "")
    if message.name is None:
        author = official.Author(role=official.Role(message.role.value))
    content: official.Content | str
    match message.content:
        case SystemContent() as system:
            content = official.SystemContent(
                model_identity=system.identity,
                reasoning_effort=official.ReasoningEffort(system.effort.value.capitalize()),
                conversation_start_date=system.current_date,
                knowledge_cutoff=system.knowledge_cutoff,
            )
        case DeveloperContent() as developer:
            content = official.DeveloperContent(instructions=developer.instructions)
        case str() as text:
            content = text
    result = official.Message.from_author_and_content(author, content)
    if message.channel is not None:
        result = result.with_channel(message.channel)
    if message.recipient is not None:
        result = result.with_recipient(message.recipient)
    if message.content_type is not None:
        result = result.with_content_type(message.content_type)
    return result


@st.composite
def messages(draw: st.DrawFn) -> Message:
    text = draw(st.text(max_size=60))
    role = draw(st.sampled_from(Role))
    match role:
        case Role.SYSTEM:
            return Message(
                role,
                SystemContent(
                    identity=text,
                    current_date=draw(st.none() | st.dates().map(str)),
                    effort=draw(st.sampled_from(Effort)),
                ),
            )
        case Role.DEVELOPER:
            return Message(role, DeveloperContent(draw(st.none() | st.just(text))))
        case Role.USER:
            return Message(role, text, name=draw(st.none() | WORDS))
        case Role.ASSISTANT:
            call = draw(st.booleans())
            return Message(
                role,
                text,
                draw(st.sampled_from(["analysis", "commentary", "final"])),
                draw(WORDS) if call else draw(st.sampled_from([None, "all"])),
                draw(st.sampled_from([None, "json", "<|constrain|>json"])),
            )
        case Role.TOOL:
            return Message(role, text, "commentary", "assistant", name=draw(WORDS))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(messages(), max_size=6))
def test_every_message_as_the_official_library(
    oracle: official.HarmonyEncoding, conversation: list[Message]
) -> None:
    expected = [token for message in conversation for token in oracle.render(to_official(message))]
    rendered = harmony.render_for_training([*conversation, Message(Role.USER, "")], TOKENIZER)
    kept = [message for part in rendered if (message := part.message) is not None]
    if len(kept) == len(conversation) + 1:
        assert [token for part in rendered[:-1] for token in part.token_ids] == expected
    for part in rendered:
        assert part.message is not None
        assert part.token_ids == oracle.render(to_official(part.message))


def test_first_turn_as_the_official_library(oracle: official.HarmonyEncoding) -> None:
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


def test_spellings_in_text_never_become_special() -> None:
    text = "".join(o200k.specials())
    plain = Message(Role.USER, "")
    count = sum(token in TOKENIZER.special_ids for token in harmony.render([plain], TOKENIZER))
    fields = (
        Message(Role.USER, text),
        Message(
            Role.SYSTEM, SystemContent(identity=text, current_date=text, knowledge_cutoff=text)
        ),
        Message(Role.DEVELOPER, DeveloperContent(text)),
    )
    for message in fields:
        ids = harmony.render([message], TOKENIZER)
        assert sum(token in TOKENIZER.special_ids for token in ids) == count


@pytest.mark.parametrize("field", ["channel", "recipient", "content_type", "name"])
@pytest.mark.parametrize("value", ["<|end|>", "a b", "a=b", "", "a\nb", "a|b", "<|constrain|>"])
def test_header_fields_hold_one_word(field: str, value: str) -> None:
    fields: dict[str, str] = {field: value}
    with pytest.raises(MessageError, match=f"as {field}, wanted one word"):
        Message(Role.ASSISTANT, "", **fields)  # type: ignore[arg-type]


def test_wrong_values_are_refused() -> None:
    with pytest.raises(MessageError, match=r"got the role 'bot', wanted one of system, developer"):
        Message("bot", "")  # type: ignore[arg-type]
    with pytest.raises(MessageError, match="got SystemContent as the content of a user message"):
        Message(Role.USER, SystemContent())
    with pytest.raises(MessageError, match="without a name"):
        Message(Role.TOOL, "")
    with pytest.raises(
        MessageError, match="reasoning level 'max', wanted one of low, medium, high"
    ):
        Effort.parse("max")
    with pytest.raises(MessageError, match="dialect 'chatml'"):
        harmony.render([], TOKENIZER, dialect="chatml")


QUESTION, THOUGHT = Message(Role.USER, "q"), Message(Role.ASSISTANT, "t", "analysis")
ANSWER = Message(Role.ASSISTANT, "a", "final")
CALL = Message(Role.ASSISTANT, "{}", "commentary", "functions.f", "<|constrain|>json")
RESULT = Message(Role.TOOL, "r", "commentary", "assistant", name="functions.f")
BUILT_IN = Message(Role.ASSISTANT, "1+1", "analysis", "python")


class TestOldReasoning:
    """Which messages of a conversation reach the prompt."""

    def test_dropped_once_the_turn_is_answered(self) -> None:
        assert "<|channel|>analysis" not in ours(QUESTION, THOUGHT, ANSWER, QUESTION)
        assert "<|channel|>analysis" not in ours(QUESTION, THOUGHT, ANSWER)

    def test_kept_while_tools_run(self) -> None:
        assert ours(QUESTION, THOUGHT, CALL, RESULT).count("<|channel|>analysis") == 1

    def test_only_the_running_turn_keeps_it(self) -> None:
        earlier = (QUESTION, THOUGHT, CALL, RESULT, THOUGHT, ANSWER)
        prompt = ours(*earlier, QUESTION, THOUGHT, CALL, RESULT)
        assert prompt.count("<|channel|>analysis") == 1
        assert prompt.count("<|call|>") == 2

    def test_calls_on_the_analysis_channel_are_no_reasoning(self) -> None:
        assert "to=python" in ours(QUESTION, THOUGHT, BUILT_IN, ANSWER, QUESTION)

    def test_training_keeps_the_last_turn(self) -> None:
        parts = harmony.render_for_training(
            [QUESTION, THOUGHT, ANSWER, QUESTION, THOUGHT, ANSWER], TOKENIZER
        )
        assert [part.message for part in parts] == [QUESTION, ANSWER, QUESTION, THOUGHT, ANSWER]
        ends = [TOKENIZER.decode(part.token_ids[-1:]) for part in parts]
        assert ends == ["<|end|>"] * 4 + ["<|return|>"]


def test_stop_ids() -> None:
    assert harmony.stop_ids(TOKENIZER) == {200002, 200012, 199999}
