"""Shows a turn's events as they come."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gptoss.chat import Chat, Reply, TurnFinished
from gptoss.cli.output import Screen, Waiting
from gptoss.engine import FinishReason
from gptoss.harmony import (
    ContentDelta,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)

_ENDINGS = {
    FinishReason.LENGTH: "(cut off: no more tokens; see --max-tokens and --context)",
    FinishReason.CANCELLED: "(stopped)",
}


def show_answer(screen: Screen, chat: Chat, question: str, *, show_reasoning: bool) -> Reply:
    """Ask and print the answer while it is generated. Ctrl-C ends it early, a second one the program."""
    section, is_thought = None, False
    with _stopped_by_interrupt(chat), Waiting() as waiting:
        for event in chat.stream(question):
            if isinstance(event, ReasoningDelta) and not show_reasoning:
                waiting.count()
                continue
            if isinstance(event, MessageFinished):
                is_thought = section == "thinking"
                continue
            waiting.stop()
            match event:
                case ReasoningDelta(text):
                    if is_thought and section == "thinking":
                        screen.write("\n")
                    is_thought = False
                    section = _enter(screen, section, "thinking")
                    screen.write(text, "dim")
                case PreambleDelta(text):
                    section = _enter(screen, section, "preamble")
                    screen.write(text, "italic")
                case ContentDelta(text):
                    section = _enter(screen, section, "answer")
                    screen.write(text)
                case ToolCallStarted(index, recipient):
                    section = _enter(screen, section, f"call {index + 1}: {recipient}")
                case ToolCallDelta(_, text):
                    screen.write(text, "cyan")
                case TurnFinished(reply):
                    result = reply
    screen.write("\n" if section else "")
    if result.finish_reason in _ENDINGS:
        screen.note(_ENDINGS[result.finish_reason])
    elif not section:
        screen.note("(no answer)")
    return result


def summary(reply: Reply) -> str:
    """Tokens and speed in one line."""
    usage, timings = reply.usage, reply.timings
    parts = [f"{usage.completion_tokens} tokens ({usage.reasoning_tokens} reasoning)"]
    if not math.isnan(timings.prefill_tokens_per_s):
        parts.append(f"first after {timings.prefill_s:.2f} s")
    if not math.isnan(timings.decode_tokens_per_s):
        parts.append(f"{timings.decode_tokens_per_s:.1f} tokens/s")
    return ", ".join(parts)


def _enter(screen: Screen, section: str | None, name: str) -> str:
    """Begin a new section where the kind of text changes; only the answer has no title."""
    if section == name:
        return name
    if section is not None:
        screen.write("\n\n")
    if name != "answer" and name != "preamble":
        screen.write(f"{name}:\n", "dim bold")
    return name


@contextmanager
def _stopped_by_interrupt(chat: Chat) -> Iterator[None]:
    """The first Ctrl-C stops the answer instead of the program."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        chat.stop()

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
