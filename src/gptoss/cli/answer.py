"""Shows a turn's events as they come."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from gptoss.chat import (
    ApprovalAsked,
    Cap,
    Chat,
    Reply,
    ToolOutput,
    ToolRunFinished,
    ToolRunStarted,
    TurnEvent,
    TurnFinished,
)
from gptoss.chat.events import ToolEvent
from gptoss.cli.output import Screen, Waiting, in_order
from gptoss.cli.pictures import Pictures
from gptoss.cli.tool_prints import told_by_tools
from gptoss.engine import FinishReason
from gptoss.harmony import (
    ContentDelta,
    MessageFinished,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)

_ENDINGS = {
    FinishReason.LENGTH: "(cut off: no more tokens; see --max-tokens and --context)",
    FinishReason.CANCELLED: "(stopped)",
}
# Of a result, as many as a person looks at.
_MOST_LINES = 24
_CAPS = {
    Cap.ROUNDS: "it had called as often as it may",
    Cap.CALLS: "it had made as many calls as it may",
    Cap.WALL_TIME: "its time was over",
    Cap.TOOL_TIME: "the tools' time was over",
    Cap.RESULTS: "their results were as long as they may be",
    Cap.CONTEXT: "the context was full",
    Cap.REPETITION: "it made the same call again and again",
}


def show_answer(
    screen: Screen,
    chat: Chat,
    question: str,
    *,
    show_reasoning: bool,
    save_to: Path | None = None,
) -> Reply:
    """Ask and print the answer while it is generated.

    Ctrl-C ends the tool that runs, else the answer; another one the program.

    save_to  where pictures that tools make are put; None: they are only counted
    """
    with _stopped_by_interrupt(chat), Waiting() as waiting, told_by_tools():
        display = _Display(screen, waiting, show_reasoning, save_to)
        for event in chat.stream(question):
            if isinstance(event, TurnFinished):
                result = event.reply
            else:
                display.show(event)
    display.end()
    if result.finish_reason in _ENDINGS:
        screen.note(_ENDINGS[result.finish_reason])
    elif not display.has_section:
        screen.note("(no answer)")
    if result.capped is not None:
        screen.note(f"(tools were taken away, so that it answers: {_CAPS[result.capped]})")
    return result


class _Display:
    """Prints events: each kind of text in a section of its own, runs of tools for a person who looks."""

    def __init__(
        self, screen: Screen, waiting: Waiting, show_reasoning: bool, save_to: Path | None
    ) -> None:
        self._screen = screen
        self._waiting = waiting
        self._show_reasoning = show_reasoning
        self._shows_tools = screen.is_terminal or show_reasoning
        self._pictures = Pictures(save_to)
        self._section: str | None = None
        # Whether what was printed last ended its line.
        self._is_line_ended = False
        # Whether another chain of thought follows in the same section.
        self._is_thought = False
        # What a running tool has printed.
        self._printed = ""

    @property
    def has_section(self) -> bool:
        """Whether anything was printed."""
        return self._section is not None

    def show(self, event: TurnEvent) -> None:
        """Print one event."""
        if isinstance(event, ReasoningDelta) and not self._show_reasoning:
            self._waiting.count()
            return
        if isinstance(event, MessageFinished):
            self._is_thought = self._section == "thinking"
            return
        if isinstance(event, ToolEvent) or is_call(event):
            if self._shows_tools or isinstance(event, ApprovalAsked):
                self._waiting.stop()
                self._show_tool(event)
            return
        self._waiting.stop()
        match event:
            case ReasoningDelta(text):
                if self._is_thought and self._section == "thinking":
                    self._write("\n")
                self._is_thought = False
                self._enter("thinking")
                self._write(text, "dim")
            case PreambleDelta(text):
                self._enter("preamble")
                self._write(text, "italic")
            case ContentDelta(text):
                self._enter("answer")
                self._write(text)

    def end(self) -> None:
        """End the last line."""
        if self._section is not None and not self._is_line_ended:
            self._write("\n")

    def _show_tool(self, event: TurnEvent) -> None:
        match event:
            case ToolCallStarted(index, recipient):
                self._enter(f"call {index + 1}: {recipient.removeprefix('functions.')}")
            case ToolCallDelta(_, text):
                self._tell(text, "cyan")
            case ToolRunStarted():
                self._printed = ""
                self.end()
                self._waiting.start("running")
            case ToolOutput(index, text):
                self._enter(f"output {index + 1}")
                self._tell(text)
                self._printed += text
            case ToolRunFinished(index, run):
                # The model reads what was printed, and what came of it behind that.
                is_behind = run.told.startswith(self._printed)
                rest = run.told[len(self._printed) :] if is_behind else run.told
                if rest.strip():
                    self._enter(f"result {index + 1}, {run.result.seconds:.2f} s")
                    self._tell(shortened_lines(rest.strip("\n")))
                for line in self._pictures.take(run.result):
                    self.end()
                    self._write(line, "dim")
                self.end()
                self._waiting.start("reading")

    def _enter(self, name: str) -> None:
        """Begin a new section where the kind of text changes; only the answer has no title."""
        if self._section == name:
            return
        if self._section is not None:
            self._write("\n" if self._is_line_ended else "\n\n")
        if name not in ("answer", "preamble"):
            self._write(f"{name}:\n", "dim bold")
        self._section = name

    def _tell(self, text: str, style: str | None = None) -> None:
        """Print a call's own text: a person judges what it is by what is seen."""
        self._write(in_order(text) if self._screen.is_terminal else text, style)

    def _write(self, text: str, style: str | None = None) -> None:
        self._screen.write(text, style)
        self._is_line_ended = text.endswith("\n")


def is_call(event: TurnEvent) -> bool:
    """Whether an event tells of what a call says."""
    return isinstance(event, ToolCallStarted | ToolCallDelta | ToolCallFinished)


def shortened_lines(text: str) -> str:
    """A text of at most so many lines as a person looks at; the model has read more."""
    lines = text.splitlines()
    if len(lines) <= _MOST_LINES:
        return text
    left = len(lines) - _MOST_LINES
    return "\n".join([*lines[:_MOST_LINES], f"... {left:,} lines more"])


def summary(reply: Reply) -> str:
    """Tokens and speed in one line."""
    usage, timings = reply.usage, reply.timings
    parts = [f"{usage.completion_tokens} tokens ({usage.reasoning_tokens} reasoning)"]
    if not math.isnan(timings.prefill_tokens_per_s):
        parts.append(f"first after {timings.prefill_s:.2f} s")
    if not math.isnan(timings.decode_tokens_per_s):
        parts.append(f"{timings.decode_tokens_per_s:.1f} tokens/s")
    return ", ".join(parts)


@contextmanager
def _stopped_by_interrupt(chat: Chat) -> Iterator[None]:
    """The first Ctrl-C stops the tool or the answer instead of the program."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if chat.stop_tool():
            return
        signal.signal(signal.SIGINT, before)
        chat.stop()

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
