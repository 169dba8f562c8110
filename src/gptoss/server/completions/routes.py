"""`/v1/completions`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

from fastapi import FastAPI, Request
from fastapi.responses import Response

from gptoss.server.caller import owner_of, unless_gone
from gptoss.server.completions.answer import Answer
from gptoss.server.completions.prompts import answers_to, prompts_of
from gptoss.server.completions.reply import CompletionChoice, CompletionUsage, Replies, TextChunks
from gptoss.server.completions.request import CompletionRequest
from gptoss.server.fan_in import fan_in
from gptoss.server.pool import IsGone
from gptoss.server.replies import sent
from gptoss.server.service import Service
from gptoss.server.shared.ids import fingerprint
from gptoss.server.sse import DONE, event, streamed
from gptoss.server.wire_errors import api_error


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
    replies = Replies(name, fingerprint(model))
    service.remember(answers)
    if body.stream:
        source = _stream(service, body, replies, answers)
        return streamed(source, service.settings.ping_s, lambda: service.forget(answers))
    try:
        choices = await unless_gone(request.receive, _choices(answers))
    finally:
        service.forget(answers)
    return sent(replies.whole(choices, _usage(answers, body.num)))


async def _choices(answers: Sequence[Answer]) -> list[CompletionChoice]:
    return await asyncio.gather(*(one.whole(index) for index, one in enumerate(answers)))


def _cancel(answers: Sequence[Answer]) -> None:
    for one in answers:
        one.cancel()


def _usage(answers: Sequence[Answer], num: int) -> CompletionUsage:
    prompt = sum(len(one.prompt) for one in answers[::num])
    completion = sum(len(one.tokens) for one in answers)
    return CompletionUsage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )


async def _stream(
    service: Service, body: CompletionRequest, replies: Replies, answers: Sequence[Answer]
) -> AsyncGenerator[bytes, None]:
    async def told(index: int, one: Answer) -> AsyncGenerator[bytes, None]:
        chunks = TextChunks(replies, index)
        async with contextlib.aclosing(one.pieces()) as pieces:
            async for text, tokens in pieces:
                yield chunks.piece(text, one.logprobs(tokens))
        yield chunks.last(one.finish_reason)

    try:
        merged = fan_in([told(index, one) for index, one in enumerate(answers)])
        async with contextlib.aclosing(merged):
            async for each in merged:
                yield each
    except Exception as error:
        yield event(api_error(error).body())
    finally:
        service.forget(answers)
    if body.stream_options is not None and body.stream_options.include_usage:
        yield replies.usage_chunk(_usage(answers, body.num))
    yield DONE
