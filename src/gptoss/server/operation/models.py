"""`/v1/models`: what there is, with what clients want to know of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import FastAPI
from fastapi.responses import Response
from pydantic import Field

from gptoss.errors import shown
from gptoss.server.replies import Count, Reply, UnixSeconds, sent
from gptoss.server.service import Service
from gptoss.server.wire_errors import ApiError


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


def add_models(app: FastAPI, service: Service) -> None:
    """The routes of models."""

    @app.get("/v1/models", tags=["models"], response_model=None)
    async def list_models() -> Response:
        """The model, under each of its names."""
        return sent(_listed(service))

    @app.get("/v1/models/{name:path}", tags=["models"], response_model=None)
    async def get_model(name: str) -> Response:
        """One model."""
        if name not in service.names:
            raise ApiError(
                404,
                f"got the model {shown(name, 200)}, wanted {', '.join(service.names)}",
                code="model_not_found",
            )
        return sent(_described(service, name))


def _listed(service: Service) -> ModelList:
    names = service.names
    return ModelList(
        object="list",
        data=[_described(service, name) for name in names],
        has_more=False,
        first_id=names[0],
        last_id=names[-1],
    )


def _described(service: Service, name: str) -> Model:
    model, started = service.model, int(service.started)
    config = model.config
    return Model(
        id=name,
        object="model",
        created=started,
        owned_by="gptoss",
        type="model",
        display_name=name,
        created_at=datetime.fromtimestamp(started, UTC).isoformat(),
        max_model_len=model.context,
        meta=ModelFacts(
            context=model.context,
            vocab_size=config.vocab_size,
            layers=config.num_layers,
            experts=config.num_experts,
            experts_per_token=config.experts_per_token,
            precision=model.precision,
            weights=model.weights,
            kv=model.cache_type,
            isa=model.backend.isa,
            threads=model.backend.threads,
            reasoning_efforts=["low", "medium", "high"],
            modalities=["text"],
        ),
    )
