"""`/invocations`: the one route that SageMaker knows; what a body looks like says which API it is of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from gptoss.errors import GptossError
from gptoss.server.body_route import body_of
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.chat_completions.routes import create_chat_completion
from gptoss.server.completions.request import CompletionRequest
from gptoss.server.completions.routes import create_completion
from gptoss.server.messages.request import MessagesRequest
from gptoss.server.messages.routes import create_message
from gptoss.server.responses.request import ResponseRequest
from gptoss.server.service import Service
from gptoss.server.wire_errors import ApiError, api_error, invalid

_Model = TypeVar("_Model", bound=BaseModel)
_SHAPES = "messages, prompt or input"


def add_invocations(app: FastAPI, service: Service) -> None:
    """SageMaker's route."""

    @app.post("/invocations", tags=["sagemaker"], response_model=None)
    async def invocations(body: dict[str, Any], request: Request) -> Response:
        """Answer `messages` (Anthropic's, where `anthropic_version` stands beside them), `prompt` or `input`."""
        if "messages" in body and "anthropic_version" in body:
            try:
                return await create_message(
                    service, await _checked(MessagesRequest, body, request), request
                )
            except (ApiError, GptossError) as error:
                return api_error(error).response(request.scope, is_anthropic=True)
        if "messages" in body:
            return await create_chat_completion(
                service, await _checked(ChatRequest, body, request), request
            )
        if "prompt" in body:
            return await create_completion(
                service, await _checked(CompletionRequest, body, request), request
            )
        if "input" in body:
            response: Response = await _endpoint(app, "/v1/responses")(
                await _checked(ResponseRequest, body, request), request
            )
            return response
        raise ApiError(400, f"got a body without any of {_SHAPES}")


def _endpoint(app: FastAPI, path: str) -> Callable[..., Any]:
    """What answers a POST there."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path == path and "POST" in (route.methods or ()):
            return route.endpoint
    raise ApiError(400, f"got a body for {path}, which this server does not have")


async def _checked(kind: type[_Model], body: dict[str, Any], request: Request) -> _Model:
    def check(value: Any) -> _Model:
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            raise invalid(error.errors(), value) from None

    return await body_of(request).check(check, body)
