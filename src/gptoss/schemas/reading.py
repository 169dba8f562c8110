"""What a schema says, in one form: keywords of today, references into `$defs`, nothing that cannot be read.

What the model is told and what it is held to come from here. Whatever is left out only lets more values match: nothing
that is kept stands under a negation. An alternative that is let match more may overlap another one of its `oneOf`, so
none but the alternatives themselves may be taken from that keyword.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import unquote

from gptoss.errors import SchemaError, shown
from gptoss.schemas.keywords import (
    HELD,
    TOLD,
    WIDENED_WITH,
    is_list,
    is_number,
    says_nothing,
)
from gptoss.schemas.older_forms import modern
from gptoss.schemas.places import INSIDE, LISTS, NAMED, Schema, parts, resolve, stepped

# Beyond what any schema has that may be told or held to; the reader calls itself for each.
_MAX_LEVELS = 100
_NOT_HELD = "which cannot be enforced"
_KINDS_BY_TYPE: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "object": (Mapping,),
    "array": (list, tuple),
    "string": (str,),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A keyword that is left out: where it stands in the schema as it was written, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A schema in one form.

    schema      changed by nobody but who asked for it; it shares no part with the schema as it was written but values
    faults      what was left out of it
    path_by_id  where a part of it stands in the schema as it was written
    """

    schema: dict[str, Any] | bool
    faults: list[Fault] = field(default_factory=list)
    path_by_id: dict[int, str] = field(default_factory=dict)


def read(schema: Schema) -> Reading:
    """The schema in one form, as its own copy. Raises SchemaError for one that is nested too deeply."""
    return _Reader(schema).run()


def read_object(schema: Schema) -> Reading:
    """As `read`, for a schema whose values are objects, whether it says so or not: the arguments of a call."""
    reading = read(schema)
    whole = reading.schema
    if isinstance(whole, bool):
        return Reading({"type": "object"} if whole else False, reading.faults)
    kinds = _types(whole)
    if kinds == ["object"] and "nullable" not in whole:
        return reading
    if kinds and "object" not in kinds:
        wanted = f"got the type {', '.join(kinds)}, wanted object"
        reading.faults.append(Fault("/type", wanted))
        del whole["type"]
    whole = with_named_root(whole)
    whole.pop("nullable", None)
    for name in ("anyOf", "oneOf"):
        of_objects = [each for each in whole.get(name, ()) if _may_be_object(each)]
        whole |= {name: of_objects} if of_objects else {}
    return replace(reading, schema={**whole, "type": "object"})


def _may_be_object(part: object) -> bool:
    kinds = _types(part) if isinstance(part, dict) else []
    return part is not False and (not kinds or "object" in kinds)


def with_named_root(whole: dict[str, Any]) -> dict[str, Any]:
    """The schema with what it says among its definitions, if it refers to itself as a whole; its parts are changed."""
    referring = [part for part, _ in parts(whole) if part.get("$ref") == "#"]
    if not referring:
        return whole
    definitions = whole.pop("$defs", {})
    names = (f"Parameters{number or ''}" for number in count())
    name = next(name for name in names if name not in definitions)
    for part in referring:
        part["$ref"] = f"#/$defs/{name}"
    return {"$ref": f"#/$defs/{name}", "$defs": {**definitions, name: whole}}


def _types(part: Mapping[str, Any]) -> list[str]:
    kind = part.get("type", ())
    return [kind] if isinstance(kind, str) else list(kind)


