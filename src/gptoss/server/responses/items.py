"""Items that a response grows by: each says what it is so far, and which stream events its beginning and end are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Protocol

from gptoss.server.replies import Json
from gptoss.server.shared.ids import new_id

# A sentence that is no end of a number or an abbreviation: what follows is a space and no small letter.
_SENTENCE = re.compile(r".+?(?:[.!?]+(?=\s+[^a-z\s])|\n\n|$)", re.DOTALL)
_SENTENCES_BY_SUMMARY = {"auto": 1, "concise": 1, "detailed": 3}
_MAX_SUMMARY_CHARACTERS = 600


class Item(Protocol):
    """An item that is being written. Events are without their places, which the response adds."""

    id: str

    def item(self, status: str) -> Json:
        """As it is so far."""
        ...

    def begin(self) -> Iterator[Json]:
        """The events after `response.output_item.added`."""
        ...

    def end(self) -> Iterator[Json]:
        """The events before `response.output_item.done`."""
        ...


class ReasoningItem:
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

    def item(self, status: str) -> Json:
        """See Item."""
        text = "".join(self._texts)
        made: Json = {
            "id": self.id,
            "type": "reasoning",
            "summary": _summary_parts(self._excerpt()) if self._is_over else [],
            "content": [{"type": "reasoning_text", "text": text}] if text else [],
            "status": status,
        }
        if self._sealed is not None:
            made["encrypted_content"] = self._sealed
        return made

    def begin(self) -> Iterator[Json]:
        """See Item."""
        yield _part_added({"type": "reasoning_text", "text": ""})

    def delta(self, text: str) -> Json:
        """More of it."""
        self._texts.append(text)
        return {"type": "response.reasoning_text.delta", "content_index": 0, "delta": text}

    def end(self) -> Iterator[Json]:
        """See Item."""
        text = "".join(self._texts)
        yield {"type": "response.reasoning_text.done", "content_index": 0, "text": text}
        yield _part_done({"type": "reasoning_text", "text": text})
        self._is_over = True
        if self._seal is not None:
            self._sealed = self._seal(text)
        if excerpt := self._excerpt():
            (part,) = _summary_parts(excerpt)
            kind = "response.reasoning_summary"
            empty = {"type": "summary_text", "text": ""}
            yield {"type": f"{kind}_part.added", "summary_index": 0, "part": empty}
            yield {"type": f"{kind}_text.delta", "summary_index": 0, "delta": excerpt}
            yield {"type": f"{kind}_text.done", "summary_index": 0, "text": excerpt}
            yield {"type": f"{kind}_part.done", "summary_index": 0, "part": part}

    def _excerpt(self) -> str:
        if self._summary is None:
            return ""
        return excerpt_of("".join(self._texts), _SENTENCES_BY_SUMMARY[self._summary])


class MessageItem:
    """Something said to the user: the answer, or before tools are called (`commentary`)."""

    def __init__(self, phase: str) -> None:
        self.id = new_id("msg_")
        self.phase = phase
        self._texts: list[str] = []
        self._logprobs: list[Json] = []
        self._is_over = False

    def item(self, status: str) -> Json:
        """See Item."""
        parts = [self._part()] if self._texts or self._is_over else []
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "phase": self.phase,
            "content": parts,
        }

    def begin(self) -> Iterator[Json]:
        """See Item."""
        yield _part_added(_output_text("", []))

    def delta(self, text: str, logprobs: list[Json]) -> Json:
        """More of it, and its tokens, if they are wanted."""
        self._texts.append(text)
        self._logprobs += logprobs
        return {
            "type": "response.output_text.delta",
            "content_index": 0,
            "delta": text,
            "logprobs": logprobs,
        }

    def end(self) -> Iterator[Json]:
        """See Item."""
        self._is_over = True
        yield {
            "type": "response.output_text.done",
            "content_index": 0,
            "text": "".join(self._texts),
            "logprobs": list(self._logprobs),
        }
        yield _part_done(self._part())

    def add_logprobs(self, logprobs: list[Json]) -> None:
        """Of tokens that came after the last text, such as half a character."""
        self._logprobs += logprobs

    def _part(self) -> Json:
        return _output_text("".join(self._texts), list(self._logprobs))


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


def _summary_parts(text: str) -> list[Json]:
    return [{"type": "summary_text", "text": text}] if text else []


def _output_text(text: str, logprobs: list[Json]) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def _part_added(part: Json) -> Json:
    return {"type": "response.content_part.added", "content_index": 0, "part": part}


def _part_done(part: Json) -> Json:
    return {"type": "response.content_part.done", "content_index": 0, "part": part}
