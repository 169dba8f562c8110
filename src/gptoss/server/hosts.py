"""Names and origins in the headers of requests, and those under which the server may be asked."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection

# A name or an address, and a port. Nothing may stand before or behind it that somebody else could read differently.
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{0,5})?")
_ORIGIN = re.compile(r"https?://(.+)")
_LOOPBACK_NAME = "localhost"
# Balancers may send any.
ANY = "*"


class Hosts:
    """Decides under which names and addresses the server may be asked.

    Another name that leads here may be an attacker's, made to do so: then a page of that name could use the server with
    the browser of somebody who reaches it.
    """

    def __init__(self, listens_on: str, added: Collection[str] = ()) -> None:
        """`added`: the operator's; one of them may be `*`, for any."""
        self._is_local = is_loopback(listens_on)
        self._takes_any = ANY in added
        names = {_LOOPBACK_NAME, listens_on.lower(), *(each.lower() for each in added)}
        if not self._is_local:
            # What it is called itself needs nobody to be asked.
            own = socket.gethostname().lower()
            names |= {own, own.partition(".")[0], f"{own.partition('.')[0]}.local"}
        self._names = {_plain(name) for name in names}

    def allow(self, name: str, address: str | None) -> bool:
        """Whether a request may ask for that name or address.

        address  of this machine, at which the request has come in; None: not known
        """
        if self._takes_any or _plain(name) in self._names or is_loopback(name):
            return True
        return not self._is_local and address is not None and _plain(name) == _plain(address)

    @property
    def wanted(self) -> str:
        """Those that it takes, as a message says it."""
        names = ", ".join(sorted(self._names))
        return names if self._is_local else f"{names} or the address of this machine"


def is_loopback(name: str) -> bool:
    """Whether only this machine is meant. A name that begins with 127 may lead anywhere."""
    if name.lower() == _LOOPBACK_NAME:
        return True
    try:
        return ipaddress.ip_address(_plain(name)).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str | None:
    """The name or address in a Host header, without its port and in small letters; None if it is none."""
    found = _HOST.fullmatch(host.lower())
    return None if found is None else found[1] or found[2]


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page's origin is the server that it asks under that host."""
    found = _ORIGIN.fullmatch(origin.lower())
    return found is not None and host_name(found[1]) is not None and found[1] == host.lower()


def _plain(name: str) -> str:
    """An address in its one spelling, without a zone, and a version 4 one as such; a name as it is."""
    try:
        address = ipaddress.ip_address(name.partition("%")[0].strip("[]"))
    except ValueError:
        return name
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
