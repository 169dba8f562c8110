"""Calls and their results as input items, as `gptoss.server.responses.call_items` reads them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gptoss.server.client_tools import ExecAction, ShellAction
from gptoss.server.request_schemas.form import CalledName, Form
from gptoss.server.request_schemas.item_text import ItemContent, ItemId


class CallForm(Form):
    """What all calls have."""

    id: ItemId | None = None
    call_id: str


class CallItem(CallForm):
    """A call of a function, as it came."""

    type: Literal["function_call"]
    name: CalledName
    namespace: CalledName | None = None
    arguments: str
    """JSON as text."""


class CustomCallItem(CallForm):
    """A call of a custom tool, as it came."""

    type: Literal["custom_tool_call"]
    name: CalledName
    namespace: CalledName | None = None
    input: str


class LocalShellCallItem(CallForm):
    """A call of `local_shell`, as it came."""

    type: Literal["local_shell_call"]
    action: ExecAction


class ShellCallItem(CallForm):
    """A call of `shell`, as it came."""

    type: Literal["shell_call"]
    action: ShellAction


class FileDiff(Form):
    """A file to create or update."""

    type: Literal["create_file", "update_file"]
    path: str
    diff: str
    """V4A, of this file alone."""


class FileDeletion(Form):
    """A file to delete."""

    type: Literal["delete_file"]
    path: str
    diff: None = None


class PatchCallItem(CallForm):
    """A call of `apply_patch`, as it came."""

    type: Literal["apply_patch_call"]
    operation: Annotated[FileDiff | FileDeletion, Field(discriminator="type")]


class CallOutputItem(CallForm):
    """The result of a call of a function or a custom tool. The call stands before it."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    output: ItemContent


class LocalShellOutputItem(Form):
    """The result of a call of `local_shell`."""

    type: Literal["local_shell_call_output"]
    id: ItemId | None = None
    """Names the call where there is no `call_id`."""
    call_id: str | None = None
    output: str


class Exit(Form):
    """A command has ended."""

    type: Literal["exit"]
    exit_code: int


class Timeout(Form):
    """A command was ended."""

    type: Literal["timeout"]


class ShellChunk(Form):
    """What a command wrote."""

    stdout: str
    stderr: str
    outcome: Annotated[Exit | Timeout, Field(discriminator="type")]


class ShellOutputItem(CallForm):
    """The result of a call of `shell`."""

    type: Literal["shell_call_output"]
    output: list[ShellChunk]
    max_output_length: Any = None
    """As the call has it; is kept."""


class PatchOutputItem(CallForm):
    """The result of a call of `apply_patch`."""

    type: Literal["apply_patch_call_output"]
    status: Literal["completed", "failed"]
    output: str | None = None


AnyCallItem = CallItem | CustomCallItem | LocalShellCallItem | ShellCallItem | PatchCallItem
AnyOutputItem = CallOutputItem | LocalShellOutputItem | ShellOutputItem | PatchOutputItem
