"""Clients of a server over HTTP, who run calls themselves or have them run, by OpenAI's own package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import openai

from gptoss.chat.tools import ToolForm
from gptoss.harmony.frozen_json import thaw
from gptoss.server.app import create_app
from gptoss.server.settings import ServerSettings
from gptoss.tools import Ending, Invocation, Tool, ToolResult, ToolRun
from gptoss.tools.chosen import ChosenTools
from tests.server.conftest import KeptService, LiveServer
from tests.suites.played_model import PlayedModel
from tests.suites.trajectory import Ran

Json = dict[str, Any]

# The operator's functions.
_OWN: Json = {"type": "mcp", "server_label": "gptoss"}


def _tools_of(forms: Sequence[ToolForm]) -> dict[str, Tool]:
    found = {each.description.name: each for each in forms if isinstance(each, Tool)}
    assert len(found) == len(forms)
    return found


def _schema(tool: Tool) -> Json:
    about = tool.description
    schema: Any = thaw(about.parameters)
    return {"name": about.name, "description": about.description, "parameters": schema}


def _run(tool: Tool, arguments: str) -> ToolResult:
    run = ToolRun(tool, arguments, tool.max_s, None)
    list(run.events())
    return run.result


class CompletionsClient:
    """Chat completions, whose functions the client runs."""

    def __init__(self, sdk: openai.OpenAI) -> None:
        self._sdk = sdk
        self._tools: dict[str, Tool] = {}
        self._messages: list[Any] = []

    def offer(self, tools: Sequence[ToolForm]) -> None:
        self._tools = _tools_of(tools)

    def say(self, text: str) -> tuple[list[Ran], str]:
        declared: Any = [
            {"type": "function", "function": _schema(each)} for each in self._tools.values()
        ]
        self._messages.append({"role": "user", "content": text})
        runs: list[Ran] = []
        while True:
            made = self._sdk.chat.completions.create(
                model="", messages=self._messages, tools=declared, temperature=0
            )
            message = made.choices[0].message
            self._messages.append(message.to_dict())
            if not message.tool_calls:
                return runs, message.content or ""
            for call in message.tool_calls:
                assert call.type == "function"
                name, arguments = call.function.name, call.function.arguments
                result = _run(self._tools[name], arguments)
                runs.append(Ran(name, arguments, result.text, result.ending))
                self._messages.append(
                    {"role": "tool", "tool_call_id": call.id, "content": result.text}
                )


class ResponsesClient:
    """Responses that are kept, whose functions the client runs."""

    def __init__(self, sdk: openai.OpenAI) -> None:
        self._sdk = sdk
        self._tools: dict[str, Tool] = {}
        self._last: str | None = None

    def offer(self, tools: Sequence[ToolForm]) -> None:
        self._tools = _tools_of(tools)

    def say(self, text: str) -> tuple[list[Ran], str]:
        declared: Any = [{"type": "function", **_schema(each)} for each in self._tools.values()]
        given: Any = text
        runs: list[Ran] = []
        while True:
            made = self._sdk.responses.create(
                model="",
                input=given,
                tools=declared,
                temperature=0,
                previous_response_id=self._last,
            )
            self._last = made.id
            calls = [item for item in made.output if item.type == "function_call"]
            if not calls:
                return runs, made.output_text
            given = []
            for call in calls:
                result = _run(self._tools[call.name], call.arguments)
                runs.append(Ran(call.name, call.arguments, result.text, result.ending))
                given.append(
                    {
                        "type": "function_call_output",
                        "call_id": call.call_id,
                        "output": result.text,
                    }
                )


class HostedClient:
    """Responses whose functions are the operator's, and are run by the server.

    decide  whether a call may run that is asked for
    """

    def __init__(self, sdk: openai.OpenAI, decide: Callable[[str], bool]) -> None:
        self._sdk = sdk
        self._decide = decide
        self._allowed: list[str] = []
        self._last: str | None = None

    def offer(self, tools: Sequence[ToolForm]) -> None:
        self._allowed = list(_tools_of(tools))

    def say(self, text: str) -> tuple[list[Ran], str]:
        given: Any = text
        runs: list[Ran] = []
        while True:
            tools: Any = [{**_OWN, "allowed_tools": self._allowed}]
            made = self._sdk.responses.create(
                model="", input=given, tools=tools, temperature=0, previous_response_id=self._last
            )
            self._last = made.id
            runs += [_ran(item) for item in made.output if item.type == "mcp_call"]
            given = [
                {
                    "type": "mcp_approval_response",
                    "approval_request_id": item.id,
                    "approve": self._decide(item.name),
                }
                for item in made.output
                if item.type == "mcp_approval_request"
            ]
            if not given:
                return runs, made.output_text


def _ran(item: Any) -> Ran:
    if item.status == "completed":
        return Ran(item.name, item.arguments, item.output, Ending.FINISHED)
    told = item.error.content
    ending = Ending.DENIED if "the call was not allowed" in told else Ending.ERROR
    return Ran(item.name, item.arguments, told, ending)


class Servers:
    """Servers of one model: a plain one, and one for each set of functions of an operator's."""

    def __init__(self, model: PlayedModel, stack: ExitStack) -> None:
        self._model = model
        self._stack = stack
        self._hosting: dict[str, tuple[openai.OpenAI, dict[str, Tool]]] = {}
        self.plain = self._open()

    def hosting(self, tools: Sequence[Tool]) -> openai.OpenAI:
        """A server whose operator's functions do what these do, from now on."""
        by_name = _tools_of(tools)
        key = repr([replace(each, run=None) for _, each in sorted(by_name.items())])
        if key not in self._hosting:
            current: dict[str, Tool] = {}
            functions = tuple(_passing_on(each, current) for each in tools)
            self._hosting[key] = (self._open(functions), current)
        sdk, current = self._hosting[key]
        current.update(by_name)
        return sdk

    def _open(self, functions: tuple[Tool, ...] = ()) -> openai.OpenAI:
        settings = ServerSettings(has_page=False, tools=ChosenTools(functions=functions))
        service = KeptService(settings, lambda: self._model)
        server = LiveServer(create_app(service), service)
        self._stack.callback(server.close)
        sdk = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        return self._stack.enter_context(sdk)


@contextmanager
def serving(model: PlayedModel) -> Iterator[Servers]:
    """Servers of a model, which end with the block."""
    with ExitStack() as stack:
        yield Servers(model, stack)


def _passing_on(tool: Tool, current: dict[str, Tool]) -> Tool:
    def run(invocation: Invocation) -> object:
        meant = current[tool.description.name]
        assert meant.run is not None
        return meant.run(invocation)

    return replace(tool, run=run)
