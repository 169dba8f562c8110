"""`/v1/models`: what there is, with what clients want to know of it."""

from __future__ import annotations

from datetime import UTC, datetime

from gptoss.errors import shown
from gptoss.server.service import Service
from gptoss.server.wire_errors import ApiError

Json = dict[str, object]


def list_models(service: Service) -> Json:
    """The model under each of its names, for OpenAI's clients and Anthropic's."""
    names = _names(service)
    return {
        "object": "list",
        "data": [_describe(service, name) for name in names],
        "has_more": False,
        "first_id": names[0],
        "last_id": names[-1],
    }


def get_model(service: Service, name: str) -> Json:
    """One of them. Raises ApiError 404 for another."""
    if name not in _names(service):
        raise ApiError(
            404,
            f"got the model {shown(name, 200)}, wanted {', '.join(_names(service))}",
            code="model_not_found",
        )
    return _describe(service, name)


def _names(service: Service) -> tuple[str, ...]:
    service.model  # noqa: B018 raises before it is open
    return service.names


def _describe(service: Service, name: str) -> Json:
    model = service.model
    config = model.config
    return {
        "id": name,
        "object": "model",
        "created": int(service.started),
        "owned_by": "gptoss",
        "type": "model",
        "display_name": name,
        "created_at": datetime.fromtimestamp(int(service.started), UTC).isoformat(),
        "max_model_len": model.context,
        "meta": {
            "context": model.context,
            "vocab_size": config.vocab_size,
            "layers": config.num_layers,
            "experts": config.num_experts,
            "experts_per_token": config.experts_per_token,
            "precision": model.precision,
            "weights": model.weights,
            "kv": model.cache_type,
            "isa": model.backend.isa,
            "threads": model.backend.threads,
            "reasoning_efforts": ["low", "medium", "high"],
            "modalities": ["text"],
        },
    }
