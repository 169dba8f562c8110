"""`/tokenize`, `/detokenize` and `/render`: what the model will see, token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from gptoss.chat.request import TurnRequest
from gptoss.errors import RequestError
from gptoss.runtime import LoadedModel
from gptoss.server.caller import on_thread, owner_of
from gptoss.server.chat_completions.hosted import hosted_of
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.pool import IsGone
from gptoss.server.replies import ABSENT, Count, Reply, sent
from gptoss.server.service import Service
from gptoss.server.wire import Wire
from gptoss.server.wire_errors import ApiError
from gptoss.tokenizer.limited import LimitedTokenizer

# In a reply: twice what the largest context holds. Writing them is one step of the interpreter's, some 20 ms.
MAX_IDS = 1 << 18


# At least one of them is text.
_HAS_TEXT: JsonDict = {
    "anyOf": [
        {"properties": {"content": {"type": "string"}}, "required": ["content"]},
        {"properties": {"prompt": {"type": "string"}}, "required": ["prompt"]},
    ]
}


class TokenizeRequest(Wire):
    """Text to cut. Special tokens spelled in it are text, as everywhere."""

    model_config = ConfigDict(json_schema_extra=_HAS_TEXT)

    content: str | None = None
    """The text."""
    prompt: str | None = None
    """The same, where there is no `content`."""
    with_pieces: bool = False
    """Whether to say what each token spells."""


class DetokenizeRequest(Wire):
    """Token ids to put together."""

    tokens: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=1_000_000)]
    """Token ids, special ones too."""


class Tokens(Reply):
    """Tokens of a text."""

    tokens: list[Count]
    """Token ids."""
    count: Count
    """How many."""
    max_model_len: Count
    """How many a conversation may have."""
    pieces: list[str] = ABSENT
    """What each token spells, if `with_pieces` asked for it; half a character is `\\ufffd`."""


class Text(Reply):
    """The text of tokens."""

    content: str
    """Special tokens by their spelling; what is no UTF-8 is `\\ufffd`."""
    prompt: str
    """The same, as other servers call it."""


class Prompt(Reply):
    """The exact prompt of a request."""

    prompt: str
    """Its text, special tokens by their spelling."""
    tokens: list[Count]
    """Its token ids, as the model reads them."""
    count: Count
    """How many."""
    max_model_len: Count
    """How many a conversation may have, the answer included."""


def add_tokens(app: FastAPI, service: Service) -> None:
    """The routes of tokens."""

    async def answer(request: Request, work: Callable[[IsGone], Reply]) -> Response:
        # Many numbers take a while to write, too.
        return await on_thread(request, service.pools.counters, lambda is_gone: sent(work(is_gone)))

    @app.post("/tokenize", tags=["tokens"], response_model=None)
    async def tokenize(body: TokenizeRequest, request: Request) -> Response:
        """Token ids of text; special tokens spelled in it are text."""
        return await answer(request, lambda is_gone: _tokens(service, body, is_gone))

    @app.post("/detokenize", tags=["tokens"], response_model=None)
    async def detokenize(body: DetokenizeRequest, request: Request) -> Response:
        """Text of token ids."""
        return await answer(request, lambda is_gone: _text(service.model, body, is_gone))

    @app.post("/render", tags=["tokens"], response_model=None)
    async def render(body: ChatRequest, request: Request) -> Response:
        """The exact prompt of a chat request."""
        owner = owner_of(request)

        def work(is_gone: IsGone) -> Prompt:
            service.require_model(body.model)
            hosted = hosted_of(service, body, owner, are_run=False)
            return rendered(service.model, body.asked(service.settings, hosted), is_gone)

        return await answer(request, work)


def _tokens(service: Service, body: TokenizeRequest, is_gone: IsGone) -> Tokens:
    text = body.content if body.content is not None else body.prompt
    if text is None:
        raise ApiError(400, "got no content, wanted text", param="content")
    model = service.model
    ids = LimitedTokenizer(model.tokenizer, None, is_gone).encode(text)
    _require_few(ids)
    made = Tokens(tokens=ids, count=len(ids), max_model_len=model.context)
    if body.with_pieces:
        made.pieces = [model.tokenizer.decode([token_id]) for token_id in ids]
    return made


def _text(model: LoadedModel, body: DetokenizeRequest, is_gone: IsGone) -> Text:
    tokenizer = model.tokenizer
    unknown = [token_id for token_id in body.tokens if token_id >= tokenizer.vocab_size]
    if unknown:
        raise ApiError(
            400,
            f"got the token {unknown[0]}, wanted ids below {tokenizer.vocab_size}",
            param="tokens",
        )
    if is_gone():
        raise RequestError("the caller has gone")
    text = tokenizer.decode(body.tokens)
    return Text(content=text, prompt=text)


def rendered(model: LoadedModel, request: TurnRequest, is_gone: IsGone) -> Prompt:
    """A prompt: its text, and its tokens as the model reads them."""
    ids = prompt_ids(model, request, is_gone)
    _require_few(ids)
    return Prompt(
        prompt=model.tokenizer.decode(ids),
        tokens=ids,
        count=len(ids),
        max_model_len=model.context,
    )


def _require_few(ids: list[int]) -> None:
    if len(ids) > MAX_IDS:
        raise ApiError(
            400,
            f"got a text of {len(ids):,} tokens, of which no more than {MAX_IDS:,} are written out; "
            "/v1/messages/count_tokens and /v1/responses/input_tokens count any number",
        )


def prompt_ids(model: LoadedModel, request: TurnRequest, is_gone: IsGone) -> list[int]:
    """The tokens of a prompt, however many there are. Raises RequestError when the caller has gone."""
    return request.prompt(LimitedTokenizer(model.tokenizer, None, is_gone))