class _Reader:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._found = Reading(False)
        # Keywords that nobody knows, unless references lead into them.
        self._unknown: list[str] = []
        self._pointers: list[str] = []
        self._definitions: dict[str, object] = {}
        self._name_by_target: dict[object, str] = {}
        self._names: set[str] = set()
        # Each number is looked at once, however many definitions share a name.
        self._number_by_name: dict[str, int] = {}
        self._waiting: deque[tuple[str, object, str]] = deque()

    def run(self) -> Reading:
        whole = self._part(self._root, "", 1)
        while self._waiting:
            name, target, path = self._waiting.popleft()
            self._definitions[name] = self._part(target, path, 1)
        led_into = {pointer[:end] for pointer in self._pointers for end in _ends_of_steps(pointer)}
        for path in self._unknown:
            if path not in led_into:
                self._leave_out(path, f"got {path.rsplit('/', 1)[-1][:60]}, {_NOT_HELD}")
        if isinstance(whole, dict) and self._definitions:
            whole["$defs"] = self._definitions
        return Reading(whole, self._found.faults, self._found.path_by_id)

    def _leave_out(self, path: str, reason: str) -> None:
        self._found.faults.append(Fault(path, reason))

    def _part(self, schema: object, path: str, level: int) -> dict[str, Any] | bool:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            self._leave_out(path, f"got {_said(schema)}, wanted a schema")
            return True
        if level > _MAX_LEVELS:
            raise SchemaError(f"got a schema of more than {_MAX_LEVELS} levels, wanted fewer")
        written, renamed = modern(schema)
        part: dict[str, Any] = {}
        self._found.path_by_id[id(part)] = path
        left_out = []
        for name, value in written.items():
            if name in TOLD:
                part[name] = value
            elif name in HELD:
                is_right, wanted = HELD[name]
                at = stepped(path, renamed.get(name, name))
                if is_right(value):
                    part[name] = self._value(name, value, at, level)
                else:
                    left_out.append(name)
                    self._leave_out(at, f"got {_said(value)} as {name}, wanted {wanted}")
            elif not says_nothing(name, written):
                self._unknown.append(stepped(path, name))
        for name in left_out:
            self._widen(part, name, path)
        self._resolve(part, path)
        self._agree(part, path)
        return part

    def _widen(self, part: dict[str, Any], name: str, path: str) -> None:
        other = WIDENED_WITH.get(name)
        if other in part:
            del part[other]
            self._leave_out(stepped(path, other), f"nothing is left of {name}")

    def _value(self, name: str, value: Any, path: str, level: int) -> Any:
        """A keyword's value, schemas in it read."""
        if name in INSIDE:
            return self._part(value, path, level + 1)
        if name in LISTS:
            return [
                self._part(each, stepped(path, index), level + 1)
                for index, each in enumerate(value)
            ]
        if name in NAMED:
            return {
                key: self._part(_property(name, each), stepped(path, key), level + 1)
                for key, each in value.items()
            }
        if name == "required":
            return self._required(value, path)
        if name == "type":
            kinds = list(dict.fromkeys(value if is_list(value) else [value]))
            return kinds[0] if len(kinds) == 1 else kinds
        return list(value) if name == "enum" else value

    def _required(self, value: list[object], path: str) -> list[str]:
        for index, each in enumerate(value):
            if not isinstance(each, str):
                self._leave_out(stepped(path, index), f"got {_said(each)}, wanted a name")
        return list(dict.fromkeys(each for each in value if isinstance(each, str)))

    def _resolve(self, part: dict[str, Any], path: str) -> None:
        """Have a reference lead to the schema's own definitions."""
        pointer = part.pop("$ref", None)
        if pointer is None or pointer == "#":
            part |= {} if pointer is None else {"$ref": "#"}
            return
        target = resolve(self._root, pointer)
        if not re.match(r"#(/|$)", pointer):
            wanted = "wanted one into the schema itself, as #/$defs/name: nothing is fetched"
            self._leave_out(stepped(path, "$ref"), f"got the reference {shown(pointer)}, {wanted}")
        elif not isinstance(target, Mapping | bool):
            self._leave_out(
                stepped(path, "$ref"),
                f"the reference {shown(pointer)} leads nowhere, wanted a schema",
            )
        else:
            self._pointers.append(pointer[1:])
            part["$ref"] = f"#/$defs/{self._name_of(target, pointer)}"

    def _name_of(self, target: object, pointer: str) -> str:
        """A definition's own name, as any reader of references takes it, numbered where another has it."""
        key = (target,) if isinstance(target, bool) else id(target)
        if key not in self._name_by_target:
            last = re.sub(r"~[01]|[^\w.-]", "_", unquote(pointer.rsplit("/", 1)[-1]))
            name = last
            while name in self._names:
                self._number_by_name[last] = self._number_by_name.get(last, 1) + 1
                name = f"{last}_{self._number_by_name[last]}"
            self._names.add(name)
            self._name_by_target[key] = name
            self._waiting.append((name, target, pointer[1:]))
        return self._name_by_target[key]

    def _agree(self, part: dict[str, Any], path: str) -> None:
        """Have values that a schema lists be of its type."""
        kinds = _types(part)
        if not kinds:
            return
        if part.get("nullable"):
            kinds.append("null")
        listed = part.get("enum", [part["const"]] if "const" in part else None)
        if listed is None:
            return
        fitting = [value for value in listed if any(is_of(value, kind) for kind in kinds)]
        if not fitting:
            del part["type"]
            keyword = "enum" if "enum" in part else "const"
            reason = f"got the type {', '.join(kinds)}, of which no value of {keyword} is"
            self._leave_out(stepped(path, "type"), reason)
        elif "enum" in part:
            part["enum"] = fitting


def _ends_of_steps(pointer: str) -> list[int]:
    """Where each step of a pointer ends, but the last."""
    return [found.start() for found in re.finditer("/", pointer) if found.start()]


def _property(name: str, part: object) -> object:
    """Without what it says of being there, which the object says then."""
    if (
        name == "properties"
        and isinstance(part, Mapping)
        and isinstance(part.get("required"), bool)
    ):
        return {key: value for key, value in part.items() if key != "required"}
    return part


def is_of(value: object, kind: str) -> bool:
    """Whether a value is of a type of JSON Schema."""
    if kind in ("integer", "number"):
        is_whole = not isinstance(value, float) or value.is_integer()
        return is_number(value) and (kind == "number" or is_whole)
    return isinstance(value, _KINDS_BY_TYPE[kind])


def _said(value: object) -> str:
    """A wrong value, texts without quotes."""
    return value[:60] if isinstance(value, str) else shown(value, 60)
