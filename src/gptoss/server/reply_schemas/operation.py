"""Whether the server is there, which model it has, and what tokens are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gptoss.server.replies import ABSENT, Count, Reply, UnixSeconds


class Health(Reply):
    """The process is there."""

    status: Literal["ok"]


class Ready(Reply):
    """Requests are answered."""

    status: Literal["ready"]


class NotReady(Reply):
    """Requests are not answered yet, or not any more."""

    status: str
    """`not ready`, or why the model could not be opened."""


class Version(Reply):
    """Of the server."""

    version: str
    """As `0.1.0`."""


class ModelFacts(Reply):
    """What is known of a model, as an extension."""

    context: Count
    """Tokens that a conversation may have, prompt and answer together."""
    vocab_size: Count
    """Token ids are below it."""
    layers: Count
    experts: Count
    """Feed-forward networks in each layer."""
    experts_per_token: Count
    """How many of them a token goes through."""
    precision: str
    """Of the arithmetic: `int8`, `bf16` or `float32`."""
    weights: str
    """Of attention and head: `bf16`, `int8` and the like; the experts are MXFP4."""
    kv: str
    """Of keys and values in the cache: `bf16` or `int8`."""
    isa: str
    """The processor's instruction set that is used."""
    threads: Count
    reasoning_efforts: list[Literal["low", "medium", "high"]]
    """Those that the model itself has; requests may name more."""
    modalities: list[Literal["text"]]


class Model(Reply):
    """A model, for OpenAI's clients and Anthropic's."""

    id: str
    """What a request's `model` may be."""
    object: Literal["model"]
    created: UnixSeconds
    """When the server began."""
    owned_by: Literal["gptoss"]
    type: Literal["model"]
    display_name: str
    """The same as `id`."""
    created_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    """The same as `created`."""
    max_model_len: Count
    """The same as `meta.context`."""
    meta: ModelFacts


class ModelList(Reply):
    """The model under each of its names."""

    object: Literal["list"]
    data: Annotated[list[Model], Field(min_length=1)]
    has_more: Literal[False]
    first_id: str
    last_id: str


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
