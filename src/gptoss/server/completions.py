"""`/v1/completions`: raw continuation of text or token ids, no chat format."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Literal

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BeforeValidator, ConfigDict, Field

from gptoss.engine import FinishReason, Generation, Owner, Token
from gptoss.kernels import Float32
from gptoss.runtime import LoadedModel
from gptoss.server.caller import owner_of, unless_gone
from gptoss.server.pool import IsGone
from gptoss.server.replies import Json
from gptoss.server.request_schemas.completions import MAX_PROMPTS, Prompts
from gptoss.server.service import Service
from gptoss.server.shared.ids import fingerprint, new_id
from gptoss.server.shown import Shown
from gptoss.server.sse import DONE, event, streamed
from gptoss.server.wire import Count, SamplingFields, Stop, StreamOptions, limits
from gptoss.server.wire_errors import ApiError, api_error
from gptoss.tokenizer.limited import LimitedTokenizer
from gptoss.tokenizer.stop_strings import StopStrings

# What OpenAI's API writes when nothing is said.
DEFAULT_TOKENS = 16
TokenIds = list[Annotated[int, Field(ge=0)]]


def _counted(prompt: object) -> object:
    """The same; counted before each is looked at."""
    are_several = isinstance(prompt, list) and prompt and not isinstance(prompt[0], int)
    if are_several and isinstance(prompt, list) and len(prompt) > MAX_PROMPTS:
        raise ValueError(f"got {len(prompt)} prompts, wanted at most {MAX_PROMPTS}")
    return prompt


class CompletionRequest(SamplingFields):
    """The body of `/v1/completions`."""

    model_config = ConfigDict(json_schema_extra={"required": ["prompt"]})

    model: str | None = None
    prompt: Annotated[
        str | Annotated[list[str], Field(min_length=1)] | TokenIds | list[TokenIds],
        BeforeValidator(_counted),
        Shown(Prompts),
    ] = ""
    """Text, token ids, or several of either. Special tokens have no place in it."""
    max_tokens: Count | None = None
    """Of each text; 16 unless said otherwise."""
    n: Annotated[int, Field(ge=1)] | None = None
    """Texts to each prompt."""
    best_of: Annotated[int, Field(ge=1)] | None = None
    """The same as `n`: all are given."""
    echo: bool | None = None
    """Whether the prompt stands before each text."""
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    """Whether tokens are told with their probabilities, and how many of the likeliest in their place."""
    stop: Stop = None
    """Texts at which it ends, at most 16; they are not part of it."""
    stream: bool | None = None
    """Whether it comes in pieces, as events."""
    stream_options: StreamOptions | None = None
    suffix: Annotated[str, Shown(Literal[""])] | None = None
    """The model was not trained for any."""


async def create_completion(
    service: Service, body: CompletionRequest, request: Request
) -> Response:
    """Continue one prompt or several."""
    name = service.require_model(body.model)
    if body.suffix:
        raise ApiError(400, "got suffix, which the model was not trained for", param="suffix")
    num = body.n or 1
    if body.best_of not in (None, num):
        raise ApiError(
            400, "got best_of, wanted the same as n: all answers are given", param="best_of"
        )
    if num > service.settings.max_answers:
        raise ApiError(
            400, f"got n {num}, wanted at most {service.settings.max_answers}", param="n"
        )
    owner = owner_of(request)

    def begin(is_gone: IsGone) -> list[_Running]:
        prompts = _prompts(body.prompt, service.model, is_gone)
        return [
            _Running(service, body, prompt, generation)
            for prompt, generation in _start(service, body, prompts, num, owner)
        ]

    running = await unless_gone(request.receive, service.pools.prompts.run(owner, begin, _cancel))
    prompts = [one.prompt for one in running[::num]]
    made: Json = {
        "id": new_id("cmpl-"),
        "object": "text_completion",
        "created": int(time.time()),
        "model": name,
        "system_fingerprint": fingerprint(service.model),
    }
    service.remember(running)
    if body.stream:
        source = _stream(service, body, made, prompts, running)
        return streamed(source, service.settings.ping_s, lambda: service.forget(running))
    try:
        choices = await unless_gone(
            request.receive, _all([one.whole(index) for index, one in enumerate(running)])
        )
    finally:
        service.forget(running)
    return JSONResponse({**made, "choices": choices, "usage": _usage(prompts, running)})


def _cancel(running: list[_Running]) -> None:
    for one in running:
        one.cancel()


def _start(
    service: Service, body: CompletionRequest, prompts: list[list[int]], num: int, owner: str
) -> list[tuple[list[int], Generation]]:
    model = service.model
    # Refuses an empty stop string, as the chat does.
    limits(None, None, body.stop)
    sampling = body.sampling(body.logprobs)
    # Without the chat format, they are noise.
    forbidden = sorted(set(model.tokenizer.special_ids) - model.stop_ids)

    def forbid_special(_: Sequence[int], logits: Float32) -> Float32:
        logits[forbidden] = -np.inf
        return logits

    requests = []
    for prompt in prompts:
        request = model.request(
            prompt,
            sampling,
            max_tokens=body.max_tokens or DEFAULT_TOKENS,
            processors=(forbid_special,),
            owner=Owner(owner),
        )
        requests += [request.for_answer(index) for index in range(num)]
    generations = model.submit_all(requests)
    return [(prompts[index // num], generation) for index, generation in enumerate(generations)]


def _prompts(
    prompt: str | list[str] | list[int] | list[list[int]], model: LoadedModel, is_gone: IsGone
) -> list[list[int]]:
    """Token ids of each. Special tokens come as ids that name them, never from text."""
    found: list[list[int]] = []
    each_of: Sequence[object] = [prompt]
    if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int):
        each_of = prompt
    if len(each_of) > MAX_PROMPTS:
        raise ApiError(
            400, f"got {len(each_of)} prompts, wanted at most {MAX_PROMPTS}", param="prompt"
        )
    special_ids = model.tokenizer.special_ids
    for each in each_of:
        tokenizer = LimitedTokenizer(model.tokenizer, model.context, is_gone)
        ids = tokenizer.encode(each) if isinstance(each, str) else list(each)  # type: ignore[call-overload]
        special = [token_id for token_id in ids if token_id in special_ids]
        if special:
            raise ApiError(
                400,
                f"got the special token {special[0]} in a prompt, wanted ordinary ones; "
                "conversations have /v1/chat/completions",
                param="prompt",
            )
        if not ids:
            raise ApiError(400, "got an empty prompt, wanted text or token ids", param="prompt")
        found.append(ids)
    return found


class _Running:
    """One answer: its text as far as it is sure, and its tokens."""

    def __init__(
        self, service: Service, body: CompletionRequest, prompt: list[int], generation: Generation
    ) -> None:
        self._tokenizer = service.model.tokenizer
        self._stops_at = service.model.stop_ids
        self._body = body
        self.prompt = prompt
        self._generation = generation
        self._stops = StopStrings(limits(None, None, body.stop).stop)
        # Characters before those of the tokens whose logprobs were not told yet.
        self._offset = len(self._tokenizer.decode(prompt)) if body.echo else 0
        self.tokens: list[Token] = []

    def cancel(self) -> None:
        self._generation.cancel()

    @property
    def finish_reason(self) -> str:
        is_stopped = self._stops.found or self._generation.finish_reason is FinishReason.STOP
        return "stop" if is_stopped else "length"

    async def pieces(self) -> AsyncGenerator[tuple[str, list[Token]], None]:
        """Text, and the tokens that it came with."""
        detokenizer = self._tokenizer.detokenizer()
        if self._body.echo:
            yield self._tokenizer.decode(self.prompt), []
        held: list[Token] = []
        tokens = self._generation.tokens_async()
        try:
            async for token in tokens:
                if token.id in self._stops_at:
                    break
                held.append(token)
                self.tokens.append(token)
                text = self._stops.feed(detokenizer.feed(token.id) or "")
                if text:
                    yield text, held
                    held = []
                if self._stops.found is not None:
                    self._generation.finish(FinishReason.STOP)
                    return
        finally:
            await tokens.aclose()
        rest = self._stops.feed(detokenizer.finish() or "") + self._stops.finish()
        if rest or held:
            yield rest, held

    async def whole(self, index: int) -> Json:
        text = "".join([piece async for piece, _ in self.pieces()])
        return {
            "index": index,
            "text": text,
            "logprobs": self.logprobs(self.tokens),
            "finish_reason": self.finish_reason,
        }

    def logprobs(self, tokens: Sequence[Token]) -> Json | None:
        """Of tokens that follow those of the last call."""
        if self._body.logprobs is None:
            return None
        decode = self._tokenizer.decode
        known = [token for token in tokens if token.logprobs is not None]
        offsets = []
        for token in known:
            offsets.append(self._offset)
            self._offset += len(decode([token.id]))
        return {
            "tokens": [decode([token.id]) for token in known],
            "token_logprobs": [max(t.logprobs.logprob, -9999.0) for t in known if t.logprobs],
            "top_logprobs": [
                {
                    decode([token_id]): max(value, -9999.0)
                    for token_id, value in t.logprobs.top
                    if token_id not in self._tokenizer.special_ids
                }
                for t in known
                if t.logprobs
            ],
            "text_offset": offsets,
        }


async def _all(work: list[object]) -> list[Json]:
    return list(await asyncio.gather(*work))  # type: ignore[call-overload]


def _usage(prompts: list[list[int]], running: list[_Running]) -> Json:
    prompt = sum(len(ids) for ids in prompts)
    completion = sum(len(one.tokens) for one in running)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


async def _stream(
    service: Service,
    body: CompletionRequest,
    made: Json,
    prompts: list[list[int]],
    running: list[_Running],
) -> AsyncGenerator[bytes, None]:
    found: asyncio.Queue[Json | Exception | None] = asyncio.Queue()

    def choice(index: int, text: str, logprobs: Json | None, reason: str | None) -> Json:
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}

    async def read(index: int, one: _Running) -> None:
        try:
            async for text, tokens in one.pieces():
                found.put_nowait(choice(index, text, one.logprobs(tokens), None))
            found.put_nowait(choice(index, "", None, one.finish_reason))
        except Exception as error:
            found.put_nowait(error)
        finally:
            found.put_nowait(None)

    tasks = [asyncio.create_task(read(index, one)) for index, one in enumerate(running)]
    try:
        left = len(tasks)
        while left:
            each = await found.get()
            if each is None:
                left -= 1
            elif isinstance(each, Exception):
                yield event(api_error(each).body())
                break
            else:
                yield event({**made, "choices": [each]})
        if body.stream_options is not None and body.stream_options.include_usage:
            yield event({**made, "choices": [], "usage": _usage(prompts, running)})
        yield DONE
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        service.forget(running)
