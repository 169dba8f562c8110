"""Where the key lies that seals are made with."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from gptoss.errors import ServerError
from gptoss.files.private import PRIVATE, make_private_folder
from gptoss.files.regular import open_own
from gptoss.files.whole import whole_file
from gptoss.server.responses.seal import KEY_BYTES

_MOST_BYTES = 4096


def seal_key(file: Path | None, store: Path | None) -> bytes:
    """The key of a file that is named, or of the one beside the store, which is made if need be; else a new one.

    Raises ServerError for a file that cannot be used: it has at least 32 bytes, and nobody else can read it.
    """
    if file is not None:
        # The operator names it, and secrets are often mounted as links.
        return _key_of(file.expanduser().resolve())
    if store is None:
        return secrets.token_bytes(KEY_BYTES)
    path = store.expanduser()
    path = path.with_name(f"{path.name}.key")
    try:
        make_private_folder(path.parent)
        if not os.path.lexists(path):
            with whole_file(path, mode=PRIVATE, replaces=False) as made:
                made.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
    except FileExistsError:
        # Another server has made it meanwhile.
        pass
    except OSError as error:
        raise ServerError(f"cannot keep a key for seals in {path}: {error.strerror}") from None
    return _key_of(path)


def _key_of(path: Path) -> bytes:
    make = f"make one: (umask 077; openssl rand -hex {KEY_BYTES} > FILE)"
    try:
        with open_own(path) as descriptor:
            mode = os.fstat(descriptor).st_mode
            data = os.read(descriptor, _MOST_BYTES).strip()
    except OSError as error:
        raise ServerError(
            f"cannot use {path} as the key for seals: {error.strerror or error}; {make}"
        ) from None
    if mode & 0o077:
        raise ServerError(
            f"{path} is the key for seals, and others can read it (mode {mode & 0o777:o}); chmod 600 {path}"
        )
    if len(data) < KEY_BYTES:
        raise ServerError(
            f"got a key for seals of {len(data)} bytes in {path}, wanted {KEY_BYTES} or more; {make}"
        )
    return hashlib.sha256(data).digest()
