"""Items that a response grows by: each says what it is so far, and which stream events its beginning and end are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from gptoss.server.responses.types.calls import ItemStatus
from gptoss.server.responses.types.events import (
    OutputTextDelta,
    OutputTextDone,
    PartChange,
    PartChanged,
    ReasoningTextDelta,
    ReasoningTextDone,
    ResponseEvent,
    SummaryPartChange,
    SummaryPartChanged,
    SummaryTextDelta,
    SummaryTextDone,
)
from gptoss.server.responses.types.items import OutputItem, OutputMessage, Phase, ReasoningItem
from gptoss.server.responses.types.texts import OutputText, ReasoningText, SummaryText
from gptoss.server.shared.ids import new_id
from gptoss.server.shared.logprobs import TokenLogprobs

# A sentence that is no end of a number or an abbreviation: what follows is a space and no small letter.
_SENTENCE = re.compile(r".+?(?:[.!?]+(?=\s+[^a-z\s])|\n\n|$)", re.DOTALL)
_SENTENCES_BY_SUMMARY = {"auto": 1, "concise": 1, "detailed": 3}
_MAX_SUMMARY_CHARACTERS = 600

# An event of an item; whoever writes the response knows where the item stands, and calls it with that.
Unplaced = Callable[..., ResponseEvent]


class OpenItem(Protocol):
    """An item that is being written."""

    id: str

    def item(self, status: ItemStatus) -> OutputItem:
        """The item so far."""
        ...

    def end(self) -> Iterator[Unplaced]:
        """The events before `response.output_item.done`."""
        ...


class OpenReasoning:
    """A chain of thought.

    summary  how long an excerpt is to be, if there is to be one
    seal     makes `encrypted_content` of the text, if it is asked for
    """

    def __init__(self, summary: str | None, seal: Callable[[str], str] | None) -> None:
        self.id = new_id("rs_")
        self._summary = summary
        self._seal = seal
        self._texts: list[str] = []
        self._is_over = False
        self._sealed: str | None = None

    def item(self, status: ItemStatus) -> ReasoningItem:
        """The item so far."""
        text = "".join(self._texts)
        excerpt = self._excerpt() if self._is_over else ""
        return ReasoningItem(
            id=self.id,
            type="reasoning",
            summary=[_summary_text(excerpt)] if excerpt else [],
            content=[_reasoning_text(text)] if text else [],
            status=status,
            encrypted_content=self._sealed,
        )

    def begin(self) -> Unplaced:
        """The event after `response.output_item.added`."""
        return _part_changed("response.content_part.added", _reasoning_text(""))

    def delta(self, text: str) -> Unplaced:
        """More of it."""
        self._texts.append(text)
        return partial(
            ReasoningTextDelta, type="response.reasoning_text.delta", content_index=0, delta=text
        )

    def end(self) -> Iterator[Unplaced]:
        """The events before `response.output_item.done`."""
        text = "".join(self._texts)
        yield partial(
            ReasoningTextDone, type="response.reasoning_text.done", content_index=0, text=text
        )
        yield _part_changed("response.content_part.done", _reasoning_text(text))
        self._is_over = True
        if self._seal is not None:
            self._sealed = self._seal(text)
        if excerpt := self._excerpt():
            yield from _summary_events(excerpt)

    def _excerpt(self) -> str:
        if self._summary is None:
            return ""
        return excerpt_of("".join(self._texts), _SENTENCES_BY_SUMMARY[self._summary])


class OpenMessage:
    """Something said to the user: the answer, or before tools are called (`commentary`)."""

    def __init__(self, phase: Phase) -> None:
        self.id = new_id("msg_")
        self.phase = phase
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprobs] = []
        self._is_over = False

    def item(self, status: ItemStatus) -> OutputMessage:
        """The item so far."""
        return OutputMessage(
            id=self.id,
            type="message",
            role="assistant",
            status=status,
            phase=self.phase,
            content=[self._part()] if self._texts or self._is_over else [],
        )

    def begin(self) -> Unplaced:
        """The event after `response.output_item.added`."""
        return _part_changed("response.content_part.added", text_part("", []))

    def delta(self, text: str, logprobs: list[TokenLogprobs]) -> Unplaced:
        """More of it, and its tokens, if they are wanted."""
        self._texts.append(text)
        self._logprobs += logprobs
        return partial(
            OutputTextDelta,
            type="response.output_text.delta",
            content_index=0,
            delta=text,
            logprobs=logprobs,
        )

    def end(self) -> Iterator[Unplaced]:
        """The events before `response.output_item.done`."""
        self._is_over = True
        yield partial(
            OutputTextDone,
            type="response.output_text.done",
            content_index=0,
            text="".join(self._texts),
            logprobs=list(self._logprobs),
        )
        yield _part_changed("response.content_part.done", self._part())

    def add_logprobs(self, logprobs: list[TokenLogprobs]) -> None:
        """Add tokens that came after the last text, such as half a character."""
        self._logprobs += logprobs

    def _part(self) -> OutputText:
        return text_part("".join(self._texts), list(self._logprobs))


def excerpt_of(reasoning: str, num_sentences: int) -> str:
    """Its first sentences, word for word: nothing here is put in other words, since no second model reads it."""
    # What is beyond is cut off in any case, and looking for a sentence's end takes long in a run of dots.
    begun = reasoning.strip()[: 2 * _MAX_SUMMARY_CHARACTERS]
    sentences = (match.group() for match in _SENTENCE.finditer(begun))
    chosen = [sentence for _, sentence in zip(range(num_sentences), sentences, strict=False)]
    text = "".join(chosen).strip()
    if len(text) <= _MAX_SUMMARY_CHARACTERS:
        return text
    return f"{text[:_MAX_SUMMARY_CHARACTERS].rsplit(maxsplit=1)[0]} …"


def text_part(text: str, logprobs: list[TokenLogprobs]) -> OutputText:
    """Text of the assistant, and its tokens, if they are wanted."""
    return OutputText(type="output_text", text=text, annotations=[], logprobs=logprobs)


def _reasoning_text(text: str) -> ReasoningText:
    return ReasoningText(type="reasoning_text", text=text)


def _summary_text(text: str) -> SummaryText:
    return SummaryText(type="summary_text", text=text)


def _part_changed(kind: PartChange, part: OutputText | ReasoningText) -> Unplaced:
    return partial(PartChanged, type=kind, content_index=0, part=part)


def _summary_events(text: str) -> Iterator[Unplaced]:
    yield _summary_changed("response.reasoning_summary_part.added", "")
    yield partial(
        SummaryTextDelta, type="response.reasoning_summary_text.delta", summary_index=0, delta=text
    )
    yield partial(
        SummaryTextDone, type="response.reasoning_summary_text.done", summary_index=0, text=text
    )
    yield _summary_changed("response.reasoning_summary_part.done", text)


def _summary_changed(kind: SummaryPartChange, text: str) -> Unplaced:
    return partial(SummaryPartChanged, type=kind, summary_index=0, part=_summary_text(text))
