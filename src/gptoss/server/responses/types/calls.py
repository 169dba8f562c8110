"""Items of the Responses API that are calls of tools and their results."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.server.replies import ABSENT, Reply

CallStatus = Literal["in_progress", "completed", "incomplete"]
_Whole = Literal["in_progress", "completed"]


class ReplyCall(Reply):
    """What all calls have, which the client is to answer with the output of the same name."""

    id: str
    call_id: str
    """What the output must name."""


class FunctionCall(ReplyCall):
    """A call of a function."""

    type: Literal["function_call"]
    name: str
    namespace: str = ABSENT
    """In which it is declared, if it is in one."""
    arguments: str
    """JSON as text; as far as it is, while it is written."""
    status: CallStatus


class CustomToolCall(ReplyCall):
    """A call of a custom tool."""

    type: Literal["custom_tool_call"]
    name: str
    namespace: str = ABSENT
    """In which it is declared, if it is in one."""
    input: str
    """The text; as far as it is, while it is written."""
    status: CallStatus


class ReplyExecAction(Reply):
    """A program to run."""

    type: Literal["exec"]
    command: list[str]
    """The program and its arguments."""
    env: dict[str, str]
    working_directory: str = ABSENT
    timeout_ms: int = ABSENT
    user: str = ABSENT


class LocalShellCall(ReplyCall):
    """A call of `local_shell`. It is told when it is whole."""

    type: Literal["local_shell_call"]
    action: ReplyExecAction
    status: _Whole


class ReplyShellAction(Reply):
    """Commands to run."""

    commands: list[str]
    timeout_ms: int = ABSENT
    max_output_length: int = ABSENT


class LocalEnvironment(Reply):
    """Where commands run: with the client."""

    type: Literal["local"]


class ShellCall(ReplyCall):
    """A call of `shell`. It is told when it is whole."""

    type: Literal["shell_call"]
    action: ReplyShellAction
    environment: LocalEnvironment
    status: _Whole


class ReplyFileDiff(Reply):
    """A file to create or update."""

    type: Literal["create_file", "update_file"]
    path: str
    diff: str
    """V4A, of this file alone."""


class ReplyFileDeletion(Reply):
    """A file to delete."""

    type: Literal["delete_file"]
    path: str


class ApplyPatchCall(ReplyCall):
    """A call of `apply_patch`. It is told when it is whole."""

    type: Literal["apply_patch_call"]
    operation: Annotated[ReplyFileDiff | ReplyFileDeletion, Field(discriminator="type")]
    status: _Whole


Action = ReplyExecAction | ReplyShellAction | ReplyFileDiff | ReplyFileDeletion
ClientCall = LocalShellCall | ShellCall | ApplyPatchCall
Call = FunctionCall | CustomToolCall | ClientCall


class InputText(Reply):
    """Text that was sent."""

    type: Literal["input_text"]
    text: str


OutputContent = str | Annotated[list[InputText], Field(min_length=1, max_length=1)]


class ReplyOutput(Reply):
    """What all results have."""

    id: str
    call_id: str


class FunctionCallOutput(ReplyOutput):
    """The result of a call of a function."""

    type: Literal["function_call_output"]
    output: OutputContent
    status: Literal["completed"]


class CustomToolCallOutput(ReplyOutput):
    """The result of a call of a custom tool."""

    type: Literal["custom_tool_call_output"]
    output: OutputContent
    status: Literal["completed"]


class LocalShellCallOutput(ReplyOutput):
    """The result of a call of `local_shell`."""

    type: Literal["local_shell_call_output"]
    output: str
    status: Literal["completed"]


class ReplyExit(Reply):
    """A command has ended."""

    type: Literal["exit"]
    exit_code: int


class ReplyTimeout(Reply):
    """A command was ended."""

    type: Literal["timeout"]


class ReplyShellChunk(Reply):
    """What a command wrote."""

    stdout: str
    stderr: str
    outcome: Annotated[ReplyExit | ReplyTimeout, Field(discriminator="type")]


class ShellCallOutput(ReplyOutput):
    """The result of a call of `shell`."""

    type: Literal["shell_call_output"]
    output: list[ReplyShellChunk]
    max_output_length: int = ABSENT
    status: Literal["completed"]


class ApplyPatchCallOutput(ReplyOutput):
    """The result of a call of `apply_patch`."""

    type: Literal["apply_patch_call_output"]
    output: str = ABSENT
    status: Literal["completed", "failed"]


CallOutput = (
    FunctionCallOutput
    | CustomToolCallOutput
    | LocalShellCallOutput
    | ShellCallOutput
    | ApplyPatchCallOutput
)
