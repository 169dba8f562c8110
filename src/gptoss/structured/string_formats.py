"""Formats of strings as regular expressions, where the compiler's own take in what validators refuse."""

from __future__ import annotations

import re

_YEAR = r"(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])"
_LEAP_YEAR = r"(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    rf"|(?:0[13578]|1[02])-31)|{_LEAP_YEAR}-02-29)"
)
# No leap seconds: they are there only in some minutes.
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

# In place of the compiler's own: what a string must match, all of it.
_REPLACED: dict[str, list[dict[str, object]]] = {
    "date": [{"pattern": rf"^{_DATE}$"}],
    "time": [{"pattern": rf"^{_TIME}$"}],
    "date-time": [{"pattern": rf"^{_DATE}T{_TIME}$"}],
    "email": [
        {"pattern": rf"^{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*$", "maxLength": 254},
        {"pattern": "^[^@]{1,64}@"},
    ],
}
# Beside the compiler's own.
_NARROWED: dict[str, list[dict[str, object]]] = {"hostname": [{"maxLength": 253}]}
KNOWN_FORMATS = (*_REPLACED, *_NARROWED, "duration", "ipv4", "ipv6", "uri", "uuid")


# OpenAPI's, and what writers of other languages make of their numbers: nothing that JSON Schema says of a value.
_SAY_NOTHING = re.compile(r"u?int\d*|float\d*|double|decimal|password|binary")


def says_nothing(name: str) -> bool:
    """Whether a format is an annotation."""
    return _SAY_NOTHING.fullmatch(name) is not None


def narrowed(name: str) -> tuple[str | None, list[dict[str, object]]]:
    """The compiler's own format of that name, if it is used, and what a string must match beside it."""
    further = [*_REPLACED.get(name, ()), *_NARROWED.get(name, ())]
    return (None if name in _REPLACED else name), further
