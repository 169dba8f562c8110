"""`/v1/responses`: answers that may be kept, gone on from, and written in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response

from gptoss.chat.turn import Turn
from gptoss.errors import ContextLengthError
from gptoss.runtime import LoadedModel
from gptoss.server.caller import on_thread, owner_of, unless_gone
from gptoss.server.held import CountedReply
from gptoss.server.operation.tokens import prompt_ids, rendered
from gptoss.server.pool import IsGone
from gptoss.server.replies import sent
from gptoss.server.responses.approvals import approvals_of
from gptoss.server.responses.asking import Asking, ReadRequest
from gptoss.server.responses.hosted import hosted_of
from gptoss.server.responses.input import InputReader, blocks_of
from gptoss.server.responses.request import (
    CODE_OUTPUTS,
    ENCRYPTED,
    ResponseRequest,
    require_few,
)
from gptoss.server.responses.runs import Runs, event_lines, response_events, whole_response
from gptoss.server.responses.seal import Seal
from gptoss.server.responses.seal_key import seal_key
from gptoss.server.responses.store import KeptItem, ResponseStore, with_items
from gptoss.server.responses.truncation import fitted
from gptoss.server.responses.types.events import ResponseEvent
from gptoss.server.responses.types.items import ItemList
from gptoss.server.responses.types.response import DeletedResponse, InputTokenCount
from gptoss.server.responses.writer import ResponseWriter, Wanted
from gptoss.server.service import Service
from gptoss.server.sse import event, streamed
from gptoss.server.wire_errors import ApiError, api_error

_LOG = logging.getLogger("gptoss.server")


class Responses:
    """The responses of one server. Its methods belong to the event loop."""

    def __init__(self, service: Service) -> None:
        """Raises ServerError for a store that cannot be used."""
        settings = service.settings
        self._service = service
        self._store = ResponseStore(settings.store, settings.store_s, settings.store_bytes)
        self._seal = Seal(seal_key(settings.seal_key_file, settings.store))
        self._runs = Runs(service, self._store)

    async def create(self, body: ResponseRequest, request: Request) -> Response:
        """Answer a conversation: at once, as a stream, or in the background."""
        # Asked for once: what has begun is answered, also while the server ends.
        name, model = self._service.require_model(body.model), self._service.model
        owner = owner_of(request)
        asking = Asking(partial(self._read, body, owner, model, are_run=True))
        echo = body.echo(name, self._service.hosted.types)
        try:
            started = await unless_gone(request.receive, self._service.begin(owner, asking.ask))
        except BaseException as error:
            asking.leave()
            if not isinstance(error, ContextLengthError) or not body.stream or body.background:
                raise
            return self._overflow(ResponseWriter(echo, model.tokenizer, Wanted()), error)
        (turn,), read = started.turns, asking.read
        items = [each.item for each in read.context]
        seal = partial(self._seal.close, owner) if ENCRYPTED in (body.include or ()) else None
        wanted = Wanted(
            has_logprobs=body.has_logprobs,
            has_progress=body.return_progress or False,
            summary=body.summary,
            seal=seal,
            tools=started.request.tools,
            ignored=body.ignored,
            container_id=read.hosted.container_id,
            has_images=CODE_OUTPUTS in (body.include or ()),
            waiting=approvals_of(items).waiting_ids,
            asks_python=read.hosted.asks_python,
            release=read.hosted.release,
        )
        writer = ResponseWriter(echo, model.tokenizer, wanted)
        kept = _Kept(read.context, owner)
        if body.background:
            return await self._create_in_background(body, turn, writer, kept)
        events = self._events(body, turn, writer, kept)
        if body.stream:

            def end() -> None:
                self._service.forget([turn])
                writer.close()

            return self._streamed(events, end)
        try:
            return sent(await unless_gone(request.receive, whole_response(events, writer)))
        finally:
            # Events that nobody has begun to read do not end.
            writer.close()

    async def get(self, response_id: str, owner: str) -> Response:
        """One response, as far as it is."""
        # However large: it is counted while it is sent.
        return CountedReply(await self._response(response_id, owner), self._service.held, owner)

    async def stream(self, response_id: str, after: int, owner: str) -> Response:
        """The events of one that runs or ran in the background."""
        run = self._runs.find(response_id, owner)
        if run is not None:
            return self._streamed(run.follow(after))
        refusal = (
            "got stream for a response that was not made with background; ask for it without stream"
        )
        await self._require_background(response_id, owner, ApiError(400, refusal, param="stream"))

        def lines() -> bytes:
            events = self._store.events(response_id, owner)
            if events is None:
                # Another process began it, and did not live to keep its events.
                kind = "response.failed"
                response = self._store.response(response_id, owner)
                told = b'{"type":"%b","response":%b,"sequence_number":%d}'
                return event(told % (kind.encode(), response, after + 1), kind)
            return b"".join(event(e.text.encode(), e.kind) for e in events if e.number > after)

        return await self._kept(owner, lines, "text/event-stream")

    async def cancel(self, response_id: str, owner: str) -> Response:
        """End one that runs in the background; one that has ended stays as it is."""
        refusal = "got cancel for a response that was not made with background; end its connection instead"
        await self._require_background(response_id, owner, ApiError(400, refusal))
        await self._runs.cancel(response_id, owner)
        content = await self._response(response_id, owner)
        return Response(content, media_type="application/json")

    async def delete(self, response_id: str, owner: str) -> Response:
        """Forget one; it ends if it runs, and is not kept again."""
        forget = partial(self._store.delete, response_id, owner)
        await self._service.pools.stored.run(owner, lambda _: forget())
        await self._runs.cancel(response_id, owner)
        return sent(DeletedResponse(id=response_id, object="response", deleted=True))

    async def input_items(
        self, response_id: str, limit: int, order: str, after: str | None, owner: str
    ) -> Response:
        """A page of the items that a response answers, those of the responses before it too."""
        read = partial(
            self._store.inputs,
            response_id,
            owner,
            limit=limit,
            after=after,
            is_newest_first=order == "desc",
        )

        def page() -> bytes:
            items, has_more = read()
            made = ItemList(
                object="list",
                data=[],
                first_id=items[0].id if items else "",
                last_id=items[-1].id if items else "",
                has_more=has_more,
            )
            return with_items(made.written().decode(), "data", items)

        return await self._kept(owner, page)

    async def render(self, body: ResponseRequest, request: Request) -> Response:
        """The exact prompt of a request."""
        self._service.require_model(body.model)
        owner, model = owner_of(request), self._service.model

        def render(is_gone: IsGone) -> Response:
            return sent(rendered(model, self._read(body, owner, model, is_gone).asked, is_gone))

        return await on_thread(request, self._service.pools.counters, render)

    async def count(self, body: ResponseRequest, request: Request) -> Response:
        """How many tokens the model would read."""
        self._service.require_model(body.model)
        owner, model = owner_of(request), self._service.model

        def count(is_gone: IsGone) -> int:
            return len(prompt_ids(model, self._read(body, owner, model, is_gone).asked, is_gone))

        num = await on_thread(request, self._service.pools.counters, count)
        return sent(InputTokenCount(object="response.input_tokens", input_tokens=num))

    async def close(self) -> None:
        """End what runs, and let go of the store."""
        await self._runs.close()
        self._store.close()

    def _read(
        self,
        body: ResponseRequest,
        owner: str,
        model: LoadedModel,
        is_gone: IsGone,
        *,
        are_run: bool = False,
    ) -> ReadRequest:
        """Read a request with what it goes on from; `are_run`: whether hosted tools may be called."""
        body.check()
        settings = self._service.settings
        context: list[KeptItem] = []
        if body.previous_response_id is not None:
            context = self._store.context(body.previous_response_id, owner)
        given = body.input or ()
        require_few(len(context) + (1 if isinstance(given, str) else len(given)), settings)
        taken = [item.id for item in context]
        find = partial(self._store.item, owner=owner)
        reader = InputReader(find, partial(self._seal.open, owner), taken)
        context += reader.read(given)
        body.ignore(*reader.ignored)
        items = [each.item for each in context]
        used = self._store.used_decisions(owner)
        hosted = hosted_of(self._service.hosted, body, items, owner, used, are_run=are_run)
        try:
            tools = body.declared(items, hosted.tools)
            blocks = blocks_of(items, tools)
            if body.truncation == "auto":
                blocks = fitted(
                    model,
                    blocks,
                    lambda kept: body.asked(kept, tools, settings).conversation,
                    body.max_output_tokens,
                    is_gone,
                )
            return ReadRequest(context, body.asked(blocks, tools, settings, hosted.policy), hosted)
        except BaseException:
            hosted.release()
            raise

    async def _create_in_background(
        self, body: ResponseRequest, turn: Turn, writer: ResponseWriter, kept: _Kept
    ) -> Response:
        response = writer.response
        try:
            is_kept = await asyncio.to_thread(self._store.add, response, kept.context, kept.owner)
        except BaseException:
            self._service.forget([turn])
            writer.close()
            raise
        if not is_kept:
            self._service.forget([turn])
            writer.close()
            raise ApiError(
                400,
                "got background with a conversation that takes more room than all kept responses may; "
                "send less, or ask without background",
                param="background",
            )
        run = self._runs.start(response.id, turn, writer, kept.owner)
        return self._streamed(run.follow(-1)) if body.stream else sent(response)

    async def _response(self, response_id: str, owner: str) -> bytes:
        """One response, as far as it is, written as JSON. Raises ApiError 404."""
        run = self._runs.find(response_id, owner)
        if run is not None and (now := run.response) is not None:
            # It changes on this loop.
            return now.written()
        read = partial(self._store.response, response_id, owner)
        return await self._service.pools.stored.run(owner, lambda _: read())

    async def _require_background(self, response_id: str, owner: str, refusal: ApiError) -> None:
        """Raises ApiError 404, and the refusal for one that is not written in the background, nor was."""
        if self._runs.find(response_id, owner) is not None:
            return
        read = partial(self._store.state, response_id, owner)
        if not (await self._service.pools.stored.run(owner, lambda _: read())).background:
            raise refusal

    def _events(
        self, body: ResponseRequest, turn: Turn, writer: ResponseWriter, kept: _Kept
    ) -> AsyncGenerator[ResponseEvent, None]:
        def store() -> bool:
            response = writer.response
            added = self._store.add(response, kept.context, kept.owner)
            return added and self._store.finish(response)

        async def keep(_: Sequence[ResponseEvent]) -> bool:
            if not body.is_stored:
                return True
            try:
                return await asyncio.to_thread(store)
            except Exception:
                # The answer is there all the same.
                _LOG.exception("a response could not be kept")
                return False

        return response_events(self._service, turn, writer, keep)

    async def _kept(
        self, owner: str, write: Callable[[], bytes], media_type: str = "application/json"
    ) -> Response:
        """Send what is in the store, however large: it is read on a thread, and counted while it is sent."""
        content = await self._service.pools.stored.run(owner, lambda _: write())
        return CountedReply(content, self._service.held, owner, media_type)

    def _overflow(self, writer: ResponseWriter, error: ContextLengthError) -> Response:
        """Answer a stream for what fits no context as OpenAI's API does, with a response that has failed.

        Coding agents compact their conversation at that event alone; a 400 ends their session.
        """
        told = [*writer.begin(0), *writer.fail(api_error(error))]

        async def events() -> AsyncGenerator[ResponseEvent, None]:
            for each in told:
                yield each

        return self._streamed(events())

    def _streamed(
        self, events: AsyncGenerator[ResponseEvent, None], on_end: Callable[[], None] = lambda: None
    ) -> Response:
        return streamed(event_lines(events), self._service.settings.ping_s, on_end)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Kept with a response: the items that it answers, and whose it is."""

    context: list[KeptItem]
    owner: str


