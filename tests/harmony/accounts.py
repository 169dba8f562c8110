"""Where all the text of a stream has gone: an account of the parser that does not look into it."""

from __future__ import annotations

from gptoss.harmony import (
    ContentDelta,
    Event,
    Message,
    Parser,
    PreambleDelta,
    ReasoningDelta,
    Repair,
    Role,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.tokenizer import Tokenizer


def check(
    ids: list[int], tokenizer: Tokenizer, *, role: Role | None = Role.ASSISTANT
) -> tuple[list[Message], list[Repair]]:
    """Parse, and assert that no text was lost, changed or made up.

    Stretches of ordinary text must come back in order as contents of messages; what stands between them must be words
    that a message's header says, or be in what some repair has seen.
    """
    parser = Parser(tokenizer, role=role)
    events = parser.feed_all(ids) + parser.close()
    messages, repairs = parser.finish()
    shown = "".join(
        event.text
        for event in events
        if isinstance(event, ReasoningDelta | PreambleDelta | ContentDelta | ToolCallDelta)
    )
    own = [message for message in messages if message.role is Role.ASSISTANT]
    assert shown == "".join(message.text for message in own)
    assert _calls(events) == [(m.recipient, m.text) for m in own if m.is_tool_call]
    seen = "\n".join(repair.seen for repair in repairs)
    words = {
        word
        for m in messages
        for word in (m.role, m.name, m.channel, m.recipient, m.content_type, f"{m.role}:{m.name}")
        if word is not None
    }
    text = _text(ids, tokenizer)
    contents = [message.text for message in messages]
    assert _is_accounted(text, contents, words, seen), f"{text!r} gave {messages} and {repairs}"
    return messages, repairs


def _calls(events: list[Event]) -> list[tuple[str, str]]:
    """Calls as their events tell them: each started, perhaps added to, and finished before the next."""
    calls: list[tuple[str, str]] = []
    is_open = False
    for event in events:
        match event:
            case ToolCallStarted(index, recipient):
                assert not is_open
                assert index == len(calls)
                calls.append((recipient, ""))
                is_open = True
            case ToolCallDelta(index, text):
                assert is_open
                assert index == len(calls) - 1
                calls[-1] = (calls[-1][0], calls[-1][1] + text)
            case ToolCallFinished(index):
                assert is_open
                assert index == len(calls) - 1
                is_open = False
    assert not is_open
    return calls


def _text(ids: list[int], tokenizer: Tokenizer) -> str:
    """Ordinary text, with a line that no text holds where a special token stands."""
    detokenizer, text = tokenizer.detokenizer(), ""
    for token_id in ids:
        is_special = token_id in tokenizer.special_ids
        text += detokenizer.finish() + "\ud800" if is_special else detokenizer.feed(token_id)
    return text + detokenizer.finish()


def _is_accounted(text: str, contents: list[str], words: set[str], seen: str) -> bool:
    """Whether the contents stand in the text in this order, with nothing unsaid between them.

    A short content may stand in several places, so that all are tried, those after a special token first.
    """
    if not contents:
        return _is_said(text, words, seen)
    plain = [index for index, character in enumerate(text) if character != "\ud800"]
    joined = "".join(text[index] for index in plain)
    first, rest = contents[0], contents[1:]
    if not first:
        return _is_accounted(text, rest, words, seen)
    starts, at = [], joined.find(first)
    while at >= 0:
        starts.append(at)
        at = joined.find(first, at + 1)
    starts.sort(key=lambda at: plain[at] > 0 and text[plain[at] - 1] != "\ud800")
    for at in starts:
        if _is_said(text[: plain[at]], words, seen):
            end = plain[at + len(first) - 1] + 1
            if _is_accounted(text[end:], rest, words, seen):
                return True
    return False


def _is_said(gap: str, words: set[str], seen: str) -> bool:
    """Of text between contents: whether each piece is in a repair, or made of words that a header says."""
    for piece in gap.split("\ud800"):
        if piece in seen or not piece.strip():
            continue
        for word in piece.replace("to=", " ").split():
            if word not in words and f"<|constrain|>{word}" not in words and word not in seen:
                return False
    return True
