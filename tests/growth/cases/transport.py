"""Requests as bytes: heads and chunks."""

from __future__ import annotations

import h11

from gptoss.server.transport.requests import RequestReader, use_linear_patterns
from tests.growth.case import Case

use_linear_patterns()
_HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# As much as comes at once from a client that sends slowly.
_PART_BYTES = 1000


def _read(data: bytes) -> None:
    reader = RequestReader()
    for start in range(0, len(data), _PART_BYTES):
        reader.receive_data(data[start : start + _PART_BYTES])
        while reader.next_event() not in (h11.NEED_DATA, h11.PAUSED):
            pass


def _spaces(size: int) -> bytes:
    """A value of spaces and one byte that none may have."""
    return _HEAD + b"X: " + b" " * size + b"\x0c\r\n\r\n"


def _spaced(size: int) -> bytes:
    """Such a value with a letter after every space."""
    return _HEAD + b"X: " + b"a " * (size // 2) + b"\x0c\r\n\r\n"


def _folds(size: int) -> bytes:
    """A value over many lines."""
    return _HEAD + b"X: a" + b"\r\n a" * (size // 4) + b"\r\n\r\n"


def _extension(size: int) -> bytes:
    """A chunk with an extension of spaces, and a line's end that is none."""
    return _CHUNKED + b"5;" + b" " * size + b"\n\r\n"


def _chunks(size: int) -> bytes:
    """Chunks of one byte."""
    return _CHUNKED + b"1\r\nx\r\n" * size + b"0\r\n\r\n"


CASES = (
    Case("a header of spaces", _spaces, _read, 20_000, raises=h11.RemoteProtocolError),
    Case("a header of spaces and letters", _spaced, _read, 20_000, raises=h11.RemoteProtocolError),
    Case("a header of many lines", _folds, _read, 8000),
    Case("an extension of spaces", _extension, _read, 20_000, raises=h11.RemoteProtocolError),
    Case("chunks of one byte", _chunks, _read, 200),
)
