"""Tools that a server would have to run, and this one does not: those that a request only declares are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from gptoss.forms import Form

# By how the type's name begins; dates and `preview` may follow.
_REMEDIES = {
    "web_search": "declare a function that searches, and ask a search engine in it",
    "web_fetch": "declare a function that fetches a page",
    "file_search": "declare a function that searches your files",
    "code_interpreter": "ask in responses of a server that was started with --tools python, or declare a function "
    "or a custom tool that takes code, and run it yourself",
    "code_execution": "declare a function that takes code, and run it yourself",
    "computer": "the model sees no pictures; declare functions for what is to be done",
    "browser": "the model sees no pictures; declare functions for what is to be done",
    "image_generation": "the model writes text; declare a function that makes pictures",
    "mcp": "connect to that MCP server yourself, and declare its tools as functions",
    "tool_search": "declare every tool, without defer_loading; all are told to the model",
    "programmatic_tool_calling": "declare the tools alone; the model calls them itself",
}


_PATTERN = f"^({'|'.join(_REMEDIES)})"


class HostedTool(Form):
    """A tool that the server would have to run. It is left out, and `gptoss.ignored` names it."""

    left_out = "the server does not run it"

    type: Annotated[str, Field(pattern=_PATTERN)]


def is_hosted(tool: Mapping[str, Any]) -> bool:
    """Whether the server would have to run it."""
    return refusal_of(tool.get("type")) is not None


def refusal_of(kind: object) -> str | None:
    """The reason why a tool of that type cannot be called, with what to do instead; None if it is none of these."""
    for name, remedy in _REMEDIES.items():
        if isinstance(kind, str) and kind.startswith(name):
            return f"which is not supported: the server does not run it; {remedy}"
    return None
