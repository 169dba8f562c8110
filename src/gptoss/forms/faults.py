"""pydantic's errors of a request's body, told as all others are: where, what was got, what was wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from gptoss.errors import shortened, shown
from gptoss.forms.kinds import UNKNOWN_KIND

_FIELD_FAULT = "field_fault"

# By pydantic's kinds of errors, with what it says of each.
_WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dataclass_type": "an object",
    "dict_type": "an object",
    "enum": "{expected}",
    "finite_number": "a number that is finite",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "set_type": "a list",
    "tuple_type": "a list",
    "literal_error": "{expected}",
    "mapping_type": "an object",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "none_required": "null",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_long": "text of a length of at most {max_length}",
    "string_too_short": "text of a length of at least {min_length}",
    "string_type": "text",
}
PART_CHARACTERS = 100

Error = Mapping[str, Any]
Path = tuple[object, ...]


class FieldFault(NamedTuple):
    """The first thing that is wrong with a body.

    place  its path; empty for the whole body
    told   what is to be said of it
    kind   pydantic's name for such errors
    got    what was there
    """

    place: str
    told: str
    kind: str
    got: object


@dataclass(frozen=True, slots=True)
class _Fault:
    """An error of pydantic's.

    path    to it in the body, without the names that pydantic gives to the members of unions
    union   how many parts of the path stand before the first such name; None: there is none
    member  that name
    """

    error: Error
    path: Path
    union: int | None = None
    member: object = None

    @property
    def wanted(self) -> str:
        """What should have been there; empty where that is not known."""
        if self.error["type"] == UNKNOWN_KIND and self.is_of_type:
            return "an object"
        words = _WANTED.get(self.error["type"], "")
        bounds = self.error.get("ctx", {}).items()
        return words.format_map({name: _whole(bound) for name, bound in bounds})

    @property
    def is_of_type(self) -> bool:
        """Whether the value is not even of the type of what should have been there."""
        kind, found = self.error["type"], self.error.get("input")
        if kind == UNKNOWN_KIND:
            return not isinstance(found, dict)
        if kind == "literal_error":
            return not isinstance(found, str)
        return bool(kind.endswith("_type"))


def field_fault(field: str, told: str) -> PydanticCustomError:
    """An error of one field, for a validator that looks at the whole object; `told` is all that is said of it."""
    return PydanticCustomError(_FIELD_FAULT, "wrong", {"field": field, "told": told})


def fault_of(errors: Sequence[Error], body: object) -> FieldFault:
    """The first thing that is wrong, of all that pydantic tells.

    body  what was checked; None: not known, and the place is pydantic's
    """
    first = _fault(errors[0], body)
    faults = [first] if first.union is None else _of_member(errors, first, body)
    meant = faults[0]
    path, told = meant.path, _told(meant)
    if meant.wanted:
        same = (fault.wanted for fault in faults if fault.path == path and fault.wanted)
        words = dict.fromkeys(part for wanted in same for part in wanted.split(" or "))
        told = f"got {shown(meant.error['input'])}, wanted {_either(words)}"
    elif meant.error["type"] in (UNKNOWN_KIND, _FIELD_FAULT) and isinstance(
        meant.error["input"], dict
    ):
        path = (*path, meant.error["ctx"]["field"])
    place = ".".join(shortened(str(part), PART_CHARACTERS) for part in path)
    return FieldFault(place, told, meant.error["type"], meant.error.get("input"))


def _of_member(errors: Sequence[Error], first: _Fault, body: object) -> list[_Fault]:
    """The faults of the member of a union that was meant, the first one to be told first.

    It is none that a name in the object rules out, and the one in which pydantic came furthest: deepest, and there
    latest; of those that stopped at one value, one whose type that has.
    """
    start = first.path[: first.union]
    placed = (_fault(error, body) for error in errors)
    faults = [each for each in placed if each.member and each.path[: each.union] == start]
    names = [
        each
        for each in faults
        if each.error["type"] == "literal_error"
        and len(each.path) == len(start) + 1
        # In these, a name has been looked at before.
        and not str(each.member).startswith("tagged-union")
    ]
    others = {each.member for each in names}
    faults = [each for each in faults if each.member not in others] or names
    furthest = max(faults, key=_how_far).path
    faults = [each for each in faults if each.path == furthest]
    return [each for each in faults if not each.is_of_type] or faults


def _how_far(fault: _Fault) -> tuple[int, list[int]]:
    return len(fault.path), [part if isinstance(part, int) else -1 for part in fault.path]


def _fault(error: Error, body: object) -> _Fault:
    place: Path = tuple(error["loc"])
    place = place[1:] if place[:1] == ("body",) else place
    found = error.get("input")
    # Where a key is wrong, no value is what was found.
    is_key = place[-1:] == ("[key]",)
    place = place[:-1] if is_key else place
    num_inner = len(place) - (is_key or error["type"] == "missing")
    inner, last = place[:num_inner], place[num_inner:]

    def is_found(value: object) -> bool:
        return isinstance(value, dict) and found in value if is_key else value is found

    kept = None if body is None else _steps(body, inner, is_found)
    if kept is None:
        return _Fault(error, place)
    path = (*(inner[index] for index in kept), *last)
    if len(kept) == len(inner):
        return _Fault(error, path)
    union = next((at for at, index in enumerate(kept) if index != at), len(kept))
    return _Fault(error, path, union, inner[union])


def _steps(
    value: object, place: Path, is_found: Callable[[object], bool], start: int = 0
) -> tuple[int, ...] | None:
    """Which parts of pydantic's place lead through a value to what was found there; the others are names of types."""
    if start == len(place):
        return () if is_found(value) else None
    part = place[start]
    is_there = (
        part in value
        if isinstance(value, dict)
        else isinstance(value, list) and isinstance(part, int) and part < len(value)
    )
    if is_there:
        rest = _steps(value[part], place, is_found, start + 1)  # type: ignore[index]
        if rest is not None:
            return (start, *rest)
    return _steps(value, place, is_found, start + 1)


