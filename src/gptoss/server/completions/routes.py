"""`/v1/completions`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.responses import Response

from gptoss.server.caller import owner_of, unless_gone
from gptoss.server.completions.answer import Answer, usage_of
from gptoss.server.completions.prompts import answers_to, prompts_of
from gptoss.server.completions.reply import CompletionChoice, Replies
from gptoss.server.completions.request import CompletionRequest
from gptoss.server.completions.writer import CompletionWriter
from gptoss.server.pool import IsGone
from gptoss.server.replies import sent
from gptoss.server.service import Service
from gptoss.server.shared.ids import fingerprint
from gptoss.server.sse import streamed_events


def add_completions(app: FastAPI, service: Service) -> None:
    """The route of OpenAI's Completions API."""

    @app.post("/v1/completions", tags=["openai"], response_model=None)
    async def completions(body: CompletionRequest, request: Request) -> Response:
        """Continue text or token ids, without the chat format."""
        return await create_completion(service, body, request)


async def create_completion(
    service: Service, body: CompletionRequest, request: Request
) -> Response:
    """Continue one prompt or several, at once or as a stream."""
    name, model = service.require_model(body.model), service.model
    body.check(service.settings)
    owner = owner_of(request)

    def begin(is_gone: IsGone) -> list[Answer]:
        return answers_to(prompts_of(body.prompt, model, is_gone), body, model, owner)

    answers = await unless_gone(request.receive, service.pools.prompts.run(owner, begin, _cancel))
    replies = Replies(name, fingerprint(model), body.ignored)
    service.remember(answers)
    if body.stream:
        options = body.stream_options
        has_usage = options is not None and options.include_usage
        writer = CompletionWriter(replies, answers, body.num if has_usage else None)
        return streamed_events(service, answers, [one.pieces() for one in answers], writer)
    try:
        choices = await unless_gone(request.receive, _choices(answers))
    finally:
        service.forget(answers)
    return sent(replies.whole(choices, usage_of(answers, body.num)))


async def _choices(answers: Sequence[Answer]) -> list[CompletionChoice]:
    return await asyncio.gather(*(one.whole(index) for index, one in enumerate(answers)))


def _cancel(answers: Sequence[Answer]) -> None:
    for one in answers:
        one.cancel()
