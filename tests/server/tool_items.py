"""Tools of the Responses API that clients run, what a model writes to call each, and the item that comes of it."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

REGEX = {"type": "grammar", "syntax": "regex", "definition": "[a-z]{3}-[0-9]{2}"}
LARK = {
    "type": "grammar",
    "syntax": "lark",
    "definition": 'start: N "+" N\nN: /[0-9]{1,3}/',
}
RUN = {"type": "custom", "name": "run", "description": "Runs code."}
NAME = {"type": "custom", "name": "name", "description": "Names.", "format": REGEX}
SUM = {"type": "custom", "name": "sum", "format": LARK}
LOCAL_SHELL = {"type": "local_shell"}
SHELL = {"type": "shell", "environment": {"type": "local"}}
PATCH = {"type": "apply_patch"}
INNER = {
    "type": "function",
    "name": "find",
    "description": None,
    "parameters": {
        "type": "object",
        "properties": {"id": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["id"],
        "additionalProperties": False,
    },
    "strict": True,
}
CRM = {
    "type": "namespace",
    "name": "crm",
    "description": "Customers.",
    "tools": [INNER, {"type": "custom", "name": "query", "format": REGEX}],
}
ALL = [RUN, NAME, SUM, LOCAL_SHELL, SHELL, PATCH, CRM]

CODE = 'print("é")\n\\n'
DIFF = "@@ def f():\n-    return 1\n+    return 2\n"
# Of each tool: what the model writes, and what the item says beside its id, call_id and status.
ARGUMENTS: dict[str, Json] = {
    "local_shell": {
        "command": ["bash", "-lc", "ls"],
        "working_directory": "src",
        "timeout_ms": 1000,
        "env": {"A": "b"},
        "user": "me",
    },
    "shell": {"commands": ["ls", "cat 'a b'"], "timeout_ms": 5, "max_output_length": 10},
    "apply_patch": {"type": "update_file", "path": "a.py", "diff": DIFF},
}
SAID: dict[str, Json] = {
    "local_shell": {
        "type": "local_shell_call",
        "action": {"type": "exec", **ARGUMENTS["local_shell"]},
    },
    "shell": {
        "type": "shell_call",
        "action": ARGUMENTS["shell"],
        "environment": {"type": "local"},
    },
    "apply_patch": {"type": "apply_patch_call", "operation": ARGUMENTS["apply_patch"]},
    "run": {"type": "custom_tool_call", "name": "run", "input": CODE},
    "name": {"type": "custom_tool_call", "name": "name", "input": "ada-01"},
    "find": {
        "type": "function_call",
        "namespace": "crm",
        "name": "find",
        "arguments": '{"id": 7}',
    },
    "query": {
        "type": "custom_tool_call",
        "namespace": "crm",
        "name": "query",
        "input": "ada-02",
    },
}
_HEADER = "<|channel|>commentary to={}{}<|message|>{}<|call|>"
_JSON = " <|constrain|>json"


def in_json(recipient: str, arguments: object) -> str:
    """A call of JSON, as a model writes it."""
    return _HEADER.format(recipient, _JSON, json.dumps(arguments, ensure_ascii=False))


WRITTEN = {
    **{name: in_json(f"functions.{name}", made) for name, made in ARGUMENTS.items()},
    "run": in_json("functions.run", {"input": CODE}),
    "name": _HEADER.format("functions.name", "", "ada-01"),
    "find": in_json("crm.find", {"id": 7}),
    "query": _HEADER.format("crm.query", "", "ada-02"),
}
SHELL_OUTPUT = [
    {"stdout": "a\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
    {"stdout": "", "stderr": "é", "outcome": {"type": "timeout"}},
]


def output_of(call: Json, **more: Any) -> Json:
    """A result of a call, in the form of its kind."""
    kind = call["type"]
    output: object = "42"
    if kind == "shell_call":
        output = SHELL_OUTPUT
    if kind == "local_shell_call":
        more = {"id": f"out_{call['call_id']}", **more}
    if kind == "apply_patch_call":
        more = {"status": "completed", **more}
    name = "function_call_output" if kind == "function_call" else f"{kind}_output"
    return {"type": name, "call_id": call["call_id"], "output": output, **more}
