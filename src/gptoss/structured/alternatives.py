"""Alternatives of `oneOf` that exclude each other, so that any of them is one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from gptoss.schemas import resolve
from gptoss.schemas.keywords import TYPES
from gptoss.schemas.reading import is_of

# Steps for one whole: a comparison of two schemas, a name or some values looked at.
_MOST_STEPS = 20_000
_VALUES_A_STEP = 32
_MOST_LEVELS = 6
_MOST_CONJUNCTS = 32


@dataclass(slots=True)
class _View:
    """What a value of a schema is, at least; every word of it is true, and more may be.

    types       of which it is one
    values      of which it is one; None: any
    required    names that it has, if it is an object
    properties  by name, schemas that hold each for it
    closed      sets of names, outside of each of which it has none
    branches    lists of schemas, of each of which one holds
    """

    types: set[str] = field(default_factory=lambda: set(TYPES))
    values: dict[object, object] | None = None
    required: set[str] = field(default_factory=set)
    properties: dict[str, list[Any]] = field(default_factory=dict)
    closed: list[set[str]] = field(default_factory=list)
    branches: list[Sequence[Any]] = field(default_factory=list)


class Alternatives:
    """Tells whether schemas of one whole exclude each other, as far as that can be seen."""

    def __init__(self, whole: Mapping[str, Any]) -> None:
        self._whole = whole
        self._num_left = _MOST_STEPS

    def exclude_each_other(self, several: Sequence[Any]) -> bool:
        """Whether no value matches two of them; False also where it takes too long to tell."""
        views = [self._view(each) for each in several]
        if all(view.values is not None for view in views):
            return _are_distinct(views)
        return self._have_tag(views) or all(
            self._apart(first, second, 1) for first, second in combinations(views, 2)
        )

    def _have_tag(self, views: Sequence[_View]) -> bool:
        """Whether all are objects with a name whose values tell them apart, found without comparing each two."""
        if not views or any(view.types != {"object"} for view in views):
            return False
        names = set.intersection(*(view.required for view in views))
        return any(
            _are_distinct([self._view(*view.properties.get(name, ())) for view in views])
            for name in names
        )

    def _apart(self, first: _View, second: _View, level: int) -> bool:
        """Whether no value is both."""
        num_values = len(first.values or ()) + len(second.values or ())
        self._num_left -= 1 + num_values // _VALUES_A_STEP
        if self._num_left < 0 or level > _MOST_LEVELS:
            return False
        common = first.types & second.types
        if not common or _differ(first, second) or _differ(second, first):
            return True
        if common == {"object"} and (
            self._differ_in_names(first, second, level)
            or self._differ_in_names(second, first, level)
        ):
            return True
        return self._branches_apart(first, second, level) or self._branches_apart(
            second, first, level
        )

    def _differ_in_names(self, first: _View, second: _View, level: int) -> bool:
        """Whether a name that objects of the first have cannot be there, or not so, in those of the second."""
        for name in first.required:
            if any(name not in names for names in second.closed):
                return True
            ours, theirs = first.properties.get(name, []), second.properties.get(name, [])
            if theirs and self._apart(self._view(*ours), self._view(*theirs), level + 1):
                return True
        return False

    def _branches_apart(self, first: _View, second: _View, level: int) -> bool:
        return any(
            all(self._apart(self._view(each), second, level + 1) for each in several)
            for several in first.branches
        )

    def _view(self, *schemas: object) -> _View:
        view = _View()
        for part in self._conjuncts(schemas) if self._num_left > 0 else ():
            if part is False:
                view.types = set()
            elif isinstance(part, Mapping):
                _narrow(view, part)
        self._num_left -= len(view.properties) + len(view.required)
        return view

    def _conjuncts(self, schemas: Sequence[object]) -> Iterator[object]:
        """Schemas that all hold: themselves, what they refer to, and their `allOf`; some of them, if there are many."""
        waiting, num = list(schemas), 0
        while waiting and num < _MOST_CONJUNCTS:
            part = waiting.pop()
            num += 1
            yield part
            # Null is a value of a nullable one, whatever else it says.
            if isinstance(part, Mapping) and not part.get("nullable"):
                waiting += part.get("allOf", ())
                if "$ref" in part:
                    waiting.append(resolve(self._whole, part["$ref"]))


def _narrow(view: _View, part: Mapping[str, Any]) -> None:
    is_nullable = part.get("nullable", False)
    kind = part.get("type", TYPES)
    kinds = {kind} if isinstance(kind, str) else set(kind)
    kinds |= {"integer"} if "number" in kinds else set()
    view.types &= kinds | ({"null"} if is_nullable else set())
    listed = part["enum"] if "enum" in part else [part["const"]] if "const" in part else None
    if listed is not None:
        own = {_key(value): value for value in (*listed, *([None] if is_nullable else []))}
        view.values = (
            own
            if view.values is None
            else {key: value for key, value in view.values.items() if key in own}
        )
    view.required.update(part.get("required", ()))
    named = part.get("properties", {})
    for name, each in named.items():
        view.properties.setdefault(name, []).append(each)
    if part.get("additionalProperties") is False and not part.get("patternProperties"):
        view.closed.append(set(named))
    if not is_nullable:
        view.branches += [part[name] for name in ("anyOf", "oneOf") if name in part]


def _are_distinct(views: Sequence[_View]) -> bool:
    """Whether each has a list of values, and no value is in two of them."""
    listed = [view.values for view in views if view.values is not None]
    num = sum(map(len, listed))
    return len(listed) == len(views) and len({key for each in listed for key in each}) == num


def _differ(first: _View, second: _View) -> bool:
    """Whether none of the first one's values is one of the second's, or of its types."""
    if first.values is None:
        return False
    return not any(
        any(is_of(value, kind) for kind in second.types)
        and (second.values is None or key in second.values)
        for key, value in first.values.items()
    )


def _key(value: object) -> object:
    """Equal for equal values of JSON, and for no others."""
    match value:
        case bool():
            return "boolean", value
        case list() | tuple():
            return "array", tuple(map(_key, value))
        case Mapping():
            return "object", frozenset((name, _key(each)) for name, each in value.items())
    return value
