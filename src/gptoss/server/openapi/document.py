"""The OpenAPI document: FastAPI's, with what replies are, who may ask, and the limits of the model that is open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from gptoss.server.guard import PUBLIC_PATHS
from gptoss.server.openapi.examples import EXAMPLES
from gptoss.server.openapi.limits import set_limits
from gptoss.server.openapi.routes import (
    ANSWERS,
    BODY_STATUSES,
    DESCRIPTIONS,
    FILE,
    LINKS,
    PARAMETERS,
    TEXT,
    Answer,
    Stream,
)
from gptoss.server.service import Service
from gptoss.server.wire import SamplingFields

Json = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_JSON, _EVENTS, _TEXT = "application/json", "text/event-stream", "text/plain"
_FILE = "application/octet-stream"
_TAGS = {
    "openai": "OpenAI's API: conversations, and raw continuation.",
    "responses": "OpenAI's API of responses: they are kept, gone on from, and written in the background.",
    "anthropic": "Anthropic's API.",
    "files": "OpenAI's API of files, which other requests name by their ids.",
    "containers": "OpenAI's API of containers, where the server runs Python: notebooks, and their files.",
    "models": "What there is.",
    "tokens": "What the model will see, token by token.",
    "operation": "For those who run the server.",
    "sagemaker": "The routes that SageMaker knows.",
}
_HEADERS: Json = {
    "X-Request-Id": {
        "description": "What the log calls the request: the header that came with it, or a new id.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 100},
    },
    "Retry-After": {
        "description": "Seconds after which trying again may help.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to give a key.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}
_SECURITY: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "As OpenAI's clients send it."},
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "As Anthropic's clients send it.",
    },
}


class DocumentedApp(FastAPI):
    """FastAPI, with the whole document. It is made when it is asked for, and kept once the model is open."""

    def __init__(self, service: Service, **options: Any) -> None:
        super().__init__(**options)
        self._service = service

    def openapi(self) -> Json:
        """The document. Takes some tenths of a second the first time."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        is_ready = self._service.is_ready
        made = _document(self, self._service)
        if is_ready:
            self.openapi_schema = made
        return made


