"""`/v1/chat/completions`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from gptoss.chat import Reply, TurnEvent, TurnFinished
from gptoss.chat.tools import ToolSet
from gptoss.chat.turn import Turn
from gptoss.harmony import ToolCallDelta, ToolCallStarted
from gptoss.server.caller import owner_of, unless_gone
from gptoss.server.chat_completions.calls import CallDeltas, call_of
from gptoss.server.chat_completions.reply import Chunks, choice_of, delta_of, logprobs_of, usage_of
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.replies import Json
from gptoss.server.service import Service
from gptoss.server.shared.extension import extension_of
from gptoss.server.shared.ids import fingerprint, new_id
from gptoss.server.sse import DONE, event, streamed
from gptoss.server.wire_errors import api_error

_PROGRESS_S = 0.5


async def create_chat_completion(service: Service, body: ChatRequest, request: Request) -> Response:
    """Answer a conversation, at once or as a stream."""
    name = service.require_model(body.model)
    begun = service.begin(owner_of(request), lambda _: body.asked(service.settings))
    started = await unless_gone(request.receive, begun)
    tools, turns = started.request.tools, started.turns
    if body.stream:
        source = _stream(service, body, name, turns, tools)
        return streamed(source, service.settings.ping_s, lambda: service.forget(turns))
    replies = await unless_gone(request.receive, service.replies(turns))
    tokenizer = service.model.tokenizer
    choices = [
        choice_of(
            index,
            reply,
            [call_of(call, tools) for call in reply.tool_calls],
            logprobs_of(turn.answer_tokens, tokenizer) if body.logprobs else None,
        )
        for index, (turn, reply) in enumerate(zip(turns, replies, strict=True))
    ]
    extensions = [extension_of(reply, body.ignored).model_dump() for reply in replies]
    made: Json = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
        "system_fingerprint": fingerprint(service.model),
        "choices": choices,
        "usage": usage_of(replies),
        "gptoss": extensions[0] if len(replies) == 1 else extensions,
    }
    return JSONResponse(made)


async def _stream(
    service: Service, body: ChatRequest, name: str, turns: list[Turn], tools: ToolSet
) -> AsyncGenerator[bytes, None]:
    model = service.model
    has_usage = body.stream_options is not None and body.stream_options.include_usage is True
    chunks = Chunks(name, fingerprint(model), has_usage, body.ignored)
    found: asyncio.Queue[Json | Exception | None] = asyncio.Queue()
    replies: list[Reply] = []

    async def read(index: int, turn: Turn) -> None:
        try:
            found.put_nowait(chunks.delta(index, {"role": "assistant", "content": ""}))
            num_told = 0
            calls = CallDeltas(tools)
            async for each in service.events(turn):
                if isinstance(each, TurnFinished):
                    replies.append(each.reply)
                    found.put_nowait(chunks.last(index, each.reply))
                elif (delta := _delta(each, calls)) is not None:
                    logprobs = None
                    if body.logprobs and "content" in delta:
                        logprobs = logprobs_of(turn.answer_tokens[num_told:], model.tokenizer)
                        num_told = len(turn.answer_tokens)
                    found.put_nowait(chunks.delta(index, delta, logprobs))
        except Exception as error:
            found.put_nowait(error)
        finally:
            found.put_nowait(None)

    tasks = [asyncio.create_task(read(index, turn)) for index, turn in enumerate(turns)]
    if body.return_progress:
        tasks.append(asyncio.create_task(_tell_progress(chunks, turns[0], found)))
    try:
        left = len(turns)
        while left:
            made = await found.get()
            if made is None:
                left -= 1
            elif isinstance(made, Exception):
                yield event(api_error(made).body())
                break
            else:
                yield event(made)
        if has_usage and replies:
            yield event({**chunks.chunk([]), "usage": usage_of(replies)})
        yield DONE
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        service.forget(turns)


def _delta(each: TurnEvent, calls: CallDeltas) -> Json | None:
    match each:
        case ToolCallStarted(index, recipient):
            return calls.started(index, recipient)
        case ToolCallDelta(index, text):
            return calls.more(index, text)
    return delta_of(each)


async def _tell_progress(
    chunks: Chunks, turn: Turn, found: asyncio.Queue[Json | Exception | None]
) -> None:
    """How much of the prompt is read, until all of it is."""
    began = time.monotonic()
    while not (now := turn.progress).is_over:
        progress = {
            "total": now.total,
            "cache": now.cached,
            "processed": now.read,
            "time_ms": round(1000 * (time.monotonic() - began)),
        }
        found.put_nowait(chunks.chunk([], prompt_progress=progress))
        if now.read >= now.total:
            return
        await asyncio.sleep(_PROGRESS_S)
