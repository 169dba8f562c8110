"""pydantic's errors in our words: the place in the body, the member of a union that was meant, got and wanted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from gptoss.forms import FailFast, Kinds, fault_of, field_fault
from gptoss.server.wire_errors import invalid


class _Part(FailFast):
    model_config = ConfigDict(strict=True)


class _Text(_Part):
    type: Literal["text"]
    text: str
    words: int = 0


class _Result(_Part):
    type: Literal["result"]
    content: str | list[_Text] | None = None


class _Own(_Part):
    kind: Literal["own"] | None = None
    name: str


class _Fixed(_Part):
    kind: Literal["bash", "zsh"]


class _Cat(_Part):
    animal: Literal["cat"]
    lives: int


class _Dog(_Part):
    animal: Literal["dog"]
    name: str


def _refusal(kind: object) -> str | None:
    return "which is a picture" if kind == "image" else None


class _Modal(_Part):
    kind: Literal["modal"]
    mode: Literal["fast", "slow"] = "fast"


def _whole(own: object) -> object:
    if isinstance(own, dict) and "old" in own:
        raise field_fault("old", f"got {own['old']!r}, which is no more")
    return own


class _Body(_Part):
    content: str | list[Annotated[_Text | _Result, Kinds("type", refusal=_refusal)]] = ""
    tool: Annotated[_Own | _Fixed, Kinds("kind", unnamed="own")] | None = None
    pet: _Cat | _Dog | None = None
    share: Annotated[float, Field(gt=0, le=2)] | None = None
    few: Annotated[list[int], Field(min_length=1, max_length=2)] | None = None
    by_name: dict[str, int] | None = None
    by_key: dict[Annotated[str, Field(pattern="^[0-9]$")], int] | None = None
    choice: Literal["auto", "none"] | Annotated[_Modal | _Own, Kinds("kind")] | None = None
    checked: list[Annotated[_Own, BeforeValidator(_whole)]] | None = None
    odd: int | None = None

    @field_validator("odd")
    @classmethod
    def _check(cls, value: int | None) -> int | None:
        if value == 2:
            raise ValueError("got 2, wanted an odd number")
        if value == 4:
            raise ValueError("even")
        return value


def fault(**body: Any) -> str:
    try:
        _Body.model_validate(body)
    except ValidationError as error:
        return str(invalid(error.errors(), body))
    return "valid"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"content": 3}, "content: got 3, wanted text or a list"),
        ({"content": [3]}, "content.0: got 3, wanted an object"),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": 3}]},
            "content.1.text: got 3, wanted text",
        ),
        ({"content": [{"type": "text"}]}, "content.0.text: got nothing, wanted this field"),
        (
            # The tag of the union is a field of the object as well.
            {"content": [{"type": "text", "text": "a", "words": "b"}]},
            "content.0.words: got 'b', wanted a whole number",
        ),
        (
            {"content": [{"type": "result", "content": [{"type": "text", "text": 3}]}]},
            "content.0.content.0.text: got 3, wanted text",
        ),
        (
            {"content": [{"type": "result", "content": 3}]},
            "content.0.content: got 3, wanted text or a list",
        ),
        ({"content": [{}]}, "content.0.type: got nothing, wanted 'text' or 'result'"),
        (
            {"content": [{"type": "video"}]},
            "content.0.type: got 'video', wanted 'text' or 'result'",
        ),
        ({"content": [{"type": [1]}]}, "content.0.type: got [1], wanted 'text' or 'result'"),
        ({"content": [{"type": "image"}]}, "content.0.type: got 'image', which is a picture"),
        ({"tool": {}}, "tool.name: got nothing, wanted this field"),
        ({"tool": {"kind": None, "name": 3}}, "tool.name: got 3, wanted text"),
        ({"tool": {"kind": "ksh"}}, "tool.kind: got 'ksh', wanted 'own', 'bash' or 'zsh'"),
        ({"tool": {"kind": {}}}, "tool.kind: got {}, wanted 'own', 'bash' or 'zsh'"),
        ({"tool": []}, "tool: got [], wanted an object"),
        # A union without tags: the member that its name does not rule out.
        ({"pet": {"animal": "dog", "name": 1}}, "pet.name: got 1, wanted text"),
        ({"pet": {"animal": "cat", "name": 1}}, "pet.lives: got nothing, wanted this field"),
        ({"pet": {"animal": "cow", "lives": 9}}, "pet.animal: got 'cow', wanted 'cat' or 'dog'"),
        ({"share": 3}, "share: got 3, wanted at most 2"),
        ({"share": 0}, "share: got 0, wanted more than 0"),
        ({"share": True}, "share: got True, wanted a number"),
        ({"few": []}, "few: got 0 elements, wanted at least 1"),
        ({"few": [1, 2, 3]}, "few: got more than 2 elements, wanted at most that"),
        ({"by_name": {"a": 1, "b": None}}, "by_name.b: got None, wanted a whole number"),
        ({"by_key": {"1": 1, "a": 1}}, "by_key.a: got 'a', wanted text that matches ^[0-9]$"),
        ({"by_key": {"1": None}}, "by_key.1: got None, wanted a whole number"),
        # Names beside objects: what is an object is told as one.
        ({"choice": "all"}, "choice: got 'all', wanted 'auto' or 'none'"),
        ({"choice": 3}, "choice: got 3, wanted 'auto', 'none' or an object"),
        ({"choice": {"kind": "x"}}, "choice.kind: got 'x', wanted 'modal' or 'own'"),
        (
            {"choice": {"kind": "modal", "mode": "x"}},
            "choice.mode: got 'x', wanted 'fast' or 'slow'",
        ),
        ({"checked": [{"old": 3}]}, "checked.0.old: got 3, which is no more"),
        ({"odd": 2}, "odd: got 2, wanted an odd number"),
        ({"odd": 4}, "odd: even, got 4"),
        # The first one, whatever is wrong behind it.
        ({"share": 3, "few": ["x"]}, "share: got 3, wanted at most 2"),
        ({"tool": {"kind": "zsh"}, "content": "x", "pet": None}, "valid"),
    ],
)
def test_is_told(body: dict[str, Any], told: str) -> None:
    assert fault(**body) == told


def test_without_the_body_the_place_is_pydantic_s() -> None:
    error = {"type": "int_type", "loc": ("query", "limit"), "msg": "", "input": "x"}
    told = "got 'x', wanted a whole number"
    assert fault_of([error], None) == ("query.limit", told, error["type"], "x")
    assert invalid([error]).param == "query.limit"


def test_no_body_at_all() -> None:
    error = {"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}
    assert str(invalid([error])) == "the body: got nothing, wanted an object"


def test_a_kind_of_error_that_has_no_words() -> None:
    error = {"type": "new", "loc": ("body", "a"), "msg": "Is odd", "input": 1}
    assert str(invalid([error], {"a": 1})) == "a: Is odd, got 1"


class _Prompts(FailFast):
    model_config = ConfigDict(strict=True)

    prompt: str | list[str] | list[Annotated[int, Field(ge=0)]] | list[list[int]]


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ([1, "a"], "prompt.1: wanted a whole number, got 'a'"),
        ([[1], "a"], "prompt.1: wanted a list, got 'a'"),
        (["a", 1], "prompt.1: wanted text, got 1"),
        ([-1], "prompt.0: wanted at least 0, got -1"),
        (True, "prompt: wanted text or a list, got True"),
    ],
    ids=repr,
)
def test_of_lists_of_several_types_the_one_that_goes_furthest_is_meant(
    prompt: Any, told: str
) -> None:
    body = {"prompt": prompt}
    with pytest.raises(ValidationError) as caught:
        _Prompts.model_validate(body)
    place, said, *_ = fault_of(caught.value.errors(), body)
    got, _, wanted = said.removeprefix("got ").partition(", wanted ")
    assert f"{place}: wanted {wanted}, got {got}" == told
