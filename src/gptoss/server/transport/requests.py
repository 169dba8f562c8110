"""Requests as bytes: h11 reads them, and what it lets pass though it is wrong is refused."""

from __future__ import annotations

import re

import h11
import h11._readers

from gptoss.server.transport.limits import MAX_HEAD_BYTES
from gptoss.server.transport.refusals import Refusal

_MAX_HEADERS = 200
_MAX_METHOD_CHARACTERS = 32
# Each costs as much time as a kilobyte of a large one. So few may be small, whatever is in them.
_MAX_SMALL_CHUNKS = 4096
_USUAL_CHUNK_BYTES = 256
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)
# h11's own patterns try every way to part a run of spaces in two when what comes after it is wrong: 64 kB of
# them take a minute. These take what they can and never give it back.
_HEADER_FIELD = re.compile(
    rb"(?P<field_name>[-!#$%&'*+.^_`|~0-9a-zA-Z]++):[ \t]*+"
    rb"(?P<field_value>(?:[^\x00\s]++(?:[ \t]++[^\x00\s]++)*+)?+)[ \t]*+"
)
_CHUNK_HEADER = re.compile(
    rb"(?P<chunk_size>[0-9A-Fa-f]{1,20})(?P<chunk_ext>;[^\r\n]*+)?+[ \t]*+\r\n"
)


class RefusedError(h11.RemoteProtocolError):
    """Bytes that are no request, and what is said to that."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message, error_status_hint=status)
        self.refusal = Refusal(status, message)


def use_linear_patterns() -> None:
    """Have h11 read headers and chunks in a time that grows as their bytes do."""
    h11._readers.header_field_re = _HEADER_FIELD
    h11._readers.chunk_header_re = _CHUNK_HEADER


class RequestReader(h11.Connection):
    """What a client sends, as events. After an error, `refusal` says what is wrong."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEAD_BYTES)
        self.refusal = Refusal(400, "this is no HTTP request")
        self._num_chunks = 0
        self._num_bytes = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11 has it. Raises h11.RemoteProtocolError for more than h11 does."""
        try:
            event = super().next_event()
            if type(event) is h11.Request:
                self._num_chunks = self._num_bytes = 0
                return _checked(event)
            if type(event) is h11.Data:
                self._count(event)
            return event
        except h11.RemoteProtocolError as error:
            self.refusal = _refusal_of(error)
            raise

    def _count(self, data: h11.Data) -> None:
        self._num_chunks += data.chunk_start
        self._num_bytes += len(data.data)
        if self._num_chunks > _MAX_SMALL_CHUNKS + self._num_bytes // _USUAL_CHUNK_BYTES:
            raise RefusedError(
                400,
                f"got a body in {self._num_chunks:,} small chunks, wanted {_USUAL_CHUNK_BYTES} bytes in each",
            )


def _refusal_of(error: h11.RemoteProtocolError) -> Refusal:
    if isinstance(error, RefusedError):
        return error.refusal
    if error.error_status_hint == 431:
        return Refusal(431, f"got more than {MAX_HEAD_BYTES:,} bytes of headers, wanted fewer")
    if error.error_status_hint == 501:
        return Refusal(400, "got a Transfer-Encoding that is not known, wanted chunked")
    # What comes after a colon are the client's own bytes.
    reason = str(error).partition(":")[0]
    return Refusal(400, f"this is no HTTP request: {reason[:1].lower()}{reason[1:]}")


def _checked(request: h11.Request) -> h11.Request:
    """The request, its target a path. Raises RefusedError for what servers read differently, or not at all."""
    version = request.http_version
    if version not in (b"1.1", b"1.0"):
        raise RefusedError(400, "got another version of HTTP, wanted HTTP/1.1")
    if request.method == b"CONNECT" or len(request.method) > _MAX_METHOD_CHARACTERS:
        raise RefusedError(400, "got a method that no server of this kind has")
    if len(request.headers) > _MAX_HEADERS:
        raise RefusedError(431, f"got more than {_MAX_HEADERS} headers, wanted fewer")
    size, has_length, has_coding = len(request.target), False, False
    for name, value in request.headers:
        size += len(name) + len(value)
        if name == b"host":
            if not _HOST.fullmatch(value):
                raise RefusedError(400, "got a Host that is none")
        elif name == b"content-length":
            has_length = True
        elif name == b"transfer-encoding":
            has_coding = True
        elif name == b"expect" and version == b"1.1" and value.lower() != b"100-continue":
            raise RefusedError(417, "got an Expect that is not known, wanted 100-continue")
    if size > MAX_HEAD_BYTES:
        raise RefusedError(431, f"got more than {MAX_HEAD_BYTES:,} bytes of headers, wanted fewer")
    # RFC 9112, 6.1: whoever reads the one and whoever reads the other see different requests.
    if has_coding and (has_length or version == b"1.0"):
        raise RefusedError(400, "got a Transfer-Encoding with a Content-Length, or in HTTP/1.0")
    return _with_path(request)


def _with_path(request: h11.Request) -> h11.Request:
    target = request.target
    if target.startswith(b"/") or (target == b"*" and request.method == b"OPTIONS"):
        return request
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not _HOST.fullmatch(absolute[1]):
        raise RefusedError(400, "got a target that is neither a path nor an address")
    # RFC 9112, 3.2.2: the host in the target is the one that counts.
    headers = [pair for pair in request.headers if pair[0] != b"host"]
    path = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    return h11.Request(
        method=request.method,
        target=path,
        headers=[(b"host", absolute[1]), *headers],
        http_version=request.http_version,
    )
