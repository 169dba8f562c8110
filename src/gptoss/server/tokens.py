"""`/tokenize`, `/detokenize` and `/render`: what the model will see, token by token."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from gptoss.chat.request import TurnRequest
from gptoss.errors import RequestError
from gptoss.runtime import LoadedModel
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.pool import IsGone
from gptoss.server.request_schemas.wholes import one_of_text
from gptoss.server.service import Service
from gptoss.server.wire import Wire
from gptoss.server.wire_errors import ApiError
from gptoss.tokenizer.limited import LimitedTokenizer

Json = dict[str, object]
# In a reply: twice what the largest context holds. Writing them is one step of the interpreter's, some 20 ms.
MAX_IDS = 1 << 18


class TokenizeRequest(Wire):
    """Text to cut. Special tokens spelled in it are text, as everywhere."""

    model_config = ConfigDict(json_schema_extra=one_of_text("content", "prompt"))

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


def tokenize(service: Service, body: TokenizeRequest, is_gone: IsGone) -> Json:
    """Token ids of text."""
    text = body.content if body.content is not None else body.prompt
    if text is None:
        raise ApiError(400, "got no content, wanted text", param="content")
    ids = LimitedTokenizer(service.model.tokenizer, None, is_gone).encode(text)
    _require_few(ids)
    tokenizer = service.model.tokenizer
    made: Json = {"tokens": ids, "count": len(ids), "max_model_len": service.model.context}
    if body.with_pieces:
        made["pieces"] = [tokenizer.decode([token_id]) for token_id in ids]
    return made


def detokenize(service: Service, body: DetokenizeRequest, is_gone: IsGone) -> Json:
    """Text of token ids, special ones by their spelling."""
    tokenizer = service.model.tokenizer
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
    return {"content": text, "prompt": text}


def render(service: Service, body: ChatRequest, is_gone: IsGone) -> Json:
    """The prompt of a chat request."""
    service.require_model(body.model)
    return rendered(service.model, body.asked(service.settings), is_gone)


def rendered(model: LoadedModel, request: TurnRequest, is_gone: IsGone) -> Json:
    """A prompt: its text, and its tokens as the model reads them."""
    ids = prompt_ids(model, request, is_gone)
    _require_few(ids)
    return {
        "prompt": model.tokenizer.decode(ids),
        "tokens": ids,
        "count": len(ids),
        "max_model_len": model.context,
    }


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
