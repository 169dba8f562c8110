"""`/v1/tools`: what the server runs for the model, as requests ask for it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import FastAPI
from fastapi.responses import Response
from pydantic import Field

from gptoss.harmony import PYTHON
from gptoss.harmony.frozen_json import thaw
from gptoss.server.replies import Reply, sent
from gptoss.server.service import Service
from gptoss.tools import Approval, Tool

_Approval = Literal["allow", "ask", "deny"]


class OfferedPython(Reply):
    """Python in a sandbox."""

    type: Literal["code_interpreter"]
    approval: _Approval
    """What a call needs at least."""
    sandbox: str
    """The rung of its sandboxes: `bubblewrap` or `landlock`."""


class OfferedFunction(Reply):
    """A function of the operator's."""

    name: str
    description: str
    input_schema: dict[str, Any]
    """JSON Schema of its arguments."""
    read_only: bool
    """Whether a call changes nothing."""
    approval: _Approval
    """What a call needs at least."""


class OfferedFunctions(Reply):
    """The functions of the operator's file."""

    type: Literal["mcp"]
    server_label: Literal["gptoss"]
    tools: Annotated[list[OfferedFunction], Field(min_length=1)]


class OfferedTools(Reply):
    """All that the server runs for the model. Empty where it was started without tools."""

    object: Literal["list"]
    data: list[OfferedPython | OfferedFunctions]


def add_tools(app: FastAPI, service: Service) -> None:
    """The route of tools."""

    @app.get("/v1/tools", tags=["models"], response_model=None)
    async def list_tools() -> Response:
        """What the server runs for the model."""
        return sent(_offered(service))


def _offered(service: Service) -> OfferedTools:
    chosen, rung = service.settings.tools, service.containers.rung
    data: list[OfferedPython | OfferedFunctions] = []
    if rung is not None:
        needed = chosen.floor.get(PYTHON.name, Approval.ALLOW)
        data.append(OfferedPython(type="code_interpreter", approval=needed.value, sandbox=rung))
    if chosen.functions:
        functions = [_function(tool, service) for tool in chosen.functions]
        data.append(OfferedFunctions(type="mcp", server_label="gptoss", tools=functions))
    return OfferedTools(object="list", data=data)


def _function(tool: Tool, service: Service) -> OfferedFunction:
    floor = service.settings.tools.floor.get(tool.recipient, Approval.ALLOW)
    described = tool.description
    schema: Any = thaw(described.parameters or {"type": "object", "properties": {}})
    return OfferedFunction(
        name=described.name,
        description=described.description,
        input_schema=schema,
        read_only=tool.is_read_only,
        approval=tool.approval.or_stricter(floor).value,
    )
