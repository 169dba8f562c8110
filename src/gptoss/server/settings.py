"""What an operator decides: where the server listens, who may ask, and how much."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gptoss.engine import EVERYBODY
from gptoss.errors import ServerError
from gptoss.files.regular import read_file
from gptoss.server.hosts import is_loopback
from gptoss.server.transport.limits import ConnectionLimits
from gptoss.tools.chosen import ChosenTools

_MOST_KEY_BYTES = 1 << 20
# A key that can be guessed is none.
MIN_KEY_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Keys:
    """API keys, kept as digests. Without any, everybody may ask."""

    digests: tuple[bytes, ...] = ()

    @classmethod
    def from_file(cls, path: Path) -> Keys:
        """One key a line; empty lines and those that begin with # do not count. Raises ServerError."""
        try:
            data = read_file(path.expanduser(), _MOST_KEY_BYTES)
            # Editors on Windows begin a file with a mark.
            lines = data.decode("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ServerError(f"cannot read the API keys in {path}: {error}") from None
        keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not keys:
            raise ServerError(f"got no API key in {path}, wanted one a line")
        return cls.of(keys, str(path))

    @classmethod
    def of(cls, keys: Sequence[str], place: str) -> Keys:
        """Some keys. Raises ServerError for one that can be guessed; `place` is where they were found."""
        for number, key in enumerate(keys, 1):
            if len(key.strip()) < MIN_KEY_CHARACTERS:
                raise ServerError(
                    f"key {number} in {place} has {len(key.strip())} characters, wanted {MIN_KEY_CHARACTERS} or more"
                )
        return cls(tuple(_digest(key.strip()) for key in keys))

    def __or__(self, others: Keys) -> Keys:
        """These and others."""
        return Keys(self.digests + others.digests)

    def accept(self, key: str | None) -> bool:
        """Whether it is one of them; the time says nothing of how much of a wrong one is right."""
        digest = _digest(key or "")
        found = [hmac.compare_digest(digest, known) for known in self.digests]
        # Not `any`, which ends at the one that is right.
        return not found or max(found)

    def owner_of(self, key: str | None) -> str:
        """A name of whoever has that key, which does not give the key away; without keys, everybody's."""
        if not self.digests:
            return EVERYBODY
        return hashlib.sha256(b"gptoss owner" + _digest(key or "")).hexdigest()[:32]


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """All but the model.

    host, port        where to listen; port 0 takes a free one
    keys              who may ask
    hosts             names under which it may be reached beside those of this machine; `*` stands for any
    origins           web pages of other origins that may ask
    served_names      further names of the model
    has_page          whether the chat page is there
    shared_instructions  texts of the operator's whose cached prefixes are found by all keys
    max_body_bytes    of a request
    max_held_bytes    of memory for the bodies of requests that are being answered and the kept responses that are being
                      sent, but for 64 KiB of each
    max_answers       `n` at most
    max_messages      of a conversation
    body_s            seconds that a request may take to arrive
    ping_s            seconds without an event after which a stream says that it is alive
    drain_s           seconds that running answers have when the server is to end
    connections       how many, and how long each may wait
    seal_key_file     key that signs what clients keep for the server; None: beside the store, or a new one
    store             file of the Responses API's store; None: in memory
    store_s           seconds that a response is kept
    store_bytes       of all of them together
    files             folder of the files that clients upload; None: a private one that ends with the server
    max_file_bytes    of one file
    files_bytes       of all files together
    max_files         how many there may be
    tools             what the server runs for the model
    has_chat_tools    whether chat completions may ask for these too

    Raises ServerError for an address beyond this machine without a key.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    keys: Keys = field(default_factory=Keys)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    served_names: tuple[str, ...] = ()
    has_page: bool = True
    shared_instructions: tuple[str, ...] = ()
    max_body_bytes: int = 10_000_000
    max_held_bytes: int = 256_000_000
    max_answers: int = 16
    max_messages: int = 4096
    body_s: float = 30.0
    ping_s: float = 15.0
    drain_s: float = 25.0
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    seal_key_file: Path | None = None
    store: Path | None = None
    store_s: float = 30 * 86400.0
    store_bytes: int = 1 << 30
    files: Path | None = None
    max_file_bytes: int = 512 << 20
    files_bytes: int = 16 << 30
    max_files: int = 50_000
    tools: ChosenTools = field(default_factory=ChosenTools)
    has_chat_tools: bool = False

    def __post_init__(self) -> None:
        if not self.is_local and not self.keys.digests:
            raise ServerError(
                f"got the address {self.host} without an API key, which everybody who reaches it could use; "
                "give --api-key-file or GPTOSS_API_KEY, or listen on 127.0.0.1"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)
