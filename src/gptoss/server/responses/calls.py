"""Calls of tools that a response grows by, one class for each form; `Item` in items.py says what they share."""

from __future__ import annotations

from collections.abc import Iterator

from gptoss.chat.tools import FUNCTIONS, DeclaredTool, ToolSet
from gptoss.server.client_tools import CLIENT_TOOLS, ClientTool
from gptoss.server.replies import Json
from gptoss.server.shared.ids import new_id
from gptoss.server.wrapped_text import WrappedText

CALL_ID_PREFIX = "call_"


class FunctionCallItem:
    """A call of a function.

    namespace  in which it is declared; None: among the functions that stand alone
    """

    def __init__(self, name: str, namespace: str | None = None) -> None:
        self.id = new_id("fc_")
        self._call_id = new_id(CALL_ID_PREFIX)
        self._name = name
        self._namespace = namespace
        self._texts: list[str] = []

    def item(self, status: str) -> Json:
        """See Item."""
        return {
            "id": self.id,
            "type": "function_call",
            "call_id": self._call_id,
            "name": self._name,
            **_in_namespace(self._namespace),
            "arguments": "".join(self._texts),
            "status": status,
        }

    def begin(self) -> Iterator[Json]:
        """See Item."""
        yield from ()

    def feed(self, text: str) -> Iterator[Json]:
        """More of its arguments."""
        self._texts.append(text)
        yield {"type": "response.function_call_arguments.delta", "delta": text}

    def end(self) -> Iterator[Json]:
        """See Item."""
        yield {
            "type": "response.function_call_arguments.done",
            "name": self._name,
            "arguments": "".join(self._texts),
        }


class CustomCallItem:
    """A call of a custom tool. Where the model wraps its text in JSON, what is told is the text."""

    def __init__(self, name: str, namespace: str | None, *, is_wrapped: bool) -> None:
        self.id = new_id("ctc_")
        self._call_id = new_id(CALL_ID_PREFIX)
        self._name = name
        self._namespace = namespace
        self._wrapped = WrappedText() if is_wrapped else None
        self._texts: list[str] = []

    def item(self, status: str) -> Json:
        """See Item."""
        return {
            "id": self.id,
            "type": "custom_tool_call",
            "call_id": self._call_id,
            "name": self._name,
            **_in_namespace(self._namespace),
            "input": "".join(self._texts),
            "status": status,
        }

    def begin(self) -> Iterator[Json]:
        """See Item."""
        yield from ()

    def feed(self, text: str) -> Iterator[Json]:
        """More of its argument."""
        text = text if self._wrapped is None else self._wrapped.feed(text)
        if text:
            self._texts.append(text)
            yield {"type": "response.custom_tool_call_input.delta", "delta": text}

    def end(self) -> Iterator[Json]:
        """See Item."""
        yield {"type": "response.custom_tool_call_input.done", "input": "".join(self._texts)}


class ClientCallItem:
    """A call of a tool that has an item of its own. It is told when it is whole: half a command must not be run."""

    def __init__(self, tool: ClientTool) -> None:
        self.id = new_id(tool.id_prefix)
        self.name = tool.name
        self._call_id = new_id(CALL_ID_PREFIX)
        self._tool = tool
        self._texts: list[str] = []
        self._said: Json = {}

    @property
    def arguments(self) -> str:
        """As the model wrote them, as far as it has."""
        return "".join(self._texts)

    def add(self, text: str) -> None:
        """More of its arguments."""
        self._texts.append(text)

    def read(self) -> bool:
        """Whether they are whole; then the call can be told."""
        said = self._tool.said(self.arguments)
        self._said = said or {}
        return said is not None

    def item(self, status: str) -> Json:
        """See Item."""
        said = self._said
        if status == "in_progress" and "commands" in said:
            # They come one by one after that.
            said = {**said, "commands": []}
        made: Json = {
            "id": self.id,
            "type": self._tool.item_type,
            "call_id": self._call_id,
            self._tool.field: said,
            "status": status,
        }
        return {**made, "environment": {"type": "local"}} if self.name == "shell" else made

    def begin(self) -> Iterator[Json]:
        """See Item."""
        yield from ()

    def end(self) -> Iterator[Json]:
        """See Item."""
        commands = self._said.get("commands", ())
        assert isinstance(commands, list | tuple)
        for index, command in enumerate(commands):
            kind = "response.shell_call_command"
            yield {"type": f"{kind}.added", "command_index": index, "command": ""}
            yield {"type": f"{kind}.delta", "command_index": index, "delta": command}
            yield {"type": f"{kind}.done", "command_index": index, "command": command}


CallItem = FunctionCallItem | CustomCallItem | ClientCallItem


def call_item(recipient: str, tools: ToolSet) -> CallItem:
    """The item of a call that begins."""
    tool = tools.tool_by_recipient.get(recipient)
    if tool is None:
        return FunctionCallItem(recipient.removeprefix("functions."))
    name = tool.description.name
    if tool.kind in CLIENT_TOOLS:
        return ClientCallItem(CLIENT_TOOLS[tool.kind])
    if tool.kind == "custom":
        return CustomCallItem(name, _namespace(tool), is_wrapped=tool.is_wrapped)
    return FunctionCallItem(name, _namespace(tool))


def _namespace(tool: DeclaredTool) -> str | None:
    return None if tool.namespace == FUNCTIONS else tool.namespace


def _in_namespace(namespace: str | None) -> Json:
    return {} if namespace is None else {"namespace": namespace}