def add_responses(app: FastAPI, service: Service) -> None:
    """The routes, and what they keep for as long as the server lives. Raises ServerError for a store that fails."""
    responses = Responses(service)
    inner = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[Any, None]:
        async with inner(app) as state:
            try:
                yield state
            finally:
                await responses.close()

    app.router.lifespan_context = lifespan

    @app.post("/v1/responses", tags=["responses"], response_model=None)
    async def create_response(body: ResponseRequest, request: Request) -> Response:
        """Answer a conversation, or go on with one that is kept."""
        return await responses.create(body, request)

    @app.post("/v1/responses/input_tokens", tags=["responses"], response_model=None)
    async def count_input_tokens(body: ResponseRequest, request: Request) -> Response:
        """How many tokens the model would read."""
        return await responses.count(body, request)

    @app.post("/v1/responses/render", tags=["tokens"], response_model=None)
    async def render_response(body: ResponseRequest, request: Request) -> Response:
        """The exact prompt of a request."""
        return await responses.render(body, request)

    @app.get("/v1/responses/{response_id}", tags=["responses"], response_model=None)
    async def get_response(
        response_id: str, request: Request, stream: bool = False, starting_after: int = -1
    ) -> Response:
        """One response; with `stream`, the events of one that was made in the background."""
        if stream:
            return await responses.stream(response_id, starting_after, owner_of(request))
        return await responses.get(response_id, owner_of(request))

    @app.delete("/v1/responses/{response_id}", tags=["responses"], response_model=None)
    async def delete_response(response_id: str, request: Request) -> Response:
        """Forget a response."""
        return await responses.delete(response_id, owner_of(request))

    @app.post("/v1/responses/{response_id}/cancel", tags=["responses"], response_model=None)
    async def cancel_response(response_id: str, request: Request) -> Response:
        """End a response that is written in the background."""
        return await responses.cancel(response_id, owner_of(request))

    @app.get("/v1/responses/{response_id}/input_items", tags=["responses"], response_model=None)
    async def list_input_items(
        response_id: str,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        order: Literal["asc", "desc"] = "desc",
        after: str | None = None,
    ) -> Response:
        """What a response answers."""
        return await responses.input_items(response_id, limit, order, after, owner_of(request))