class _ReplySchemas(GenerateJsonSchema):
    """Schemas without what says nothing of a reply: titles, and values of fields that are absent."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        is_absent = schema.get("default") is None
        return (
            self.generate_inner(schema["schema"]) if is_absent else super().default_schema(schema)
        )


def _document(app: FastAPI, service: Service) -> Json:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
    )
    has_keys = bool(service.settings.keys.digests)
    schema_of, replies = _reply_schemas()
    components = document["components"]
    for named in (document["paths"], components["schemas"], replies):
        _drop_titles(named)
    _tell_apart(document, replies)
    errors: Json = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = f"{method.upper()} {path}"
            is_public = path in PUBLIC_PATHS
            asks_key = has_keys and not is_public
            answers = _Answers(ANSWERS[name], schema_of, errors, asks_key=asks_key)
            operation["responses"] = answers.responses(takes_body=method == "post")
            for parameter in operation.get("parameters", ()):
                told = PARAMETERS.get(f"{name} {parameter['name']}")
                parameter["description"] = told or PARAMETERS[parameter["name"]]
            if has_keys and is_public:
                operation["security"] = []
            if name in EXAMPLES:
                examples = {title: {"value": value} for title, value in EXAMPLES[name].items()}
                operation["requestBody"]["content"][_JSON]["examples"] = examples
    _add_links(document)
    _describe_invocations(document)
    _tell_sampling_last(components["schemas"])
    components["schemas"] = _merged(components["schemas"], replies)
    components["responses"] = dict(sorted(errors.items()))
    components["headers"] = _HEADERS
    if has_keys:
        components["securitySchemes"] = _SECURITY
        document["security"] = [{name: []} for name in _SECURITY]
    if service.is_ready:
        set_limits(document, service)
    _keep_used(document)
    return document


def _reply_schemas() -> tuple[Mapping[int, Json], Json]:
    """Schemas by the identity of their kind, and all that they refer to, by name."""
    kinds = {id(kind): kind for answer in ANSWERS.values() for kind in _kinds(answer)}
    found, more = TypeAdapter.json_schemas(
        [(key, "serialization", TypeAdapter(kind)) for key, kind in kinds.items()],
        ref_template=_REFERENCE,
        schema_generator=_ReplySchemas,
    )
    return {key: schema for (key, _), schema in found.items()}, more["$defs"]


def _kinds(answer: Answer) -> Iterator[Any]:
    streamed = () if answer.stream is None else (answer.stream.data,)
    for kind in (answer.reply, answer.error, *answer.others.values(), *streamed):
        if kind not in (None, TEXT, FILE):
            yield kind


class _Answers:
    """Makes the replies of one route; errors, which routes share, go into `errors` by name."""

    def __init__(
        self, answer: Answer, schema_of: Mapping[int, Json], errors: Json, *, asks_key: bool
    ) -> None:
        self._answer = answer
        self._schema_of = schema_of
        self._errors = errors
        self._asks_key = asks_key

    def responses(self, *, takes_body: bool) -> Json:
        """All of them, by status."""
        answer = self._answer
        statuses = {403, *answer.statuses, *(BODY_STATUSES if takes_body else ())}
        if self._asks_key:
            statuses.add(401)
        found = {200: self._whole(answer.reply, "The reply.")}
        for status, kind in answer.others.items():
            found[status] = self._whole(kind, DESCRIPTIONS[status])
        found |= {status: self._error(status) for status in statuses}
        if answer.stream is not None:
            found[200]["content"][_EVENTS] = {"schema": self._event(answer.stream)}
            found[200]["description"] = "The reply; with `stream`, events as they come."
        return {str(status): found[status] for status in sorted(found)}

    def _whole(self, kind: Any, description: str) -> Json:
        made: Json = {"description": description, "headers": _headers("X-Request-Id")}
        if kind is TEXT:
            made["content"] = {_TEXT: {"schema": {"type": "string"}}}
        elif kind is FILE:
            made["content"] = {_FILE: {"schema": {"type": "string", "format": "binary"}}}
        elif kind is not None:
            made["content"] = {_JSON: {"schema": self._schema_of[id(kind)]}}
        return made

    def _error(self, status: int) -> Json:
        made = self._whole(self._answer.error, DESCRIPTIONS[status])
        if status in (429, 503):
            made["headers"] |= _headers("Retry-After")
        if status == 401:
            made["headers"] |= _headers("WWW-Authenticate")
        kind = self._schema_of[id(self._answer.error)]["$ref"].rpartition("/")[2]
        name = f"{kind}{status}"
        self._errors[name] = made
        return {"$ref": f"#/components/responses/{name}"}

    def _event(self, stream: Stream) -> Json:
        """One event of a stream, as its lines say it: this is what a schema of this media type is of."""
        data: Json = {
            "type": "string",
            "contentMediaType": _JSON,
            "contentSchema": self._schema_of[id(stream.data)],
        }
        if stream.has_done:
            data = {"anyOf": [{"const": "[DONE]"}, data]}
        return {
            "type": "object",
            "description": "One event.",
            "properties": {
                "event": {
                    "type": "string",
                    "description": "The `type` of the data, if it has one.",
                },
                "data": data,
            },
            "required": ["data"],
        }


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _add_links(document: Json) -> None:
    document["paths"]["/v1/responses"]["post"]["responses"]["200"]["links"] = LINKS


def _describe_invocations(document: Json) -> None:
    """Whose form the body is of shows by its fields; see `add_invocations`."""

    def form(name: str, *needed: str) -> Json:
        reference = {"$ref": _REFERENCE.format(model=name)}
        return {"allOf": [reference], "required": list(needed)}

    bodies = [
        form("ChatRequest", "messages"),
        form("MessagesRequest", "messages", "anthropic_version"),
        form("CompletionRequest", "prompt"),
        form("ResponseRequest", "input"),
    ]
    body = document["paths"]["/invocations"]["post"]["requestBody"]
    body["content"][_JSON]["schema"] = {"anyOf": bodies}


def _tell_sampling_last(schemas: Json) -> None:
    """What a request is about comes before how tokens are chosen, which classes inherit."""
    for schema in schemas.values():
        fields = schema.get("properties", {})
        last = {name: fields[name] for name in SamplingFields.model_fields if name in fields}
        if len(last) > 1:
            schema["properties"] = {
                **{name: field for name, field in fields.items() if name not in last},
                **last,
            }


def _merged(schemas: Json, more: Json) -> Json:
    """All schemas, by name."""
    for name in schemas.keys() & more.keys():
        if schemas[name] != more[name]:
            raise AssertionError(f"got two schemas of the name {name}; rename one")
    return dict(sorted({**schemas, **more}.items()))


def _tell_apart(document: Json, replies: Json) -> None:
    """Rename what requests have by the name of something in replies that is not alike: `Text` becomes `TextParam`."""
    schemas = document["components"]["schemas"]
    names = {
        name: f"{name}Param"
        for name in schemas.keys() & replies.keys()
        if schemas[name] != replies[name]
    }
    reference_of = {
        _REFERENCE.format(model=n): _REFERENCE.format(model=m) for n, m in names.items()
    }
    waiting: list[object] = [document]
    while waiting:
        at = waiting.pop()
        if isinstance(at, dict):
            # In unions there are references beside `$ref`.
            texts = [(key, value) for key, value in at.items() if isinstance(value, str)]
            at |= {key: reference_of[value] for key, value in texts if value in reference_of}
            waiting += at.values()
        elif isinstance(at, list):
            waiting += at
    told = {names.get(name, name): schema for name, schema in schemas.items()}
    document["components"]["schemas"] = told


def _drop_titles(schema: object) -> None:
    """What pydantic and FastAPI make of names, which are there already."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for each in schema.values():
            _drop_titles(each)
    elif isinstance(schema, list):
        for each in schema:
            _drop_titles(each)


def _keep_used(document: Json) -> None:
    """Drop the schemas that nothing refers to."""
    schemas = document["components"]["schemas"]
    used: set[str] = set()
    waiting: list[object] = [document["paths"], document["components"]["responses"]]
    while waiting:
        at = waiting.pop()
        if isinstance(at, list):
            waiting += at
        elif isinstance(at, dict):
            waiting += at.values()
            name = str(at.get("$ref", "")).rpartition("/schemas/")[2]
            if name in schemas and name not in used:
                used.add(name)
                waiting.append(schemas[name])
    document["components"]["schemas"] = {name: schemas[name] for name in schemas if name in used}
