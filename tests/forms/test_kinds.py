"""Unions of objects that say which of them they are: nested forms, and names that mean the unnamed one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from gptoss.forms import Form, Kinds, fault_of


class _Fields(Form):
    name: str
    size: int = 0


class _Flat(_Fields):
    type: Literal["a"] = "a"


class _Nested(Form):
    type: Literal["a"] = "a"
    id: str | None = None
    a: _Fields


class _Text(Form):
    type: Literal["text"]


class _Call(Form):
    id: str | None = None
    name: str


class _NestedCall(Form):
    id: str | None = None
    call: _Fields


_Tool = TypeAdapter[Any](
    Annotated[_Flat | _Text, Kinds("type", unnamed="a", nested=(_Nested,))],
)
_AnyCall = TypeAdapter[Any](
    Annotated[
        _Call | _Text, Kinds("type", unnamed="call", others=lambda _: True, nested=(_NestedCall,))
    ],
)


def _wrong(adapter: TypeAdapter[Any], value: object) -> tuple[str, str]:
    with pytest.raises(ValidationError) as error:
        adapter.validate_python({"value": value}["value"])
    errors: Any = error.value.errors()
    found = fault_of(errors, value)
    return found.place, found.told


@pytest.mark.parametrize("kind", [{"type": "a"}, {}])
def test_a_nested_form_becomes_the_flat_one(kind: dict[str, Any]) -> None:
    flat = _Tool.validate_python({**kind, "name": "n", "size": 1})
    nested = _Tool.validate_python({**kind, "a": {"name": "n", "size": 1, "more": 2}, "size": 3})
    assert flat == nested == _Flat(name="n", size=1)
    assert nested.model_fields_set == {"name", "size", *kind}
    assert _Tool.dump_python(nested, exclude_unset=True) == {**kind, "name": "n", "size": 1}


def test_what_stands_beside_stays() -> None:
    made = _AnyCall.validate_python({"id": "1", "call": {"name": "n"}})
    assert (type(made), made.id, made.name) == (_Call, "1", "n")


@pytest.mark.parametrize("kind", ["call", "other", 3, ["a"], None])
def test_other_names_mean_the_one_without_the_field(kind: object) -> None:
    assert _AnyCall.validate_python({"type": kind, "name": "n"}) == _Call(name="n")
    assert isinstance(_AnyCall.validate_python({"type": "text"}), _Text)


def test_what_was_checked_before_is_taken_as_it_is() -> None:
    for adapter, made in ((_Tool, _Flat(name="n")), (_AnyCall, _Text(type="text"))):
        assert adapter.validate_python(made) is made


@pytest.mark.parametrize(
    ("value", "place", "said"),
    [
        ({"type": "a", "a": None}, "a", "got None, wanted an object"),
        ({"type": "a", "a": {"name": 3}}, "a.name", "got 3, wanted text"),
        ({"type": "a", "a": {}}, "a.name", "got nothing, wanted this field"),
        ({"name": "n", "size": "1"}, "size", "got '1', wanted a whole number"),
        ({"type": "b"}, "type", "got 'b', wanted 'a' or 'text'"),
        ({"type": ["a"]}, "type", "got ['a'], wanted 'a' or 'text'"),
        ({"type": None, "name": "n"}, "type", "got None, wanted 'a'"),
        ([], "", "got [], wanted an object"),
    ],
)
def test_faults_have_their_places_in_what_was_given(value: Any, place: str, said: str) -> None:
    assert _wrong(_Tool, value) == (place, said)


def test_the_document_has_both_forms() -> None:
    schema = _Tool.json_schema()
    names = [each["$ref"].rpartition("/")[2] for each in schema["anyOf"]]
    assert names == ["_Nested", "_Flat", "_Text"]
