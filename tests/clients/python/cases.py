"""Runs the functions that are asked for, each with its question, and prints what they give as JSON."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Mapping
from typing import Any

# Of the server; OpenAI's API is below /v1.
URL = sys.argv[1]
MODEL = "gpt-oss-20b"
KEY = "none"


def run(functions: Mapping[str, Any]) -> None:
    """Standard input has an object of names and questions."""
    print(json.dumps(asyncio.run(_run(functions, json.load(sys.stdin)))))


async def _run(functions: Mapping[str, Any], questions: Mapping[str, str]) -> dict[str, Any]:
    """In one event loop, since connections belong to the one that they were opened in."""
    given = {}
    for name, question in questions.items():
        try:
            made = functions[name](question)
            given[name] = await made if inspect.isawaitable(made) else made
        except Exception:
            given[name] = traceback.format_exc()
    return given


def weather(city: str) -> str:
    """The weather in a city."""
    return f"7 degrees in {city}"


WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
