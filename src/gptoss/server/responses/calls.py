"""Calls of tools that a response grows by, one class for each form; `OpenItem` in items.py says what they share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from gptoss.server.client_tools import (
    CLIENT_TOOLS,
    ClientAction,
    ClientTool,
    ExecAction,
    ShellAction,
)
from gptoss.server.responses.items import Unplaced
from gptoss.server.responses.types.calls import (
    ApplyPatchCall,
    ClientCall,
    CustomToolCall,
    FunctionCall,
    ItemStatus,
    LocalEnvironment,
    LocalShellCall,
    ShellCall,
)
from gptoss.server.responses.types.events import (
    ArgumentsDelta,
    ArgumentsDone,
    CommandChanged,
    CommandDelta,
    CustomInputDelta,
    CustomInputDone,
)
from gptoss.server.shared.ids import new_id
from gptoss.server.wrapped_text import WrappedText
from gptoss.tools import FUNCTIONS, Tool, ToolSet

CALL_ID_PREFIX = "call_"


class OpenFunctionCall:
    """A call of a function.

    namespace  in which it is declared; None: among the functions that stand alone
    """

    def __init__(self, name: str, namespace: str | None = None) -> None:
        self.id = new_id("fc_")
        self._call_id = new_id(CALL_ID_PREFIX)
        self._name = name
        self._namespace = namespace
        self._texts: list[str] = []

    def item(self, status: ItemStatus) -> FunctionCall:
        """The item so far."""
        return FunctionCall(
            id=self.id,
            type="function_call",
            call_id=self._call_id,
            name=self._name,
            namespace=self._namespace,
            arguments="".join(self._texts),
            status=status,
        )

    def feed(self, text: str) -> Iterator[Unplaced]:
        """More of its arguments."""
        self._texts.append(text)
        yield partial(ArgumentsDelta, type="response.function_call_arguments.delta", delta=text)

    def end(self) -> Iterator[Unplaced]:
        """The events before `response.output_item.done`."""
        yield partial(
            ArgumentsDone,
            type="response.function_call_arguments.done",
            name=self._name,
            arguments="".join(self._texts),
        )


class OpenCustomCall:
    """A call of a custom tool. Where the model wraps its text in JSON, what is told is the text."""

    def __init__(self, name: str, namespace: str | None, *, is_wrapped: bool) -> None:
        self.id = new_id("ctc_")
        self._call_id = new_id(CALL_ID_PREFIX)
        self._name = name
        self._namespace = namespace
        self._wrapped = WrappedText() if is_wrapped else None
        self._texts: list[str] = []

    def item(self, status: ItemStatus) -> CustomToolCall:
        """The item so far."""
        return CustomToolCall(
            id=self.id,
            type="custom_tool_call",
            call_id=self._call_id,
            name=self._name,
            namespace=self._namespace,
            input="".join(self._texts),
            status=status,
        )

    def feed(self, text: str) -> Iterator[Unplaced]:
        """More of its argument."""
        text = text if self._wrapped is None else self._wrapped.feed(text)
        if text:
            self._texts.append(text)
            yield partial(
                CustomInputDelta, type="response.custom_tool_call_input.delta", delta=text
            )

    def end(self) -> Iterator[Unplaced]:
        """The events before `response.output_item.done`."""
        yield partial(
            CustomInputDone, type="response.custom_tool_call_input.done", input="".join(self._texts)
        )


class OpenClientCall:
    """A call of a tool that has an item of its own. It is told when it is whole: half a command must not be run."""

    def __init__(self, tool: ClientTool) -> None:
        self.id = new_id(tool.id_prefix)
        self.name = tool.name
        self._call_id = new_id(CALL_ID_PREFIX)
        self._tool = tool
        self._texts: list[str] = []
        self._action: ClientAction | None = None

    @property
    def arguments(self) -> str:
        """As the model wrote them, as far as it has."""
        return "".join(self._texts)

    def add(self, text: str) -> None:
        """More of its arguments."""
        self._texts.append(text)

    def read(self) -> bool:
        """Whether they are whole; then the call can be told."""
        self._action = self._tool.said(self.arguments)
        return self._action is not None

    def item(self, status: ItemStatus) -> ClientCall:
        """The item so far."""
        fields: dict[str, Any] = {"id": self.id, "call_id": self._call_id, "status": status}
        match self._action:
            case ExecAction() as action:
                return LocalShellCall(type="local_shell_call", action=action, **fields)
            case ShellAction() as action:
                if status == "in_progress":
                    # They come one by one after that.
                    action = action.model_copy(update={"commands": []})
                place = LocalEnvironment(type="local")
                return ShellCall(type="shell_call", action=action, environment=place, **fields)
        assert self._action is not None
        return ApplyPatchCall(type="apply_patch_call", operation=self._action, **fields)

    def end(self) -> Iterator[Unplaced]:
        """The events before `response.output_item.done`."""
        commands = self._action.commands if isinstance(self._action, ShellAction) else ()
        for index, command in enumerate(commands):
            yield partial(
                CommandChanged,
                type="response.shell_call_command.added",
                command_index=index,
                command="",
            )
            yield partial(
                CommandDelta,
                type="response.shell_call_command.delta",
                command_index=index,
                delta=command,
            )
            yield partial(
                CommandChanged,
                type="response.shell_call_command.done",
                command_index=index,
                command=command,
            )


OpenCall = OpenFunctionCall | OpenCustomCall | OpenClientCall


def open_call(recipient: str, tools: ToolSet) -> OpenCall:
    """The item of a call that begins."""
    tool = tools.tool_by_recipient.get(recipient)
    if tool is None:
        return OpenFunctionCall(recipient.removeprefix("functions."))
    name = tool.description.name
    if tool.kind in CLIENT_TOOLS:
        return OpenClientCall(CLIENT_TOOLS[tool.kind])
    if tool.kind == "custom":
        return OpenCustomCall(name, _namespace(tool), is_wrapped=tool.is_wrapped)
    return OpenFunctionCall(name, _namespace(tool))


def _namespace(tool: Tool) -> str | None:
    return None if tool.namespace == FUNCTIONS else tool.namespace
