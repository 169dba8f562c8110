"""Items of the Responses API that are calls of tools and their results."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, WithJsonSchema, model_validator

from gptoss.chat.types.tools import CALLER
from gptoss.chat.types.words import WORD
from gptoss.forms import Ignored, Kinds
from gptoss.server.client_tools import ExecAction, PatchOperation, ShellAction
from gptoss.server.exchanged import Exchanged, IfNull, Maybe, OrElse
from gptoss.server.replies import ABSENT
from gptoss.server.responses.types.texts import ToolTexts

MOST_ID_CHARACTERS = 200
# Distinct among all items of a conversation; one that is not given is made.
ItemId = Annotated[str, Field(max_length=MOST_ID_CHARACTERS), IfNull("")]
ItemStatus = Annotated[Literal["in_progress", "completed", "incomplete"], OrElse("completed")]
_Whole = Annotated[Literal["in_progress", "completed"], OrElse("completed")]
_Completed = Annotated[Literal["completed"], OrElse("completed")]
# Harmony says what is wrong with a name.
_Name = Annotated[str, WithJsonSchema(WORD, mode="validation")]


_UNREAD = {
    "caller": CALLER,
    "async": Ignored("a call has its result behind it"),
}
_OF_CALL = Ignored("a result is its call's")


class ToolItem(Exchanged):
    """What calls and their results have."""

    unread = _UNREAD

    id: ItemId
    type: str
    call_id: str
    """Is the same for a call and its result, and distinct among calls."""


class FunctionCall(ToolItem):
    """A call of a function."""

    type: Literal["function_call"]
    name: _Name
    namespace: Maybe[_Name] = ABSENT
    """In which it is declared, if it is in one."""
    arguments: Annotated[str, IfNull("")]
    """JSON as text; as far as it is, while it is written. In a request, nothing is an empty object."""
    status: ItemStatus


class CustomToolCall(ToolItem):
    """A call of a custom tool."""

    type: Literal["custom_tool_call"]
    name: _Name
    namespace: Maybe[_Name] = ABSENT
    """In which it is declared, if it is in one."""
    input: str
    """The text; as far as it is, while it is written."""
    status: ItemStatus


_ENVIRONMENT_UNREAD = {
    "skills": Ignored("those of the tool count"),
    "container_id": Ignored("the server has no containers"),
}


class LocalShellCall(ToolItem):
    """A call of `local_shell`. It is told when it is whole."""

    type: Literal["local_shell_call"]
    action: ExecAction
    status: _Whole


class LocalEnvironment(Exchanged):
    """Where commands run: with the client."""

    unread = _ENVIRONMENT_UNREAD

    type: Literal["local"]


class ShellCall(ToolItem):
    """A call of `shell`. It is told when it is whole."""

    type: Literal["shell_call"]
    action: ShellAction
    status: _Whole
    environment: Annotated[LocalEnvironment, OrElse(LocalEnvironment(type="local"))]


class ApplyPatchCall(ToolItem):
    """A call of `apply_patch`. It is told when it is whole."""

    type: Literal["apply_patch_call"]
    operation: PatchOperation
    status: _Whole


ClientCall = LocalShellCall | ShellCall | ApplyPatchCall
Call = FunctionCall | CustomToolCall | ClientCall


_OUTPUT_UNREAD = {**_UNREAD, "name": _OF_CALL, "namespace": _OF_CALL}


class FunctionCallOutput(ToolItem):
    """The result of a call of a function. The call stands before it."""

    unread = _OUTPUT_UNREAD

    type: Literal["function_call_output"]
    status: _Completed
    output: ToolTexts


class CustomToolCallOutput(ToolItem):
    """The result of a call of a custom tool."""

    type: Literal["custom_tool_call_output"]
    status: _Completed
    output: ToolTexts


class LocalShellCallOutput(ToolItem):
    """The result of a call of `local_shell`."""

    type: Literal["local_shell_call_output"]
    id: Annotated[str, Field(json_schema_extra={"maxLength": MOST_ID_CHARACTERS}), IfNull("")]
    """In a request, names the call where there is no `call_id`."""
    call_id: Annotated[str, IfNull("")]
    status: _Completed
    output: str

    @model_validator(mode="after")
    def _name_call(self) -> Self:
        """OpenAI's types have no `call_id` here, and the call's id in the field `id`."""
        if not self.call_id:
            self.call_id, self.id = self.id, ""
        if not self.call_id:
            raise ValueError("got neither call_id nor id, wanted the call's")
        if len(self.id) > MOST_ID_CHARACTERS:
            raise ValueError(
                f"got an id of {len(self.id)} characters, wanted at most {MOST_ID_CHARACTERS}"
            )
        return self


class Exit(Exchanged):
    """A command has ended."""

    type: Literal["exit"]
    exit_code: int


class Timeout(Exchanged):
    """A command was ended."""

    type: Literal["timeout"]


class ShellChunk(Exchanged):
    """What a command wrote."""

    stdout: str
    stderr: str
    outcome: Annotated[Exit | Timeout, Kinds("type")]


class ShellCallOutput(ToolItem):
    """The result of a call of `shell`."""

    type: Literal["shell_call_output"]
    status: _Completed
    output: list[ShellChunk]
    max_output_length: Annotated[Maybe[int], OrElse(None)] = ABSENT
    """As the call has it."""


class ApplyPatchCallOutput(ToolItem):
    """The result of a call of `apply_patch`."""

    type: Literal["apply_patch_call_output"]
    status: Literal["completed", "failed"]
    output: Maybe[str] = ABSENT


CallOutput = (
    FunctionCallOutput
    | CustomToolCallOutput
    | LocalShellCallOutput
    | ShellCallOutput
    | ApplyPatchCallOutput
)
