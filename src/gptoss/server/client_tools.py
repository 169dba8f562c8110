"""Tools of the Responses API that the client runs and that have items of their own: shells, and patches of files.

To the model they are functions with schemas that are enforced; here their arguments become what stands in an item, and
come back from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from gptoss.forms import FailFast
from gptoss.server.wire_errors import invalid

_MOST = 2**31 - 1
_Positive = Annotated[int, Field(ge=1)]


class _Fields(FailFast):
    """What stands in an item, and in the arguments of the call, in the order of the schema."""

    model_config = ConfigDict(strict=True, extra="ignore")


class ExecAction(_Fields):
    """Of a `local_shell_call`."""

    command: list[str]
    working_directory: str | None = None
    timeout_ms: _Positive | None = None
    env: dict[str, str] | None = None
    user: str | None = None


class ShellAction(_Fields):
    """Of a `shell_call`."""

    commands: list[str]
    timeout_ms: _Positive | None = None
    max_output_length: _Positive | None = None


class PatchOperation(_Fields):
    """Of an `apply_patch_call`."""

    type: Literal["create_file", "update_file", "delete_file"]
    path: str
    diff: str | None = None

    @model_validator(mode="after")
    def _check(self) -> PatchOperation:
        if (self.diff is None) != (self.type == "delete_file"):
            raise ValueError(f"{self.type} with{'out' if self.diff is None else ''} a diff")
        return self


ClientAction = ExecAction | ShellAction | PatchOperation


@dataclass(frozen=True, slots=True)
class ClientTool:
    """A kind of tool.

    name         its type, and what the model calls it by
    field        of its item in which what it does stands
    fields       these, checked
    id_prefix    of its items' ids
    description  for the model
    parameters   JSON Schema of what the model writes
    """

    name: str
    field: str
    fields: type[ExecAction] | type[ShellAction] | type[PatchOperation]
    id_prefix: str
    description: str
    parameters: Mapping[str, object]

    @property
    def item_type(self) -> str:
        """Of a call."""
        return f"{self.name}_call"

    @property
    def output_type(self) -> str:
        """Of its result."""
        return f"{self.name}_call_output"

    def said(self, arguments: str) -> ClientAction | None:
        """The arguments of a call, checked; None if they are not whole."""
        try:
            return self.fields.model_validate_json(arguments)
        except ValidationError:
            return None

    def read(self, item: Mapping[str, object], where: str) -> ClientAction:
        """Check what stands in an item that came in. Raises ApiError with the place of what is wrong."""
        try:
            return self.fields.model_validate(item.get(self.field))
        except ValidationError as error:
            errors: list[Any] = error.errors()
            errors[0]["loc"] = (where, self.field, *errors[0]["loc"])
            raise invalid(errors) from None

    def arguments(self, said: Mapping[str, object]) -> str:
        """Arguments as the model wrote them, from what stands in an item."""
        # It writes no `env` that is empty.
        kept = {name: said[name] for name in self.fields.model_fields if said.get(name, {}) != {}}
        return json.dumps(kept, ensure_ascii=False)


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
            fields=ExecAction,
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
            fields=ShellAction,
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
            fields=PatchOperation,
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
CLIENT_OUTPUTS = {tool.output_type: tool for tool in CLIENT_TOOLS.values()}
