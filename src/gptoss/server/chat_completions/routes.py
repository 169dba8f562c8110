"""`/v1/chat/completions`."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.responses import Response

from gptoss import chat
from gptoss.chat.request import TurnRequest
from gptoss.runtime import LoadedModel
from gptoss.server.caller import owner_of, unless_gone
from gptoss.server.chat_completions.answer import ChatAnswer
from gptoss.server.chat_completions.chunks import Chunks
from gptoss.server.chat_completions.hosted import hosted_of
from gptoss.server.chat_completions.reply import (
    ChatChoice,
    ChatCompletion,
    finish_name_of,
    usage_of,
)
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.chat_completions.writer import ChatWriter
from gptoss.server.fan_in import turn_events
from gptoss.server.hosted.tools import Hosted
from gptoss.server.pool import IsGone
from gptoss.server.replies import sent
from gptoss.server.service import Service
from gptoss.server.shared.extension import extension_of
from gptoss.server.shared.ids import fingerprint, new_id
from gptoss.server.sse import streamed_events

_PROGRESS_S = 0.5


def add_chat_completions(app: FastAPI, service: Service) -> None:
    """The route of OpenAI's Chat Completions API."""

    @app.post("/v1/chat/completions", tags=["openai"], response_model=None)
    async def chat_completions(body: ChatRequest, request: Request) -> Response:
        """Answer a conversation."""
        return await create_chat_completion(service, body, request)


async def create_chat_completion(service: Service, body: ChatRequest, request: Request) -> Response:
    """Answer a conversation, at once or as a stream."""
    # A server that is about to end has no model for new requests.
    name, model = service.require_model(body.model), service.model
    owner = owner_of(request)
    read: list[Hosted] = []

    def ask(_: IsGone) -> TurnRequest:
        read.append(hosted_of(service, body, owner, are_run=True))
        return body.asked(service.settings, read[-1])

    started = await unless_gone(request.receive, service.begin(owner, ask))
    turns, hosted = started.turns, read[-1]
    tokenizer = model.tokenizer if body.logprobs else None
    container_id = hosted.container_id
    answers = [
        ChatAnswer(started.request.tools, tokenizer, container_id, has_images=body.has_images)
        for _ in turns
    ]
    if body.stream:
        options = body.stream_options
        has_usage = options is not None and options.include_usage is True
        chunks = Chunks(name, fingerprint(model), has_usage, body.ignored)
        writer = ChatWriter(answers, chunks)
        # The answers have one prompt, so one of them is asked.
        every_s = _PROGRESS_S if body.return_progress else None
        events = [
            turn_events(service, turn, None if index else every_s)
            for index, turn in enumerate(turns)
        ]
        return streamed_events(service, turns, events, writer, hosted.release)
    reading = service.replies(turns, [answer.read for answer in answers])
    try:
        replies = await unless_gone(request.receive, reading)
    finally:
        hosted.release()
    return sent(_whole(body, name, model, answers, replies))


def _whole(
    body: ChatRequest,
    name: str,
    model: LoadedModel,
    answers: Sequence[ChatAnswer],
    replies: Sequence[chat.Reply],
) -> ChatCompletion:
    choices = [
        ChatChoice(
            index=index,
            message=answer.message(),
            logprobs=answer.logprobs(),
            finish_reason=finish_name_of(reply),
        )
        for index, (answer, reply) in enumerate(zip(answers, replies, strict=True))
    ]
    extensions = [extension_of(reply, body.ignored) for reply in replies]
    return ChatCompletion(
        id=new_id("chatcmpl-"),
        object="chat.completion",
        created=int(time.time()),
        model=name,
        system_fingerprint=fingerprint(model),
        choices=choices,
        usage=usage_of(replies),
        gptoss=extensions[0] if len(extensions) == 1 else extensions,
    )
