"""`/v1/messages` and `/v1/messages/count_tokens`, as Anthropic's clients ask for them."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import Response

from gptoss.server.caller import on_thread, owner_of, unless_gone
from gptoss.server.messages.message import MessageTokens
from gptoss.server.messages.reply import Blocks, ending_of, message
from gptoss.server.messages.request import CountRequest, MessagesRequest
from gptoss.server.messages.writer import MessageWriter
from gptoss.server.operation.tokens import prompt_ids
from gptoss.server.pool import IsGone
from gptoss.server.replies import sent
from gptoss.server.service import Service
from gptoss.server.sse import streamed_events
from gptoss.server.wire_errors import request_id_of


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
    told, request_id = body.thinking_told, request_id_of(request.scope)
    if body.stream:
        writer = MessageWriter(turns[0], name, context, request_id, told=told, ignored=body.ignored)
        return streamed_events(service, turns, [service.events(turns[0])], writer)
    blocks = Blocks(told=told)
    (reply,) = await unless_gone(request.receive, service.replies(turns, [blocks.take]))
    ending = ending_of(turns[0], reply, context)
    return sent(message(name, blocks, reply, ending, body.ignored))
