"""Signatures of thinking blocks. Where the chain of thought is not shown, its text comes back inside one."""

from __future__ import annotations

import base64
import binascii
import hashlib

_SHOWN, _HIDDEN = "shown.", "hidden."


def signature_of(reasoning: str, *, is_shown: bool) -> str:
    """Never empty. It proves nothing: a chain of thought is the caller's to change."""
    data = reasoning.encode()
    if is_shown:
        return _SHOWN + hashlib.sha256(data).hexdigest()
    return _HIDDEN + base64.b64encode(data).decode()


def reasoning_of(signature: object) -> str:
    """The text of a thinking block that shows none; empty where its signature holds none."""
    if not isinstance(signature, str) or not signature.startswith(_HIDDEN):
        return ""
    try:
        return base64.b64decode(signature.removeprefix(_HIDDEN), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
