"""What fields of one request ask of each other."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def one_of_text(*names: str) -> Json:
    """At least one of these fields is text."""
    return {
        "anyOf": [{"properties": {name: {"type": "string"}}, "required": [name]} for name in names]
    }


RESPONSE_NEEDS: Json = {
    # One that runs on its own is read from the store.
    "if": {"properties": {"background": {"const": True}}, "required": ["background"]},
    "then": {"properties": {"store": {"enum": [True, None]}}},
    # A response that is gone on from has input of its own.
    "anyOf": [
        {"properties": {"input": {"type": "string", "minLength": 1}}, "required": ["input"]},
        {"properties": {"input": {"type": "array", "minItems": 1}}, "required": ["input"]},
        {
            "properties": {"instructions": {"type": "string", "minLength": 1}},
            "required": ["instructions"],
        },
        {
            "properties": {"previous_response_id": {"type": "string"}},
            "required": ["previous_response_id"],
        },
    ],
}
