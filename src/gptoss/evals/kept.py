"""Reads back what a run keeps: files that a person may have edited, held to the types that were written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Kinds = type | tuple[type, ...]
NUMBER = (int, float)
# Beyond, sums of numbers would not be exact. What is not a number is not below it either.
_MOST = 1 << 53


def fields_of(data: object, kinds: Mapping[str, Kinds]) -> dict[str, Any]:
    """The fields of an object, just these and each of its kind. Raises ValueError for one that is none."""
    if not isinstance(data, dict):
        raise ValueError(f"wanted an object, got {type(data).__name__}")
    if data.keys() != kinds.keys():
        names = ", ".join(sorted(data.keys() ^ kinds.keys(), key=str))
        raise ValueError(f"its fields are others: {names}")
    for name, kind in kinds.items():
        require(data[name], kind, name)
    return dict(data)


def require(value: object, kind: Kinds, name: str) -> None:
    """Raise ValueError for a value of another kind: a yes or no is no number, nor is one beyond all that is counted."""
    is_kind = isinstance(value, kind) and (not isinstance(value, bool) or kind is bool)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_kind or (is_number and not abs(value) <= _MOST):  # type: ignore[arg-type]
        raise ValueError(f"{name} is of another kind: {type(value).__name__}")


def texts_of(data: object, name: str) -> dict[str, str]:
    """An object whose values are texts. Raises ValueError for one that is none."""
    require(data, dict, name)
    for key, value in data.items():  # type: ignore[attr-defined]
        require(value, str, f"{name}.{key}")
    return dict(data)  # type: ignore[call-overload,no-any-return]
