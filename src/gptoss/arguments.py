"""Checks of what Python callers hand over, where they hand it over."""

from __future__ import annotations

from numbers import Integral, Real

from gptoss.errors import GptossError, RequestError, shown

# With what a message calls them. Python's own numbers and those of numpy are both taken; `True` is none.
_CALLED: dict[type, str] = {
    Integral: "a whole number",
    Real: "a number",
    bool: "True or False",
    str: "text",
}


def require_type(
    name: str,
    value: object,
    *kinds: type,
    wanted: str | None = None,
    error: type[GptossError] = RequestError,
) -> None:
    """Raises `error` for a value of none of these types; None is taken where `type(None)` is among them.

    name    what the value is called
    wanted  what a message asks for; None: the types, as people call them
    """
    is_number = isinstance(value, bool) and bool not in kinds
    if isinstance(value, kinds) and not is_number:
        return
    called = wanted or " or ".join(
        _CALLED.get(kind, kind.__name__) for kind in kinds if kind is not type(None)
    )
    raise error(f"got {shown(value)} as {name}, wanted {called}")
