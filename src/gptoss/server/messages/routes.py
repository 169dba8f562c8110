"""`/v1/messages` and `/v1/messages/count_tokens`, as Anthropic's clients ask for them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from gptoss.chat import TurnFinished
from gptoss.chat.turn import Turn
from gptoss.server.caller import on_thread, owner_of, unless_gone
from gptoss.server.messages.reply import Blocks, Ending, content_of, message
from gptoss.server.messages.request import CountRequest, MessagesRequest
from gptoss.server.operation.tokens import prompt_ids
from gptoss.server.pool import IsGone
from gptoss.server.replies import Json
from gptoss.server.service import Service
from gptoss.server.sse import event, streamed
from gptoss.server.wire_errors import api_error, request_id_of


def add_messages(app: FastAPI, service: Service) -> None:
    """The routes of Anthropic's Messages API."""

    @app.post("/v1/messages", tags=["anthropic"], response_model=None)
    async def messages(body: MessagesRequest, request: Request) -> Response:
        """Answer a conversation."""
        return await create_message(service, body, request)

    @app.post("/v1/messages/count_tokens", tags=["anthropic"])
    async def count_tokens(body: CountRequest, request: Request) -> dict[str, int]:
        """How long a prompt is."""
        service.require_model(body.model)

        def count(is_gone: IsGone) -> int:
            return len(prompt_ids(service.model, body.asked(service.settings), is_gone))

        return {"input_tokens": await on_thread(request, service.pools.counters, count)}


async def create_message(service: Service, body: MessagesRequest, request: Request) -> Response:
    """Answer a conversation, at once or as a stream."""
    name = service.require_model(body.model)
    begun = service.begin(owner_of(request), lambda _: body.asked(service.settings))
    turns = (await unless_gone(request.receive, begun)).turns
    if body.stream:
        source = _stream(service, body, name, turns[0], request_id_of(request.scope))
        return streamed(source, service.settings.ping_s, lambda: service.forget(turns))
    (reply,) = await unless_gone(request.receive, service.replies(turns))
    ending = Ending.of(turns[0], reply, service.model.context)
    content = content_of(reply, shows_thinking=body.shows_thinking)
    return JSONResponse(message(name, content, ending.usage, ending))


async def _stream(
    service: Service, body: MessagesRequest, name: str, turn: Turn, request_id: str | None
) -> AsyncGenerator[bytes, None]:
    blocks = Blocks(shows_thinking=body.shows_thinking)
    context = service.model.context
    try:
        # What of the prompt is cached shows later; the last usage counts.
        usage: Json = {"input_tokens": turn.progress.total, "output_tokens": 0}
        start = message(name, [], usage, None)
        yield event({"type": "message_start", "message": start}, "message_start")
        yield event({"type": "ping"}, "ping")
        async with contextlib.aclosing(service.events(turn)) as events:
            async for each in events:
                for data in blocks.read(each):
                    yield data
                if isinstance(each, TurnFinished):
                    for data in blocks.close():
                        yield data
                    yield _last(Ending.of(turn, each.reply, context))
        yield event({"type": "message_stop"}, "message_stop")
    except Exception as error:
        yield event(api_error(error).anthropic_body(request_id), "error")
    finally:
        service.forget([turn])


def _last(ending: Ending) -> bytes:
    delta = {"stop_reason": ending.stop_reason, "stop_sequence": ending.stop_sequence}
    return event({"type": "message_delta", "delta": delta, "usage": ending.usage}, "message_delta")
