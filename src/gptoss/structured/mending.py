"""Which keywords of a schema are at fault, found by trying, and the schema without them.

The compiler says what is wrong, not where. So the parts of the schema that are wrong by themselves are looked for from
the outside in, halves of them at a time, and mended from the inside out. Each keyword that is left out lets more match:
`oneOf` becomes `anyOf` first, and what another keyword counts on takes that with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gptoss.schemas import Fault, parts
from gptoss.schemas.keywords import WIDENED_WITH
from gptoss.schemas.places import inside, stepped
from gptoss.structured.trial import TOO_MUCH

# Compilations for one schema; each takes a millisecond or so.
_MOST_TRIALS = 80
# What takes the compiler long, or what it knows in simple cases only.
_COSTLY = (
    *("pattern", "patternProperties", "format", "multipleOf", "minLength", "maxLength"),
    *("minItems", "maxItems", "minProperties", "maxProperties"),
)
# Those that say least are left out first.
_ORDER = (
    *("oneOf", *_COSTLY, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("additionalProperties", "items", "prefixItems", "allOf", "anyOf", "$ref", "required"),
    *("nullable", "type", "enum", "const", "properties"),
)
_WHY_ANY = "its alternatives may match together; it is held to as anyOf"


class NotMendedError(Exception):
    """It takes too long to find what is wrong."""


class Mending:
    """The work on one schema, which is changed in place.

    whole       the schema, its definitions in it; none of its references is "#"
    wrong       what is wrong with a schema that has its definitions in it; None: nothing
    path_by_id  where its parts stand in the schema as it was written
    """

    def __init__(
        self,
        whole: dict[str, Any],
        wrong: Callable[[dict[str, Any]], str | None],
        path_by_id: Mapping[int, str],
    ) -> None:
        self._whole = whole
        self._wrong_whole = wrong
        self._path_by_id = path_by_id
        self._definitions: Mapping[str, Any] = whole.get("$defs", {})
        self._num_left = _MOST_TRIALS
        self._faults: list[Fault] = []

    def run(self, error: str) -> list[Fault]:
        """What was left out until nothing was wrong any more. Raises NotMendedError."""
        if error == TOO_MUCH:
            self._lighten()
            if self._wrong(self._whole) is None:
                return self._faults
        named = self._definitions
        # By themselves first: what is wrong with one is found there, not where others refer to it.
        self._definitions = dict.fromkeys(named, True)
        self._mend_all([each for each in named.values() if isinstance(each, dict)])
        self._definitions = named
        self._mend_all([each for each in named.values() if isinstance(each, dict)])
        self._mend_all([self._whole])
        return self._faults

    def _wrong(self, part: Mapping[str, Any]) -> str | None:
        self._num_left -= 1
        if self._num_left < 0:
            raise NotMendedError
        error = self._wrong_whole({**part, "$defs": self._definitions})
        if error == TOO_MUCH:
            raise NotMendedError
        return error

    def _mend_all(self, several: Sequence[dict[str, Any]]) -> None:
        for part in self._wrong_among(several):
            self._mend(part)

    def _wrong_among(self, several: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that are wrong by themselves, found by halves."""
        if not several:
            return []
        names = [str(index) for index in range(len(several))]
        together: dict[str, Any] = {
            "type": "object",
            "properties": dict(zip(names, several, strict=True)),
            "required": names,
        }
        if self._wrong(together) is None:
            return []
        if len(several) == 1:
            return list(several)
        middle = len(several) // 2
        return self._wrong_among(several[:middle]) + self._wrong_among(several[middle:])

    def _mend(self, part: dict[str, Any]) -> None:
        self._mend_all([each for each in inside(part) if isinstance(each, dict)])
        error = self._wrong(part)
        if error is None:
            return
        present = [name for name in _ORDER if name in part]
        for name in present:
            without = _without(part, name)
            if self._wrong(without) is None:
                self._leave_out(part, name, error)
                return
        for name in present:
            if error is None:
                return
            if name in part:
                self._leave_out(part, name, error)
                error = self._wrong(part)

    def _lighten(self) -> None:
        for part, _ in [*parts(self._whole)]:
            for name in ("oneOf", *_COSTLY):
                if name in part:
                    self._leave_out(part, name, TOO_MUCH)

    def _leave_out(self, part: dict[str, Any], name: str, reason: str) -> None:
        path = self._path_by_id.get(id(part), "")
        reason = _WHY_ANY if name == "oneOf" else reason
        self._faults.append(Fault(stepped(path, name), reason))
        without = _without(part, name)
        other = WIDENED_WITH.get(name)
        if other in part:
            self._faults.append(Fault(stepped(path, str(other)), f"nothing is left of {name}"))
        part.clear()
        part.update(without)


def _without(part: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The schema without a keyword, and without what would hold back more then."""
    gone = (name, WIDENED_WITH.get(name))
    kept = {key: value for key, value in part.items() if key not in gone}
    if name == "oneOf":
        several = {"anyOf": part["oneOf"]}
        kept |= {"allOf": [*part.get("allOf", ()), several]} if "anyOf" in part else several
    return kept
