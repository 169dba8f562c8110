"""`/v1/messages` and `/v1/messages/count_tokens`, as Anthropic's clients ask for them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from fastapi import FastAPI, Request
from fastapi.responses import Response

from gptoss.chat import TurnFinished
from gptoss.chat.turn import Turn
from gptoss.server.caller import on_thread, owner_of, unless_gone
from gptoss.server.messages.message import (
    MessageDelta,
    MessageEvent,
    MessageStart,
    MessageStop,
    MessageTokens,
    Ping,
)
from gptoss.server.messages.reply import Blocks, ending_of, message, started, usage_of
from gptoss.server.messages.request import CountRequest, MessagesRequest
from gptoss.server.operation.tokens import prompt_ids
from gptoss.server.pool import IsGone
from gptoss.server.replies import sent
from gptoss.server.service import Service
from gptoss.server.sse import event, streamed
from gptoss.server.wire_errors import api_error, request_id_of


def add_messages(app: FastAPI, service: Service) -> None:
    """The routes of Anthropic's Messages API."""

    @app.post("/v1/messages", tags=["anthropic"], response_model=None)
    async def messages(body: MessagesRequest, request: Request) -> Response:
        """Answer a conversation."""
        return await create_message(service, body, request)

    @app.post("/v1/messages/count_tokens", tags=["anthropic"], response_model=None)
    async def count_tokens(body: CountRequest, request: Request) -> Response:
        """How long a prompt is."""
        service.require_model(body.model)

        def count(is_gone: IsGone) -> int:
            return len(prompt_ids(service.model, body.asked(service.settings), is_gone))

        counted = await on_thread(request, service.pools.counters, count)
        return sent(MessageTokens(input_tokens=counted))


async def create_message(service: Service, body: MessagesRequest, request: Request) -> Response:
    """Answer a conversation, at once or as a stream."""
    # Asked for once: what has begun is answered, also while the server ends.
    name, context = service.require_model(body.model), service.model.context
    begun = service.begin(owner_of(request), lambda _: body.asked(service.settings))
    turns = (await unless_gone(request.receive, begun)).turns
    if body.stream:
        source = _stream(service, body, name, turns[0], context, request_id_of(request.scope))
        return streamed(source, service.settings.ping_s, lambda: service.forget(turns))
    (reply,) = await unless_gone(request.receive, service.replies(turns))
    ending = ending_of(turns[0], reply, context)
    return sent(message(name, reply, ending, shows_thinking=body.shows_thinking))


async def _stream(
    service: Service,
    body: MessagesRequest,
    name: str,
    turn: Turn,
    context: int,
    request_id: str,
) -> AsyncGenerator[bytes, None]:
    blocks = Blocks(shows_thinking=body.shows_thinking)
    try:
        start = started(name, turn.progress.total)
        yield _event(MessageStart(type="message_start", message=start))
        yield _event(Ping(type="ping"))
        async with contextlib.aclosing(service.events(turn)) as events:
            async for each in events:
                for told in blocks.read(each):
                    yield _event(told)
                if isinstance(each, TurnFinished):
                    for told in blocks.close():
                        yield _event(told)
                    ending = ending_of(turn, each.reply, context)
                    usage = usage_of(each.reply)
                    yield _event(MessageDelta(type="message_delta", delta=ending, usage=usage))
        yield _event(MessageStop(type="message_stop"))
    except Exception as error:
        yield _event(api_error(error).anthropic_body(request_id))
    finally:
        service.forget([turn])


def _event(told: MessageEvent) -> bytes:
    return event(told, told.type)
