"""Forms with one file, parsed piece by piece: short fields are kept, the file's bytes are handed on."""

from __future__ import annotations

import logging
import re
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from gptoss.errors import shown
from gptoss.server.wire_errors import ApiError

MOST_PARTS, MOST_FIELD_CHARACTERS = 16, 1024
_MOST_NAME_BYTES = 255
_FILE = "file"
# The parser's own logger tells of every form that is wrong; the reply does.
_SILENT = logging.Logger("multipart", logging.CRITICAL + 1)
# RFC 2046, 5.1.1.
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_NESTED = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class FormReader:
    """Reads one form. `fields` are its texts by their names, `file_name` is that of its file once it has begun."""

    def __init__(self, content_type: str) -> None:
        """Raises ApiError for a type without a boundary."""
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not _BOUNDARY.fullmatch(boundary):
            raise _broken("its content type has no boundary of at most 70 characters")
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self._is_over = False
        self._num_parts = 0
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        # Of the part that is being read; None: it is the file.
        self._field: str | None = None
        self._text = bytearray()
        self._out: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_head,
                "on_part_data": self._take,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )
        self._parser.logger = _SILENT

    def feed(self, data: bytes) -> bytes:
        """Read on, and return what of it is the file's. Raises ApiError for what is no form with one file."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _broken(str(error)[:1].lower() + str(error)[1:]) from None
        found, self._out = b"".join(self._out), []
        return found

    def finish(self) -> None:
        """Raises ApiError for a form that has not come to its end."""
        if not self._is_over:
            raise _broken("it ended before its last boundary")

    def nested(self) -> dict[str, Any]:
        """The fields as an object: `a[b]` is `b` in `a`."""
        made: dict[str, Any] = {}
        for name, text in self.fields.items():
            match = _NESTED.fullmatch(name)
            outer, inner = match.groups() if match else (name, None)
            at = made.setdefault(outer, {}) if inner else made
            if not isinstance(at, dict) or (inner or outer) in at:
                raise _refused(outer, f"got {shown(outer)} twice, wanted it once", "duplicate_item")
            at[inner or outer] = text
        return made

    def _begin(self) -> None:
        self._num_parts += 1
        if self._num_parts > MOST_PARTS:
            raise _broken(f"it has more than {MOST_PARTS} parts")
        self._disposition = b""

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end_head(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise _broken("a part has no Content-Disposition: form-data with a name")
        name = _text_of(options[b"name"], "the name of a part")
        self._text.clear()
        if b"filename" not in options:
            if name == _FILE:
                told = (
                    "file: got a text without a filename, wanted a file, as in `-F file=@notes.txt`"
                )
                raise _refused(_FILE, told)
            if name in self.fields:
                raise _refused(name, f"got {shown(name)} twice, wanted it once", "duplicate_item")
            self._field = name
            return
        if name != _FILE:
            told = f"got a file in the field {shown(name)}, wanted it in 'file'"
            raise _refused(name, told, "unknown_parameter")
        if self.file_name is not None:
            raise _refused(_FILE, "file: got two files, wanted one", "duplicate_item")
        self._field = None
        self.file_name = _name_of(_text_of(options[b"filename"], "the name of the file"))

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._out.append(data[start:end])
            return
        self._text += data[start:end]
        # Those of four bytes each.
        if len(self._text) > 4 * MOST_FIELD_CHARACTERS:
            raise _too_long(self._field)

    def _end_part(self) -> None:
        if self._field is None:
            return
        text = _text_of(bytes(self._text), f"the field {self._field}")
        if len(text) > MOST_FIELD_CHARACTERS:
            raise _too_long(self._field)
        self.fields[self._field] = text

    def _end(self) -> None:
        self._is_over = True


def _name_of(text: str) -> str:
    """The name alone, as RFC 7578 (4.2) wants it: folders before it are the client's own affair."""
    name = re.split(r"[/\\]", text)[-1]
    size = len(name.encode("utf-8", "replace"))
    if size > _MOST_NAME_BYTES:
        told = f"file: got a name of {size:,} bytes, wanted at most {_MOST_NAME_BYTES}"
        raise _refused(_FILE, told, "string_above_max_length")
    if name in ("", ".", "..") or _CONTROL.search(name):
        told = f"file: got the name {shown(text, 200)}, wanted one such as notes.txt"
        raise _refused(_FILE, told)
    return name


def _text_of(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _broken(f"{shown(what)} is no UTF-8") from None


def _too_long(name: str) -> ApiError:
    told = f"got more than {MOST_FIELD_CHARACTERS:,} characters in the field {shown(name)}, wanted fewer"
    return _refused(name, told, "string_above_max_length")


def _broken(why: str) -> ApiError:
    return ApiError(400, f"the body is not a form as it must be: {why}", code="invalid_multipart")


def _refused(param: str, told: str, code: Any = None) -> ApiError:
    return ApiError(400, told, param=param, code=code)
