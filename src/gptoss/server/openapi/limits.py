"""What the OpenAPI document can say once the model is open: its names, and how large ids and lists may be."""

from __future__ import annotations

from typing import Any

from gptoss.server.service import Service

Json = dict[str, Any]


def set_limits(document: Json, service: Service) -> None:
    """Write them into the schemas of requests. Raises ApiError when the model is not open."""
    schemas: Json = document["components"]["schemas"]
    settings, tokenizer = service.settings, service.model.tokenizer
    names = {
        "description": "Nothing: the first of these names.",
        "type": ["string", "null"],
        "enum": [*service.names, "", None],
    }
    for schema in schemas.values():
        properties = schema.get("properties", {})
        # Of requests; replies say which one it was.
        if "model" in properties and "anyOf" in properties["model"]:
            properties["model"] = names
    for name in ("ChatRequest", "CompletionRequest"):
        (number, _) = schemas[name]["properties"]["n"]["anyOf"]
        number["maximum"] = settings.max_answers
    schemas["ChatRequest"]["properties"]["messages"]["maxItems"] = settings.max_messages
    ids = schemas["DetokenizeRequest"]["properties"]["tokens"]["items"]
    ids["maximum"] = tokenizer.vocab_size - 1
    ordinary = set(range(tokenizer.vocab_size)) - tokenizer.special_ids
    for ids in schemas["CompletionRequest"]["properties"]["prompt"]["anyOf"]:
        while ids["type"] == "array":
            ids = ids["items"]
        if ids["type"] == "integer":
            ids["maximum"] = max(ordinary)
