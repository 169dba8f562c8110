"""The fields that the SDKs' types know, paired with what our types read of them.

python -m tests.server.sdk_fields     # keeps those of the installed SDKs in sdk_fields.json
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from gptoss.forms.form import Form
from gptoss.forms.reading import Reading, fates_of, fields_of
from gptoss.server.chat_completions.request import ChatRequest
from gptoss.server.completions.request import CompletionRequest
from gptoss.server.messages.request import MessagesRequest
from gptoss.server.responses.request import ResponseRequest

KEPT = Path(__file__).with_name("sdk_fields.json")
# Fields in which types say which of several they are.
_KINDS = ("type", "role")
# Headers, which the SDK takes among the fields.
_HEADERS = ("betas", "workspace_id")
MODELS: Mapping[str, type[Form]] = {
    "chat": ChatRequest,
    "completions": CompletionRequest,
    "responses": ResponseRequest,
    "messages": MessagesRequest,
    "beta messages": MessagesRequest,
}


@dataclass(frozen=True, slots=True)
class SdkType:
    """A type of an SDK's.

    kinds   what `type` and `role` may be, where it has them
    fields  and the names of the types that are in each
    values  words that other fields may be, where they may be no others
    """

    kinds: Mapping[str, list[str]]
    fields: Mapping[str, list[str]]
    values: Mapping[str, list[str]] = field(default_factory=dict)


# By their names, the root first.
Graph = Mapping[str, SdkType]


def installed() -> dict[str, Graph]:
    """By API, the types that the installed SDK sends."""
    from anthropic.types import message_create_params as messages
    from anthropic.types.beta import message_create_params as beta
    from openai.types import completion_create_params as completions
    from openai.types.chat import completion_create_params as chat
    from openai.types.responses import response_create_params as responses

    return {
        "chat": _graph(chat.CompletionCreateParamsNonStreaming),
        "completions": _graph(completions.CompletionCreateParamsNonStreaming),
        "responses": _graph(responses.ResponseCreateParamsNonStreaming),
        "messages": _graph(messages.MessageCreateParamsNonStreaming),
        "beta messages": _graph(beta.MessageCreateParamsNonStreaming),
    }


def kept() -> dict[str, Graph]:
    """By API, the types as they were when they were kept."""
    read: dict[str, dict[str, Any]] = json.loads(KEPT.read_text())
    return {
        api: {name: SdkType(*each) for name, each in types.items()} for api, types in read.items()
    }


def _graph(root: Any) -> Graph:
    found: dict[str, SdkType] = {}
    waiting = [root]
    while waiting:
        kind = waiting.pop()
        if _name(kind) in found:
            continue
        hints = {n: h for n, h in get_type_hints(kind).items() if n not in _HEADERS}
        inner = {name: list(_types_in(hint)) for name, hint in hints.items()}
        waiting += [each for types in inner.values() for each in types]
        words = {name: list(_literals(hint)) for name, hint in hints.items() if not _is_open(hint)}
        kinds = {name: list(_literals(hints[name])) for name in _KINDS if name in hints}
        fields = {name: [_name(each) for each in types] for name, types in inner.items()}
        values = {name: told for name, told in words.items() if told and name not in _KINDS}
        found[_name(kind)] = SdkType(kinds, fields, values)
    return found


def _name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__name__}"


def _types_in(hint: Any) -> Iterator[Any]:
    if is_typeddict(hint):
        yield hint
        return
    for each in (hint.__value__,) if hasattr(hint, "__value__") else get_args(hint):
        if not isinstance(each, str):
            yield from _types_in(each)


def _literals(hint: Any) -> Iterator[str]:
    if get_origin(hint) is Literal:
        yield from (each for each in get_args(hint) if isinstance(each, str))
    else:
        for each in get_args(hint):
            yield from _literals(each)


def _is_open(hint: Any) -> bool:
    """Whether any text will do."""
    return hint is str or any(_is_open(each) for each in get_args(hint))


def _takes(info: FieldInfo, value: str) -> bool:
    """Whether a field of ours may be this word, or a list with it."""
    adapter: TypeAdapter[Any] = TypeAdapter(info.rebuild_annotation())
    for given in (value, [value]):
        with contextlib.suppress(ValidationError):
            adapter.validate_python(given)
            return True
    return False


class Pairing:
    """Walks the types of an API of an SDK's beside ours. Kinds of objects that ours do not have are refused by name.

    fates      by its place, whether a field is `read`, `ignored` or `refused`
    undecided  places of fields that ours do not have, nor say what becomes of
    unknown    places of words that ours do not know, in fields that they read
    used       names of the SDK's types that were come to
    """

    def __init__(self, graph: Graph, model: type[Form], api: str) -> None:
        self.fates: dict[str, str] = {}
        self.undecided: list[str] = []
        self.unknown: list[str] = []
        self.used: list[str] = []
        self._graph = graph
        # Types that are looked into, each inside of the one before.
        self._inside: list[tuple[str, type[BaseModel]]] = []
        self._walk(next(iter(graph)), model, None, api)

    def _walk(self, name: str, model: type[BaseModel], chosen_by: str | None, place: str) -> None:
        if (name, model) in self._inside:
            return
        if name not in self.used:
            self.used.append(name)
        if getattr(model, "left_out", None) is not None:
            self.fates[place] = "ignored"
            return
        fields, fates = fields_of(model), fates_of(model)
        self._inside.append((name, model))
        for told, types in self._graph[name].fields.items():
            where = f"{place}.{told}"
            if told in fates:
                self.fates[where] = type(fates[told]).__name__.lower()
            elif told in fields or told == chosen_by:
                self.fates[where] = "read"
                self._try_words(self._graph[name].values.get(told, ()), model, told, where)
                self._walk_value(fields.get(told), types, where)
            else:
                self.undecided.append(where)
        self._inside.pop()

    def _try_words(
        self, words: Iterable[str], model: type[BaseModel], told: str, place: str
    ) -> None:
        ours = {info.alias or name: info for name, info in model.model_fields.items()}
        for word in words:
            if told in ours and not _takes(ours[told], word):
                self.unknown.append(f"{place} {word!r}")

    def _walk_value(self, reading: Reading | None, types: list[str], place: str) -> None:
        while reading is not None:
            for name in types:
                for example in self._examples(name) if reading.choose else ():
                    assert reading.choose is not None
                    model = reading.choose(example)
                    kind = "".join(f" {example[k]}" for k in _KINDS if example.get(k))
                    if model is not None:
                        self._walk(name, model, reading.field, f"{place}[{kind[1:]}]")
                    else:
                        if name not in self.used:
                            self.used.append(name)
                        self.fates[f"{place}[{kind[1:]}]"] = "refused"
            reading = reading.items

    def _examples(self, name: str) -> Iterator[dict[str, Any]]:
        """Objects of a type, one of each of its kinds."""
        found = self._graph[name]
        empty: dict[str, Any] = {f: {} if inner else None for f, inner in found.fields.items()}
        for kind in found.kinds.get("type") or [""]:
            for role in found.kinds.get("role") or [""]:
                said = {"type": kind, "role": role}
                yield {**empty, **{name: each for name, each in said.items() if each}}


def _told(kind: SdkType) -> list[Any]:
    return [kind.kinds, kind.fields, kind.values] if kind.values else [kind.kinds, kind.fields]


def main() -> None:
    """Keep the types of the installed SDKs, those that ours come to."""
    written = []
    for api, graph in installed().items():
        used = Pairing(graph, MODELS[api], api).used
        lines = (f"  {json.dumps(name)}: {json.dumps(_told(graph[name]))}" for name in used)
        written.append(f"{json.dumps(api)}: {{\n" + ",\n".join(lines) + "\n}")
    KEPT.write_text("{" + ",\n".join(written) + "}\n")


if __name__ == "__main__":
    main()
