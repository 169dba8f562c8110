"""A schema that a turn is held to: what of it a grammar can keep, and what is left out by path.

A strict schema is kept whole or refused. Of another one, each keyword that cannot be kept is left out alone, and said.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gptoss.errors import SchemaError, shown
from gptoss.schemas import Fault, Reading, Schema, parts, read, read_object
from gptoss.schemas.places import stepped
from gptoss.schemas.reading import with_named_root
from gptoss.structured.alternatives import Alternatives
from gptoss.structured.constraint import first_line
from gptoss.structured.grammar_form import as_text, grammar_form
from gptoss.structured.mending import Mending, NotMendedError
from gptoss.structured.schema_limits import require_counts
from gptoss.structured.string_formats import KNOWN_FORMATS, says_nothing
from gptoss.structured.trial import TOO_MUCH
from gptoss.structured.turn_grammar import SchemaPart
from gptoss.structured.values import Values

# Larger whole numbers are not told apart by those who read JSON into floats, the compiler among them.
_LARGEST = 2**53
_NO_VALUE = (
    "no value matches it, or every one goes on for ever: see what refers to itself, and `false`"
)
_REMEDY = "leave it out, or ask for it without strict"
# Named in a reply; a schema may have thousands.
_MOST_TOLD = 100


@dataclass(frozen=True, slots=True)
class Held:
    """A schema in the words of the compiler, and what is left out of it, for people."""

    form: dict[str, Any]
    not_enforced: tuple[str, ...] = ()


def held(part: SchemaPart, schema: Schema, attempt: Callable[[str], str | None]) -> Held:
    """The schema as the grammar of a turn has it.

    attempt  compiles a grammar, and returns what is wrong with it

    Raises SchemaError, naming the part, for a strict one that cannot be kept whole, and what `attempt` raises.
    """
    try:
        reading = (read_object if part.is_object else read)(schema)
        require_counts(reading.schema)
    except SchemaError as error:
        raise SchemaError(f"{part.what}: {error}") from None
    return _Holding(part, reading, attempt).run()


class _Holding:
    def __init__(
        self, part: SchemaPart, reading: Reading, attempt: Callable[[str], str | None]
    ) -> None:
        self._part = part
        self._reading = reading
        self._attempt = attempt
        self._faults = list(reading.faults)
        self._schema = reading.schema

    def run(self) -> Held:
        if isinstance(self._schema, dict):
            self._leave_out_what_no_grammar_keeps(self._schema)
        self._require_none()
        error = self._wrong(self._schema)
        if error is not None:
            error = self._mended(error)
        if error is not None:
            return self._given_up(error)
        what = self._part.what
        told = [f"{what}: {each.path} is not enforced: {each.reason}" for each in self._faults]
        if len(told) > _MOST_TOLD:
            told = [*told[:_MOST_TOLD], f"{what}: {len(told) - _MOST_TOLD:,} more keywords"]
        return Held(grammar_form(self._schema), tuple(dict.fromkeys(told)))

    def _require_none(self) -> None:
        """Refuse a strict schema of which something is left out."""
        if self._part.is_strict and self._faults:
            first = self._faults[0]
            raise SchemaError(f"{self._part.what}: {first.path}: {first.reason}; {_REMEDY}")

    def _wrong(self, schema: Schema) -> str | None:
        """What is wrong with a schema, as a whole, whose definitions are in it."""
        form = grammar_form(schema)
        if schema is False or not Values(form).have_end(form):
            return _NO_VALUE
        if isinstance(schema, dict) and _combines_multiples(part for part, _ in parts(schema)):
            return "got several multipleOf together, wanted one, or smaller ones"
        error = self._attempt(as_text({self._part.name: {"json_schema": form}}))
        return None if error is None else first_line(error)

    def _mended(self, error: str) -> str | None:
        """Leave out the keywords at fault; the error where that is too much work."""
        faults: list[Fault] = []
        is_strict = self._part.is_strict
        if isinstance(self._schema, dict) and not (is_strict and error == TOO_MUCH):
            self._schema = with_named_root(self._schema)
            mending = Mending(self._schema, self._wrong, self._reading.path_by_id)
            with contextlib.suppress(NotMendedError):
                faults = mending.run(error)
        if is_strict:
            # The work was to find out where.
            where = f"{faults[0].path}: " if faults else ""
            raise SchemaError(f"{self._part.what}: {where}{error}")
        self._faults += faults
        return None if faults else error

    def _given_up(self, error: str) -> Held:
        part = self._part
        form = grammar_form({"type": "object"} if part.is_object else True)
        return Held(form, (f"{part.what}: nothing but JSON, because {error}",))

    def _leave_out_what_no_grammar_keeps(self, whole: dict[str, Any]) -> None:
        alternatives = Alternatives(whole)
        for part, _ in [*parts(whole)]:
            path = self._reading.path_by_id.get(id(part), "")
            for name in [*part]:
                reason = _reason_against(name, part)
                if reason is not None:
                    del part[name]
                    self._faults.append(Fault(stepped(path, name), reason))
            if says_nothing(part.get("format", "")):
                del part["format"]
            is_only = "oneOf" in part and "anyOf" not in part
            if is_only and alternatives.exclude_each_other(part["oneOf"]):
                part["anyOf"] = part.pop("oneOf")


def _reason_against(name: str, part: dict[str, Any]) -> str | None:
    """Why a keyword cannot be enforced as it stands, whatever else the schema has."""
    value = part[name]
    if name == "format" and not says_nothing(value) and value not in KNOWN_FORMATS:
        known = ", ".join(KNOWN_FORMATS)
        return f"got the format {shown(value)}, which cannot be enforced, wanted one of {known}"
    if name == "multipleOf" and float(value).is_integer():
        kinds = part.get("type", [])
        if not {"number", "integer"} & ({kinds} if isinstance(kinds, str) else set(kinds)):
            return "got multipleOf without the type integer or number"
    is_bound = isinstance(value, int | float) and not isinstance(value, bool)
    if is_bound or name in ("enum", "const"):
        large = _large_number(value)
        if large is not None:
            return f"got the number {shown(large)}, wanted at most 2^53 either way"
    return None


def _large_number(value: object) -> object:
    """One that is not told apart from its neighbours, inside a value; None if there is none."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, int | float) and abs(each) > _LARGEST:
            return each
    return None


def _combines_multiples(every: Iterable[dict[str, Any]]) -> bool:
    """Whether a number may have to be a multiple of several, whose product the compiler may not be able to hold."""
    every = list(every)
    combines = any("allOf" in part or ("$ref" in part and len(part) > 1) for part in every)
    product = 1
    for part in every if combines else ():
        product *= max(1, part.get("multipleOf", 1))
        # At once: the product of all may have a hundred thousand digits.
        if product > 2**31:
            return True
    return False
