"""What is not read of a value, as its type says it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest

from gptoss.forms import Form, Ignored, Kinds, Refused, checked, unless, unread

_TEXT_UNREAD = {"cache": Ignored("why")}
_TOOL_UNREAD = {
    "later": Refused("leave it out", error_code="no_later"),
    "size": Ignored("why", unless("auto")),
}


class _Text(Form):
    unread = _TEXT_UNREAD

    type: Literal["text"]
    text: str


class _List(Form):
    type: Literal["list"]
    parts: list[Annotated[_Text, Kinds("type")]]


class _Other(Form):
    left_out = "why"

    type: Any


class _Fields(Form):
    name: str


class _Nested(Form):
    type: Literal["a"] = "a"
    a: _Fields


class _Flat(_Fields):
    unread = _TOOL_UNREAD

    type: Literal["a"] = "a"


_Item = Annotated[
    _Text | _List | _Other,
    Kinds("type", rest=lambda each: each.get("type") not in ("text", "list")),
]
_Tool = Annotated[_Flat, Kinds("type", unnamed="a", nested=(_Nested,))]


class _Body(Form):
    items: str | list[_Item] | None = None
    tools: list[_Tool] | None = None
    size: Annotated[Literal["auto", "big"] | None, "annotated"] = None
    anything: Any = None


def _found(body: dict[str, Any]) -> list[tuple[Any, ...]]:
    _Body.model_validate(body)
    return [each.path for each in unread(_Body, body)]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"items": "a", "tools": None, "anything": {"b": 1}}, []),
        ({"more": 1}, [("more",)]),
        ({"more": {}}, [("more",)]),
        ({"more": None, "less": [], "least": "", "no": False}, []),
        (
            {"items": [{"type": "text", "text": "a"}, {"type": "text", "text": "a", "cache": {}}]},
            [("items", 1, "cache")],
        ),
        (
            {"items": [{"type": "list", "parts": [{"type": "text", "text": "a", "b": 1}]}]},
            [("items", 0, "parts", 0, "b")],
        ),
        ({"items": [{"type": "picture", "url": "a"}]}, [("items", 0)]),
        ({"tools": [{"name": "a", "size": "auto"}]}, []),
        ({"tools": [{"name": "a", "size": "big"}]}, [("tools", 0, "size")]),
        ({"tools": [{"type": "a", "a": {"name": "a", "b": 1}}]}, [("tools", 0, "a", "b")]),
    ],
)
def test_what_is_not_read_is_found(body: dict[str, Any], found: list[tuple[Any, ...]]) -> None:
    assert _found(body) == found


def test_what_python_callers_may_not_say() -> None:
    assert checked(_Flat, {"name": "a", "size": "big"}, "tool", ValueError).name == "a"
    with pytest.raises(
        ValueError, match=r"^tools\.0\.later: got True, which is not supported: leave it out$"
    ):
        checked(list[_Tool], [{"name": "a", "later": True}], "tools", ValueError)
