"""Calls that were made against calls that are right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gptoss.evals.question import Answer, Call


def difference(made: Sequence[Call], right: Sequence[Mapping[str, Any]]) -> str:
    """In a line, how calls differ from those that are right, in whatever order; empty where they do not."""
    left = list(made)
    for wanted in right:
        found = next((call for call in left if is_call(call, wanted)), None)
        if found is None:
            return f"wanted {wanted['name']} with {json.dumps(wanted['arguments'])}; got {shown_calls(made)}"
        left.remove(found)
    return f"one call too many: {shown_calls(left)}" if left else ""


def is_call(call: Call, wanted: Mapping[str, Any]) -> bool:
    """Whether a call has that name and those arguments."""
    return call.name == wanted["name"] and is_value(_arguments(call), wanted["arguments"])


def is_value(found: object, wanted: object) -> bool:
    """Whether two values of JSON are the same: text without regard to case and spaces around it, numbers by value."""
    match wanted:
        case bool() | None:
            return found is wanted
        case str():
            return isinstance(found, str) and found.strip().casefold() == wanted.casefold()
        case int() | float():
            return (
                isinstance(found, int | float) and not isinstance(found, bool) and found == wanted
            )
        case list():
            return (
                isinstance(found, list)
                and len(found) == len(wanted)
                and all(map(is_value, found, wanted))
            )
        case dict():
            return (
                isinstance(found, dict)
                and found.keys() == wanted.keys()
                and all(is_value(found[name], wanted[name]) for name in wanted)
            )
    return False


def shown_calls(calls: Sequence[Call]) -> str:
    """Calls as a line."""
    return ", ".join(f"{call.name}({call.arguments})" for call in calls) or "no call"


def with_results(answer: Answer, results: Sequence[str]) -> list[Mapping[str, object]]:
    """The messages of an answer that made calls: itself, and what each call gave."""
    given = [
        {"role": "tool", "tool_call_id": call.id, "content": result}
        for call, result in zip(answer.calls, results, strict=True)
    ]
    return [answer.message(), *given]


def calling(*wanted: Mapping[str, Any]) -> Answer:
    """An answer that makes these calls."""
    calls = tuple(
        Call(each["name"], json.dumps(each["arguments"]), f"call_{index}")
        for index, each in enumerate(wanted)
    )
    return Answer(content="", calls=calls, finish_reason="tool_calls")


def _arguments(call: Call) -> object:
    try:
        return json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return None
