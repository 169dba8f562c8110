"""The stream of a response that ran in the background, as it is kept to be read again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from gptoss.server.responses.types.events import ResponseEvent


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event of a stream, written as JSON."""

    kind: str
    number: int
    text: str


def packed(events: Iterable[ResponseEvent]) -> bytes:
    """All of them, compressed."""
    return zlib.compress(b"[%b]" % b",".join(event.written() for event in events), 6)


def unpacked(stream: bytes) -> list[KeptEvent]:
    """The events that were packed."""
    text = zlib.decompress(stream).decode()
    decode = json.JSONDecoder().raw_decode
    found = []
    # Behind each is a comma, or the end of the list.
    at = 1
    while at < len(text):
        event, end = decode(text, at)
        found.append(KeptEvent(event["type"], event["sequence_number"], text[at:end]))
        at = end + 1
    return found
