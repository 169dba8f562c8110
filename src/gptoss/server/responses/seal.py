"""Chains of thought that a client keeps for the server: they are signed, and nobody else can make or change them.

They are not hidden: whoever has one can read it, as the model's thoughts are open in every other place too.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json

KEY_BYTES = 32
_TAG_BYTES = 32
_PREFIX = "gptoss2."


class Seal:
    """Signs texts with one key, each for its owner (HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"got a key of {len(key)} bytes, wanted {KEY_BYTES}")
        self._key = key

    def close(self, owner: str, text: str) -> str:
        """The text with its tag, in one word."""
        data = text.encode("utf-8")
        sealed = self._tag(owner, data) + data
        return _PREFIX + base64.urlsafe_b64encode(sealed).decode("ascii")

    def open(self, owner: str, sealed: str) -> str | None:
        """The text again; None for what was not sealed for this owner, or was changed since."""
        if not sealed.startswith(_PREFIX):
            return None
        try:
            data = base64.b64decode(sealed.removeprefix(_PREFIX), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        tag, text = data[:_TAG_BYTES], data[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(owner, text)):
            return None
        return text.decode("utf-8")

    def _tag(self, owner: str, data: bytes) -> bytes:
        # As JSON, no owner's name can pass for the beginning of a text.
        signed = json.dumps([_PREFIX, owner]).encode("ascii") + data
        return hmac.digest(self._key, signed, "sha256")
