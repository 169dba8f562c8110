"""Comparisons that SciCode's tests import by the name of its package: results against targets, within rounding."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def process_symbol_in_dict(given: Mapping[Any, Any]) -> dict[Any, Any]:
    """A dict with symbols as their names, as they are stored."""
    import sympy

    def plain(value: Any) -> Any:
        return str(value) if isinstance(value, sympy.Symbol) else value

    return {plain(key): plain(value) for key, value in given.items()}


def are_dicts_close(
    dict1: Mapping[Any, Any], dict2: Mapping[Any, Any], atol: float = 1e-8, rtol: float = 1e-5
) -> bool:
    """Whether two dicts have the same keys, and values that are the same or close."""
    first, second = process_symbol_in_dict(dict1), process_symbol_in_dict(dict2)
    return first.keys() == second.keys() and all(
        _is_close(value, second[key], atol, rtol) for key, value in first.items()
    )


def are_csc_matrix_close(matrix1: Any, matrix2: Any) -> bool:
    """Whether two sparse matrices are close."""
    import numpy

    return bool(numpy.allclose(matrix1.toarray(), matrix2.toarray()))


def cmp_tuple_or_list(var1: Sequence[Any], var2: Sequence[Any]) -> bool:
    """Whether two sequences are as long, and close in each of their parts."""
    return len(var1) == len(var2) and all(map(_is_alike, var1, var2))


def _is_alike(first: Any, second: Any) -> bool:
    return are_dicts_close(first, second) if isinstance(first, dict) else _is_close(first, second)


def _is_close(first: Any, second: Any, atol: float = 1e-8, rtol: float = 1e-5) -> bool:
    import numpy

    if isinstance(first, (str, bool)):
        return bool(first == second)
    if hasattr(first, "toarray"):
        first, second = first.toarray(), second.toarray()
    try:
        return bool(numpy.allclose(first, second, atol=atol, rtol=rtol))
    except ValueError:
        return bool(first == second)
