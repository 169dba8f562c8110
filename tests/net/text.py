"""What was seen of a reply, as text in which a change can be read."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from itertools import groupby, takewhile
from typing import Any, Protocol

from tests.net.cases import MADE

# Seconds and speeds, the only numbers that no fixed clock holds still.
_TIMES = re.compile(
    r'"(queue_s|prefill_s|decode_s|prefill_tokens_per_s|decode_tokens_per_s|time_ms)":[\d.e+-]+'
)
_METRIC = re.compile(r"^(\S+_(?:sum|created|bucket)(?:\{.*\})?) \S+$", re.MULTILINE)
_USUAL = {
    "content-type": "application/json",
    "x-content-type-options": "nosniff",
    "x-request-id": "req_#",
    "request-id": "req_#",
}
_WIDTH = 160
_MOST_TEXT = 2000
# Not shorter as `=` by much.
_SHORT = 8
# Longer prompts tell their text in full, and of their ids only whether they are the same.
_MOST_IDS = 120
_Json = Any


class Reply(Protocol):
    """A reply, its body as it was sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Shown:
    """Writes down the exchanges of one scenario. Ids get numbers, in the order in which they are seen."""

    def __init__(self) -> None:
        self._number_by_id: dict[str, int] = {}
        self._exchange_by_body: dict[str, int] = {}
        self._prompt: list[str] = []
        self._exchange_by_prompt: dict[tuple[int, ...], int] = {}

    def exchange(self, number: int, method: str, target: str, begun: list[Any], got: Reply) -> str:
        """One request, what the model read for it, and its reply."""
        lines = [f"-- {number} {method} {target}"]
        for ids, group in groupby(begun, key=lambda asked: asked.token_ids):
            lines += self._read(number, ids, list(group))
        lines.append(str(got.status) + "".join(f"  {each}" for each in self._headers(got)))
        body = self._body(got)
        told = "\n".join(body)
        before = self._exchange_by_body.setdefault(told, number)
        lines += body if before == number or len(told) <= _WIDTH else [f"(the body of {before})"]
        return "".join(_printable(line) + "\n" for line in lines)

    def _read(self, number: int, ids: tuple[int, ...], answers: list[Any]) -> list[str]:
        """A prompt as text and as tokens, and how the model is to go on with each answer."""
        asks = " / ".join(asked.asks or "as usual" for asked in answers)
        before = self._exchange_by_prompt.setdefault(ids, number)
        if before != number:
            return [f"reads the prompt of {before}: {asks}"]
        text = answers[0].text.split("\n")
        pairs = zip(text, self._prompt, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self._prompt = text
        lines = [f"  = the first {same} lines"] * (same > 0)
        lines += [f"  | {line}" for line in text[same:]]
        return [f"reads {len(ids)} tokens: {asks}", *lines, f"  {_told_ids(ids)}"]

    def _headers(self, got: Reply) -> list[str]:
        """Those that are not as usual."""
        told = []
        left = dict(_USUAL)
        for name, value in got.headers:
            if name == "content-length":
                if int(value) != len(got.body) and got.body:
                    told.append(f"content-length: {value}, of {len(got.body)}")
                continue
            text = re.sub(r"\breq_[0-9a-f]{24}\b", "req_#", value)
            if name == "etag":
                # Of the page's files, which are not kept.
                text = "#"
            if left.pop(name, None) != text:
                told.append(f"{name}: {self._named(text)}")
        return told + [f"no {name}" for name in left]

    def _body(self, got: Reply) -> list[str]:
        kind = dict(got.headers).get("content-type", "").partition(";")[0]
        if kind not in ("application/json", "text/event-stream", "text/plain"):
            return [f"({kind}, not kept)"] if got.body else []
        text = self._named(_TIMES.sub(r'"\1":"~"', got.body.decode("utf-8", "replace")))
        if kind == "text/event-stream":
            return _events(text)
        if kind == "text/plain" and len(text) > _MOST_TEXT and "# HELP" not in text:
            return ["(a long text, not kept)"]
        if kind == "text/plain":
            return _METRIC.sub(r"\1 ~", text).splitlines()
        if text.startswith('{"openapi":'):
            return ["(openapi.json)"]
        value = _compact(text)
        return [f"not compact: {text}"] if value is None else _folded(value, "", "")

    def _named(self, text: str) -> str:
        def name(match: re.Match[str]) -> str:
            found = match[0]
            if found.startswith("gptoss2."):
                return "<sealed: " + _sealed(found) + ">"
            number = self._number_by_id.setdefault(found, len(self._number_by_id) + 1)
            return f"{found[:-24]}#{number}"

        return MADE.sub(name, text)


def _told_ids(ids: tuple[int, ...]) -> str:
    text = " ".join(map(str, ids))
    if len(ids) <= _MOST_IDS:
        return text
    return f"ids of sha256 {hashlib.sha256(text.encode()).hexdigest()}"


def _sealed(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text.removeprefix("gptoss2."))[32:].decode()
    except ValueError:
        return "not to be read"


def _compact(text: str) -> _Json:
    """JSON as it must be written, without a space or another way to say the same; None for other text."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if _dumps(value) == text else None


def _dumps(value: _Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _folded(value: _Json, before: str, after: str) -> list[str]:
    """JSON in lines: what is short stays in one."""
    flat = before + _dumps(value) + after
    depth = len(before) - len(before.lstrip(" "))
    is_flat = isinstance(value, list) and all(isinstance(each, int) for each in value)
    if not isinstance(value, dict | list) or is_flat or len(flat) <= _WIDTH:
        return [flat]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = list(value.items()) if isinstance(value, dict) else [("", each) for each in value]
    lines = [before + opening]
    for index, (key, each) in enumerate(inner):
        head = f"{_dumps(key)}:" if isinstance(value, dict) else ""
        lines += _folded(each, " " * (depth + 1) + head, "," if index + 1 < len(inner) else "")
    return [*lines, " " * depth + closing + after]


def _events(text: str) -> list[str]:
    """One line for each event; what is the same as in the events before is told as `=`."""
    lines: list[str] = []
    before: dict[str, _Json] = {}
    for block in re.split(r"(?<=\n\n)", text):
        match = re.fullmatch(r"(?:event: (.*)\n)?data: (.*)\n\n", block)
        value = _compact(match[2]) if match else None
        if match is None:
            lines += [f"odd: {block!r}"] if block else []
        elif not isinstance(value, dict):
            lines.append(f"[{match[1] or ''}] {match[2]}")
        else:
            lines.append(f"[{match[1] or ''}] {_changed(value, before)}")
            before |= value
    return lines


def _changed(value: _Json, before: _Json) -> str:
    flat = _dumps(value)
    if len(flat) > _SHORT and value == before:
        return "="
    if not isinstance(value, dict) or not isinstance(before, dict):
        return flat
    members = (f"{_dumps(key)}:{_changed(each, before.get(key))}" for key, each in value.items())
    return "{" + ",".join(members) + "}"


def _printable(line: str) -> str:
    return re.sub(
        r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda m: f"\\x{ord(m[0]):02x}", line
    )
