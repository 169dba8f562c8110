"""Tools of the Responses API that the client runs and that have items of their own: shells, and patches of files.

To the model they are functions with schemas that are enforced; here their arguments become what stands in an item, and
come back from there.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from gptoss.forms import Kinds
from gptoss.server.exchanged import Exchanged, IfNull, Maybe, OrElse
from gptoss.server.replies import ABSENT

_MOST = 2**31 - 1
_Positive = Annotated[int, Field(ge=1)]


class ExecAction(Exchanged):
    """A program to run."""

    type: Annotated[Literal["exec"], OrElse("exec")]
    env: Annotated[dict[str, str], IfNull({})]
    command: list[str]
    """The program and its arguments."""
    working_directory: Maybe[str] = ABSENT
    timeout_ms: Maybe[_Positive] = ABSENT
    user: Maybe[str] = ABSENT

    def model_post_init(self, _: Any) -> None:
        """What the model did not write is told as well."""
        self.model_fields_set.update(("type", "env"))


class ShellAction(Exchanged):
    """Commands to run."""

    commands: list[str]
    timeout_ms: Maybe[_Positive] = ABSENT
    max_output_length: Maybe[_Positive] = ABSENT


class FileDiff(Exchanged):
    """A file to create or update."""

    type: Literal["create_file", "update_file"]
    path: str
    diff: str
    """V4A, of this file alone."""


class FileDeletion(Exchanged):
    """A file to delete."""

    type: Literal["delete_file"]
    path: str
    diff: None = Field(default=None, exclude=True)


PatchOperation = Annotated[FileDiff | FileDeletion, Kinds("type")]
ClientAction = ExecAction | ShellAction | FileDiff | FileDeletion


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A kind of tool.

    name         its type, and what the model calls it by
    field        of its item in which what it does stands
    action       the type of that
    id_prefix    of its items' ids
    description  for the model
    parameters   JSON Schema of what the model writes
    """

    name: str
    field: str
    action: Any
    id_prefix: str
    description: str
    parameters: Mapping[str, Any]

    @property
    def item_type(self) -> str:
        """Of a call."""
        return f"{self.name}_call"

    def said(self, arguments: str) -> ClientAction | None:
        """The arguments of a call, checked; None if they are not whole."""
        try:
            return _reader(self.action).validate_json(arguments)
        except ValidationError:
            return None

    def arguments(self, action: ClientAction) -> str:
        """Arguments as the model writes them, from what stands in an item."""
        forms = self.parameters.get("anyOf", [self.parameters])
        names = dict.fromkeys(name for form in forms for name in form["properties"])
        # It writes no `env` that is empty.
        said = {name: value for name, value in action.model_dump().items() if value != {}}
        return json.dumps({n: said[n] for n in names if n in said}, ensure_ascii=False)


@functools.cache
def _reader(kind: Any) -> TypeAdapter[ClientAction]:
    return TypeAdapter(kind)


def _object(required: tuple[str, ...], **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _text(description: str) -> dict[str, object]:
    return {"type": "string", "description": description}


def _number(description: str) -> dict[str, object]:
    return {"type": "integer", "minimum": 1, "maximum": _MOST, "description": description}


def _texts(description: str) -> dict[str, object]:
    items = {"type": "string"}
    return {"type": "array", "items": items, "minItems": 1, "description": description}


_PATH = {**_text("Of the file."), "minLength": 1}
_DIFF = _text("V4A diff of this one file.")
_TIMEOUT = _number("Milliseconds after which it is ended.")
# V4A is what the model was trained to write in whole patches: an operation's diff is a part of one.
_PATCH = """\
Creates, updates or deletes one file. `diff` is what a V4A patch has below the header of a file, without
`*** Begin Patch`, `*** Update File:` and `*** End Patch`.
create_file: every line of the new file, each after a `+`.
update_file: hunks. Each begins with a line `@@`, or `@@ ` and the line of the class or function that the change is in.
In it, each line has one mark before it: a space for a line that stays, `-` for one that goes, `+` for one that comes.
Three lines that stay before and after a change say where it is. There are no line numbers.
delete_file: no diff."""

CLIENT_TOOLS = {
    tool.name: tool
    for tool in (
        ClientTool(
            name="local_shell",
            field="action",
            action=ExecAction,
            id_prefix="lsh_",
            description="Runs a program on the user's machine, and returns what it writes.",
            parameters=_object(
                ("command",),
                command=_texts('The program and its arguments, such as ["bash", "-lc", "ls"].'),
                working_directory=_text("Where it runs."),
                timeout_ms=_TIMEOUT,
                env={"type": "object", "additionalProperties": {"type": "string"}},
                user=_text("As whom it runs."),
            ),
        ),
        ClientTool(
            name="shell",
            field="action",
            action=ShellAction,
            id_prefix="sh_",
            description="Runs commands in a shell on the user's machine, each on its own, "
            "and returns what each writes and how it ended.",
            parameters=_object(
                ("commands",),
                commands=_texts("Lines for the shell. They may run at the same time."),
                timeout_ms=_TIMEOUT,
                max_output_length=_number("Characters that are returned of each command at most."),
            ),
        ),
        ClientTool(
            name="apply_patch",
            field="operation",
            action=PatchOperation,
            id_prefix="apc_",
            description=_PATCH,
            parameters={
                "anyOf": [
                    _object(
                        ("type", "path", "diff"),
                        type={"type": "string", "enum": ["create_file", "update_file"]},
                        path=_PATH,
                        diff=_DIFF,
                    ),
                    _object(
                        ("type", "path"),
                        type={"type": "string", "enum": ["delete_file"]},
                        path=_PATH,
                    ),
                ]
            },
        ),
    )
}
CLIENT_CALLS = {tool.item_type: tool for tool in CLIENT_TOOLS.values()}
