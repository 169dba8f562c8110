"""Text inside input items of the Responses API, and how a wrong one is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gptoss.errors import shown
from gptoss.server.responses.types.calls import InputText
from gptoss.server.responses.types.items import OutputText, ReasoningText
from gptoss.server.wire_errors import ApiError

_TEXT_PARTS = ("input_text", "output_text", "text", "reasoning_text", "summary_text")

_TextPart = InputText | OutputText | ReasoningText


def string_of(item: Mapping[str, object], field: str, where: str) -> str:
    """A field that must be text. Raises ApiError."""
    value = item.get(field)
    if not isinstance(value, str):
        raise wrong(f"{where}.{field}", "text", value)
    return value


def text_of(content: object, where: str) -> str:
    """Text, or text parts put together. Raises ApiError for what is neither."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise wrong(where, "text or a list of parts", content)
    return "".join(_part(part, f"{where}[{index}]") for index, part in enumerate(content))


def joined(parts: Iterable[_TextPart]) -> str:
    """The text of parts that are kept."""
    return "".join(part.text for part in parts)


def wrong(where: str, wanted: str, value: object) -> ApiError:
    """The error for a value that is none."""
    got = "nothing" if value is None else shown(value)
    return ApiError(400, f"got {got} as {where}, wanted {wanted}", param=where)


def _part(part: object, where: str) -> str:
    if not isinstance(part, Mapping):
        raise wrong(where, "a part: an object", part)
    kind = part.get("type")
    if kind == "refusal":
        return string_of(part, "refusal", where)
    if kind not in _TEXT_PARTS:
        raise ApiError(
            400,
            f"got a part of the type {shown(kind)} in {where}, wanted text: the model reads no other",
            param=where,
        )
    return string_of(part, "text", where)
