"""Chains of thought that a client keeps for the server: unreadable, and of no use once they are changed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from gptoss.server.wire_errors import ApiError

KEY_BYTES = 32
_NONCE_BYTES = 24
_MAC_BYTES = 32
_PREFIX = "gptoss1."


class Seal:
    """Encrypts and authenticates texts with one key.

    The key stream is SHAKE256 of a key and a nonce drawn at random, the tag HMAC-SHA256 of nonce and ciphertext with
    another key; both come from the one given.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"got a key of {len(key)} bytes, wanted {KEY_BYTES}")
        self._stream_key = hmac.digest(key, b"gptoss stream", "sha256")
        self._tag_key = hmac.digest(key, b"gptoss tag", "sha256")

    def close(self, text: str) -> str:
        """The text, sealed."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._crypt(nonce, text.encode("utf-8"))
        return _PREFIX + base64.urlsafe_b64encode(sealed + self._tag(sealed)).decode("ascii")

    def open(self, sealed: str, where: str) -> str:
        """The text again. Raises ApiError 400 for what this key has not sealed, or what was changed since."""
        wrong = ApiError(
            400,
            f"got encrypted_content in {where} that this server has not made, or that was changed; "
            "send it as it was received, or leave the item out",
            param=where,
            code="invalid_encrypted_content",
        )
        if not sealed.startswith(_PREFIX):
            raise wrong
        try:
            data = base64.b64decode(sealed.removeprefix(_PREFIX), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise wrong from None
        body, tag = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if len(body) < _NONCE_BYTES or not hmac.compare_digest(tag, self._tag(body)):
            raise wrong
        nonce, ciphertext = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
        return self._crypt(nonce, ciphertext).decode("utf-8")

    def _crypt(self, nonce: bytes, data: bytes) -> bytes:
        stream = hashlib.shake_256(self._stream_key + nonce).digest(len(data))
        mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
        return mixed.to_bytes(len(data), "big")

    def _tag(self, data: bytes) -> bytes:
        return hmac.digest(self._tag_key, _PREFIX.encode("ascii") + data, "sha256")