def _told(fault: _Fault) -> str:
    """What is to be said of an error that is no plain type's."""
    error = fault.error
    got, ctx = error.get("input"), error.get("ctx", {})
    match error["type"]:
        case "missing":
            return (
                "got nothing, wanted this field" if fault.path else "got nothing, wanted an object"
            )
        case "too_short":
            return f"got {ctx['actual_length']} elements, wanted at least {ctx['min_length']}"
        case "too_long":
            return f"got more than {ctx['max_length']} elements, wanted at most that"
        case "value_error" if str(ctx["error"]).startswith("got "):
            return str(ctx["error"])
        case "value_error":
            return f"{ctx['error']}, got {shown(got)}"
        case kind if kind == _FIELD_FAULT:
            return str(ctx["told"])
        case kind if kind == UNKNOWN_KIND:
            return _unknown(got, ctx)
    return f"{error['msg']}, got {shown(got)}"


def _unknown(got: object, ctx: Mapping[str, Any]) -> str:
    """What is to be said of what `Kinds` does not know."""
    if not isinstance(got, dict):
        return f"got {shown(got)}, wanted an object"
    name, wanted = got.get(ctx["field"]), f"wanted {_either(map(repr, ctx['wanted']))}"
    if name is None:
        return f"got nothing, {wanted}"
    refusal = ctx["refusal"] and ctx["refusal"](name)
    return f"got {shown(name)}{ctx['but'] if refusal is None else ''}, {refusal or wanted}"


def _whole(bound: object) -> object:
    """A bound as it is told: 2 where it is 2.0."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _either(words: Iterable[str]) -> str:
    *some, last = words
    return f"{', '.join(some)} or {last}" if some else last
