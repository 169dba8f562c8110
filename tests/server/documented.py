"""Replies, held to the OpenAPI document: what it does not say is not there, and what it says is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

Json = dict[str, Any]

EVENTS = "text/event-stream"


class Documented:
    """Judges replies by one document, and remembers which parts of it they were of."""

    def __init__(self, document: Json) -> None:
        self.document = document
        # Operation, status and media type; and fields, by the name of the schema that they are of.
        self.seen: set[tuple[str, str, str]] = set()
        self.seen_fields: set[tuple[str, str]] = set()
        self._validators: dict[str, jsonschema_rs.Validator] = {}

    def operations(self) -> Iterator[tuple[str, str, Json]]:
        """Method, path and operation of each."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def require(self, method: str, path: str, reply: Any) -> None:
        """Fail unless the document says that the operation may answer so; `reply` is as httpx has it."""
        operation = self.document["paths"][path][method.lower()]
        said = f"{method} {path}: {reply.status_code} {reply.text[:2000]}"
        assert str(reply.status_code) in operation["responses"], said
        answer = self._resolved(operation["responses"][str(reply.status_code)])
        self._require_headers(answer, reply, said)
        contents = answer.get("content")
        kind = reply.headers.get("content-type", "").partition(";")[0]
        self.seen.add((f"{method} {path}", str(reply.status_code), kind))
        if contents is None:
            assert reply.content == b"", said
            return
        assert kind in contents, said
        schema = contents[kind]["schema"]
        if kind == EVENTS:
            for each in events_of(reply.text):
                self._require_event(schema, each)
        elif kind == "application/json":
            self.require_valid(schema, reply.json())

    def require_valid(self, schema: Json, value: object) -> None:
        """Fail unless the value is of a schema of the document."""
        errors = [_told(error) for error in self._validator(schema).iter_errors(value)]
        assert not errors, (errors[:3], value)
        self._note_fields(schema, value)

    def fields(self) -> set[tuple[str, str]]:
        """All that replies may have, by the name of the schema that they are of."""
        schemas = self.document["components"]["schemas"]
        found: set[str] = set()
        waiting: list[Any] = [self.document["components"]["responses"]]
        waiting += [operation["responses"] for _, _, operation in self.operations()]
        while waiting:
            at = waiting.pop()
            waiting += at.values() if isinstance(at, dict) else at if isinstance(at, list) else ()
            name = _name(at) if isinstance(at, dict) else ""
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
        return {(name, field) for name in found for field in schemas[name].get("properties", ())}

    def _note_fields(self, schema: Json, value: object, name: str = "") -> None:
        if "$ref" in schema:
            self._note_fields(self._resolved(schema), value, _name(schema))
        for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            if self._validator(option).is_valid(value):
                self._note_fields(option, value)
        if isinstance(value, list):
            for each in value:
                self._note_fields(schema.get("items", {}), each)
        elif isinstance(value, dict):
            for field, inner in schema.get("properties", {}).items():
                if field in value:
                    self.seen_fields.add((name, field))
                    self._note_fields(inner, value[field])

    def _validator(self, schema: Json) -> jsonschema_rs.Validator:
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = jsonschema_rs.validator_for(whole)
        return self._validators[key]

    def _require_event(self, schema: Json, each: Json) -> None:
        self.require_valid(schema, each)
        options = schema["properties"]["data"].get("anyOf", [schema["properties"]["data"]])
        consts = [option["const"] for option in options if "const" in option]
        if each["data"] in consts:
            return
        (content,) = [o["contentSchema"] for o in options if "contentSchema" in o]
        data = json.loads(each["data"])
        self.require_valid(content, data)
        assert each.get("event") in (None, data.get("type"))

    def _require_headers(self, answer: Json, reply: Any, said: str) -> None:
        for name, header in answer["headers"].items():
            value = reply.headers.get(name)
            assert value is not None, (name, said)
            schema = self._resolved(header)["schema"]
            self.require_valid(schema, int(value) if schema["type"] == "integer" else value)
        for name in ("retry-after", "www-authenticate"):
            if name in reply.headers:
                assert name in {each.lower() for each in answer["headers"]}, (name, said)

    def _resolved(self, found: Json) -> Json:
        at: Any = found
        while "$ref" in at:
            where = at["$ref"].removeprefix("#/").split("/")
            at = self.document
            for name in where:
                at = at[name]
        return dict(at)


def events_of(text: str) -> list[Json]:
    """Fields of the events of a stream, comments left out."""
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            fields = (line.partition(": ") for line in lines)
            found.append({name: value for name, _, value in fields})
    return found


def _name(reference: Json) -> str:
    return str(reference.get("$ref", "")).rpartition("/schemas/")[2]


def _told(error: jsonschema_rs.ValidationError) -> str:
    return f"{list(error.instance_path)}: {error.message[:1500]}"
