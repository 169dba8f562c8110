"""Names and origins in the headers of requests."""

from __future__ import annotations

import re

# A name or an address, and a port. Nothing may stand before or behind it that somebody else could read differently.
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{0,5})?")
_ORIGIN = re.compile(r"https?://(.+)")


def host_name(host: str) -> str | None:
    """The name or address in a Host header, without its port and in small letters; None if it is none."""
    found = _HOST.fullmatch(host.lower())
    return None if found is None else found[1] or found[2]


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page's origin is the server that it asks under that host."""
    found = _ORIGIN.fullmatch(origin.lower())
    return found is not None and host_name(found[1]) is not None and found[1] == host.lower()
