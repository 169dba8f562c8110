"""Conversations -> token ids, byte for byte as openai-harmony 0.0.8 writes them.

Special tokens are written here and nowhere else: all text is encoded as ordinary text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gptoss.errors import MessageError
from gptoss.harmony.messages import (
    Channel,
    Conversation,
    DeveloperContent,
    Message,
    Role,
    SystemContent,
)
from gptoss.tokenizer import Tokenizer

_CONSTRAIN = "<|constrain|>"
_DIALECTS = ("harmony",)


@dataclass(frozen=True, slots=True)
class RenderedTokens:
    """Token ids of one message, and which message of the conversation they are; None for the assistant header."""

    token_ids: list[int]
    message: Message | None


def render(
    conversation: Conversation, tokenizer: Tokenizer, *, dialect: str = "harmony"
) -> list[int]:
    """The prompt for the assistant's next message: ends with `<|start|>assistant`.

    The chain of thought of finished turns, those that have a final answer or are followed by another question, is left
    out; in a turn that is still calling tools it stays.

    Raises MessageError for an unknown dialect, TokenizerError for a vocabulary without harmony's special tokens.
    """
    _require_dialect(dialect)
    writer = _Writer(tokenizer)
    ids = [
        token_id
        for message in _without_old_reasoning(conversation)
        for token_id in writer.message(message)
    ]
    return ids + writer.assistant_header()


def render_for_training(conversation: Conversation, tokenizer: Tokenizer) -> list[RenderedTokens]:
    """Each message with its token ids, so that a loss can be masked by role and channel.

    Earlier turns lose their chain of thought as in `render`; the last one keeps it, and a final answer at the end is
    closed by `<|return|>`, as the model is to write it.
    """
    writer = _Writer(tokenizer)
    kept = _without_old_reasoning(conversation, keep_last_turn=True)
    rendered = [RenderedTokens(writer.message(message), message) for message in kept]
    if kept and _is_final(kept[-1]):
        rendered[-1].token_ids[-1] = tokenizer.special_id("<|return|>")
    return rendered


def stop_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Tokens that end the assistant's turn: `<|return|>`, `<|call|>` and `<|endoftext|>`."""
    names = ("<|return|>", "<|call|>", "<|endoftext|>")
    return frozenset(tokenizer.special_id(name) for name in names)


def _require_dialect(dialect: str) -> None:
    if dialect not in _DIALECTS:
        raise MessageError(f"got the dialect {dialect!r}, wanted one of {', '.join(_DIALECTS)}")


def _is_final(message: Message) -> bool:
    return message.role is Role.ASSISTANT and message.channel == Channel.FINAL


def _without_old_reasoning(
    conversation: Conversation, *, keep_last_turn: bool = False
) -> list[Message]:
    turns = list(_turns(conversation))
    kept: list[Message] = []
    for turn in turns:
        is_running = not any(_is_final(message) for message in turn)
        if turn is turns[-1] and (keep_last_turn or is_running):
            kept += turn
        else:
            kept += [message for message in turn if not _is_reasoning(message)]
    return kept


def _is_reasoning(message: Message) -> bool:
    return (
        message.role is Role.ASSISTANT
        and message.channel == Channel.ANALYSIS
        and not message.is_tool_call
    )


def _turns(conversation: Iterable[Message]) -> Iterator[list[Message]]:
    """Stretches that begin with a user message; what comes before the first is one too."""
    turn: list[Message] = []
    for message in conversation:
        if message.role is Role.USER and turn:
            yield turn
            turn = []
        turn.append(message)
    if turn:
        yield turn


class _Writer:
    """Messages as token ids over one vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._encode: Callable[[str], Sequence[int]] = tokenizer.encode
        names = ("start", "end", "message", "channel", "constrain", "call")
        self._special = {name: tokenizer.special_id(f"<|{name}|>") for name in names}

    def assistant_header(self) -> list[int]:
        return [self._special["start"], *self._encode(Role.ASSISTANT)]

    def message(self, message: Message) -> list[int]:
        special = self._special
        ids = [special["start"], *self._encode(_author(message))]
        if message.recipient is not None and message.recipient != "all":
            ids += self._encode(f" to={message.recipient}")
        if message.channel is not None:
            ids += [special["channel"], *self._encode(message.channel)]
        if message.content_type is not None:
            ids += self._content_type(message.content_type)
        ids += [special["message"], *self._encode(_content(message))]
        # The library closes every assistant message that has a recipient so, even one for all.
        is_call = message.role is Role.ASSISTANT and message.recipient is not None
        return [*ids, special["call" if is_call else "end"]]

    def _content_type(self, content_type: str) -> list[int]:
        if not content_type.startswith(_CONSTRAIN):
            return list(self._encode(f" {content_type}"))
        word = content_type.removeprefix(_CONSTRAIN)
        return [*self._encode(" "), self._special["constrain"], *self._encode(word)]


def _author(message: Message) -> str:
    if message.role is Role.TOOL and message.name is not None:
        return message.name
    return message.role if message.name is None else f"{message.role}:{message.name}"


def _content(message: Message) -> str:
    if isinstance(message.content, SystemContent):
        return _system(message.content)
    if isinstance(message.content, DeveloperContent):
        instructions = message.content.instructions
        return "" if instructions is None else f"# Instructions\n\n{instructions}"
    return message.content


def _system(content: SystemContent) -> str:
    identity = [content.identity]
    if content.knowledge_cutoff is not None:
        identity.append(f"Knowledge cutoff: {content.knowledge_cutoff}")
    if content.current_date is not None:
        identity.append(f"Current date: {content.current_date}")
    sections = ["\n".join(identity), f"Reasoning: {content.effort}"]
    if content.channels:
        names = ", ".join(content.channels)
        sections.append(f"# Valid channels: {names}. Channel must be included for every message.")
    return "\n\n".join(sections)
