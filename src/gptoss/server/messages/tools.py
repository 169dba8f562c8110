"""Tools of Anthropic's Messages API -> functions: those of the caller's own, and those of fixed schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gptoss.harmony import ToolDescription
from gptoss.server.messages.params import (
    BashTool,
    EditorTool,
    FixedTool,
    MemoryTool,
    OldEditorTool,
    OwnTool,
    ToldTool,
)
from gptoss.tools import Tool


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A tool whose schema Anthropic's models know by heart; this one is told."""

    description: str
    parameters: Mapping[str, object]


_STRING = {"type": "string"}
_PATH = {"type": "string", "description": "Of a file or directory."}
_LINES = {
    "type": "array",
    "items": {"type": "integer"},
    "minItems": 2,
    "maxItems": 2,
    "description": "The first line and the last, counted from 1; -1: to the end.",
}
_LINE = {
    "type": "integer",
    "minimum": 0,
    "description": "After which line; 0: before the first.",
}
_OLD = {"type": "string", "description": "Text that stands there exactly once."}


def _command(name: str, *optional: str, **fields: object) -> dict[str, object]:
    properties = {"command": {"type": "string", "enum": [name]}, **fields}
    return {
        "type": "object",
        "properties": properties,
        "required": [field for field in properties if field not in optional],
        "additionalProperties": False,
    }


def _editor(inserted: str, *more: Mapping[str, object]) -> dict[str, object]:
    """`inserted`: the field of what `insert` puts there."""
    return {
        "anyOf": [
            _command("view", "view_range", path=_PATH, view_range=_LINES),
            _command("create", path=_PATH, file_text=_STRING),
            _command("str_replace", "new_str", path=_PATH, old_str=_OLD, new_str=_STRING),
            _command("insert", path=_PATH, insert_line=_LINE, **{inserted: _STRING}),
            *more,
        ]
    }


_BASH = _Fixed(
    "Runs a command in a bash session that goes on from call to call, and returns what it writes. "
    "`restart` begins a new session.",
    {
        "anyOf": [
            {
                "type": "object",
                "properties": {"command": _STRING},
                "required": ["command"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"restart": {"type": "boolean", "enum": [True]}},
                "required": ["restart"],
                "additionalProperties": False,
            },
        ]
    },
)
_EDITING = "Views, creates and edits files."
# What `insert` puts there is `new_str` to the first editors and `insert_text` to the later ones, as Anthropic's models
# write it (anthropic-sdk-python, issue 1155).
_OLD_EDITOR = _Fixed(
    f"{_EDITING} `undo_edit` takes the last edit of a file back.",
    _editor("new_str", _command("undo_edit", path=_PATH)),
)
_EDITOR = _Fixed(_EDITING, _editor("insert_text"))
_MEMORY = _Fixed(
    "Keeps notes for later conversations, as files below the directory /memories. View it before other work.",
    _editor(
        "insert_text",
        _command("delete", path=_PATH),
        _command("rename", old_path=_PATH, new_path=_PATH),
    ),
)
_FIXED: Mapping[type[FixedTool], _Fixed] = {
    BashTool: _BASH,
    OldEditorTool: _OLD_EDITOR,
    EditorTool: _EDITOR,
    MemoryTool: _MEMORY,
}


def declared(tool: ToldTool) -> Tool:
    """The tool as the model is told of it."""
    if isinstance(tool, OwnTool):
        description = ToolDescription(tool.name, tool.description or "", tool.input_schema)
        return Tool(description, is_strict=tool.strict or False)
    fixed = _FIXED[type(tool)]
    description = ToolDescription(tool.name, fixed.description, fixed.parameters)
    return Tool(description, is_strict=True)
