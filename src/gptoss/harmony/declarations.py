"""JSON Schema -> the declarations that the model was trained on, with all that the schema means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeGuard

from gptoss.errors import MessageError
from gptoss.harmony.frozen_json import compact
from gptoss.harmony.library_types import LibraryTypes
from gptoss.harmony.references import Expansions, TypeNames, recursive_pointers
from gptoss.harmony.tools import ToolDescription, ToolNamespace
from gptoss.schemas import read, read_object, resolve
from gptoss.schemas.keywords import HELD


def _with_literals(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return re.compile(rf'"(?:[^"\\]|\\.)*"|"|{pattern}', re.DOTALL), re.compile(pattern)


# Of types inside each other, references written out: as many as a schema without any may have.
MAX_LEVELS = 64

_PLAIN_KEY = re.compile(r"[\w$./@-]+")
# Each as it is, and without literals.
_WORDS = _with_literals(r"\w+")
_SIGNS = _with_literals(r"//[^\n]*|[{}()\[\]|&]")
# Keywords that are written as a type; `required` alone is none.
_TYPED = {
    *("type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "properties"),
    *("patternProperties", "additionalProperties", "items", "prefixItems"),
}
# Of a tool that takes text, which is no JSON.
_TEXT = {"type": "string"}


def tools_section(namespaces: Iterable[ToolNamespace], *, strict: bool) -> str:
    """The `# Tools` part of a system or developer message, namespaces in the order of their names.

    `strict` writes types byte for byte as openai-harmony 0.0.8 does. Raises MessageError for a schema whose
    references expand to too much.
    """
    ordered = sorted(namespaces, key=lambda namespace: namespace.name)
    expansions = Expansions()
    sections = (_namespace(namespace, expansions, strict=strict) for namespace in ordered)
    return "\n\n".join(["# Tools", *sections])


def _namespace(namespace: ToolNamespace, expansions: Expansions, *, strict: bool) -> str:
    lines = [f"## {namespace.name}\n"]
    description = _lines(namespace.description or "")
    if not namespace.tools:
        return "\n".join([*lines, *description])
    lines += [f"// {line}" for line in description]
    lines.append(f"namespace {namespace.name} {{\n")
    names = TypeNames(tool.name for tool in namespace.tools)
    for tool in namespace.tools:
        if strict:
            lines += _declaration(tool, LibraryTypes(), tool.parameters)
        else:
            types = FullTypes(tool, names, expansions)
            lines += [*types.aliases(), *_declaration(tool, types, types.root)]
    lines.append(f"}} // namespace {namespace.name}")
    return "\n".join(lines)


def _declaration(
    tool: ToolDescription, types: LibraryTypes, parameters: Mapping[str, object] | None
) -> Iterator[str]:
    yield from (f"// {line}" for line in _lines(tool.description))
    if parameters is None:
        yield f"type {tool.name} = () => any;\n"
    else:
        yield f"type {tool.name} = (_: {types.type_of(parameters, '')}) => any;\n"


def _read(parameters: Mapping[str, object] | None) -> Mapping[str, object] | None:
    """What a tool's parameters say, as a turn is held to them; None: there are none."""
    if not parameters:
        return None
    reading = read(parameters) if parameters == _TEXT else read_object(parameters)
    return reading.schema if isinstance(reading.schema, dict) else None


def _lines(text: str) -> list[str]:
    """Lines as Rust has them: only a line feed ends one, and takes a carriage return before it along."""
    *ended, last = text.split("\n")
    lines = [line.removesuffix("\r") for line in ended]
    return [*lines, last] if last else lines


class FullTypes(LibraryTypes):
    """Types of one tool's parameters that keep what the schema says, as `gptoss.schemas` reads it.

    root  the parameters, so read; None: there are none

    Besides what the library writes: anyOf, allOf, `$ref` (written out, or as a named type where it refers to itself),
    const, enums of any values, arrays of unions, tuples, free-form objects, comments of several lines.
    """

    _drops_comments = False

    def __init__(self, tool: ToolDescription, names: TypeNames, expansions: Expansions) -> None:
        """`names` are those of the namespace, to which aliases are added; `expansions` counts for several tools."""
        self._tool = tool
        self.root = _read(tool.parameters)
        self._root: Mapping[str, object] = self.root or {}
        self._budget = expansions.of(tool.name)
        self._budget.spend_text(self._root)
        self._level = 0
        self._alias_by_pointer: dict[str, str] = {}
        self._new_aliases: list[tuple[str, str]] = []
        alias_by_place: dict[int, str] = {}
        for pointer in recursive_pointers(self._root):
            target = resolve(self._root, pointer)
            # A place that is spelled in several ways has one name.
            if id(target) not in alias_by_place:
                alias_by_place[id(target)], is_new = names.of(pointer, target)
                if is_new:
                    self._new_aliases.append((alias_by_place[id(target)], pointer))
            self._alias_by_pointer[pointer] = alias_by_place[id(target)]

    def aliases(self) -> Iterator[str]:
        """Declarations of the types that refer to themselves."""
        for name, pointer in self._new_aliases:
            target = resolve(self._root, pointer)
            self._budget.spend_text(target)
            yield f"type {name} = {self.type_of(target, '')};\n"

    def type_of(self, schema: object, indent: str) -> str:
        if schema is False:
            return "never"
        if not isinstance(schema, Mapping) or not schema:
            return "any"
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema, str(schema["$ref"]), indent)
        if "const" in schema:
            return compact(schema["const"])
        if _is_array(schema.get("enum")) and schema["enum"]:
            return " | ".join(compact(value) for value in schema["enum"])
        with self._deeper():
            parts = self._together(schema, indent)
        if len(parts) > 1:
            parts = [_grouped(part) for part in parts]
        return " & ".join(parts) or "any"

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        """Count a level. Raises MessageError where references lead deeper than a schema may be."""
        self._level += 1
        if self._level > MAX_LEVELS:
            raise MessageError(
                f"got parameters of {self._tool.name} that are nested deeper than {MAX_LEVELS} levels with each $ref "
                "written out, wanted less"
            )
        yield
        self._level -= 1

    def _together(self, schema: Mapping[str, object], indent: str) -> list[str]:
        """The types of which a value is each: the schema's own, those of its alternatives, and those of allOf."""
        is_bare = not _has_structure(schema)
        several = [schema.get(name) for name in ("oneOf", "anyOf")]
        unions = [
            self._variants_of(each, indent)
            for each in several
            if _is_array(each) and (is_bare or all(map(_has_type, each)))
        ]
        further = [*unions, *self._intersection(schema, indent)]
        is_said = bool(unions) or schema.get("type") == "object"
        if is_bare and is_said and any(text not in ("", "any") for text in further):
            own = ""
        else:
            own = self._base(schema, indent)
        parts = [part for part in (own, *further) if part]
        return [part for part in parts if part != "any"] or parts[:1]

    def _base(self, schema: Mapping[str, object], indent: str) -> str:
        """What the schema says itself, perhaps nothing."""
        kind = schema.get("type")
        if _is_array(kind):
            kinds = [{**schema, "type": name} for name in kind]
            return _joined(self._of_kind(each, each["type"], indent) for each in kinds)
        return self._of_kind(schema, _implied_kind(schema) if kind is None else kind, indent)

    def _of_kind(self, schema: Mapping[str, object], kind: object, indent: str) -> str:
        match kind:
            case "object":
                return self._object(schema, indent)
            case "array":
                return self._array(schema, indent)
            case "null":
                return "null"
            case "string":
                return "string"
        return super().type_of({"type": kind}, indent) if kind else ""

    def _intersection(self, schema: Mapping[str, object], indent: str) -> list[str]:
        every = schema.get("allOf")
        return [self.type_of(part, indent) for part in every] if _is_array(every) else []

    def _variants_of(self, variants: Sequence[object], indent: str) -> str:
        """On one line where every variant is a word or so, else a line for each."""
        if not self._are_short(variants):
            return self._union(variants, indent)
        return _joined(self._nullable(variant, f"{indent}   ") for variant in variants)

    def _variants(self, schema: object) -> Sequence[object] | None:
        variants = self._own_variants(schema)
        is_nullable = isinstance(schema, Mapping) and schema.get("nullable") is True
        return [*variants, {"type": "null"}] if variants and is_nullable else variants

    def _own_variants(self, schema: object) -> Sequence[object] | None:
        inherited = super()._variants(schema)
        if inherited is not None or not isinstance(schema, Mapping):
            return inherited
        variants = schema.get("anyOf")
        is_long = _is_array(variants) and not self._are_short(variants)
        return variants if is_long and _is_one_union(schema) else None

    def _are_short(self, variants: Sequence[object]) -> bool:
        return all(not _has_comment(each) and self._is_short(each) for each in variants)

    def _is_short(self, schema: object) -> bool:
        """Whether a type stands on one line; told from the schema, since writing it to see would double each level."""
        schema = self._resolved(schema)
        if not isinstance(schema, Mapping) or {"$ref", "const", "enum"} & schema.keys():
            return True
        with self._deeper():
            return self._has_one_line(schema)

    def _has_one_line(self, schema: Mapping[str, object]) -> bool:
        parts = [schema.get(key) for key in ("oneOf", "anyOf", "allOf")]
        if schema.get("properties") or schema.get("required") or _has_index(schema):
            return False
        if not all(self._are_short(part) for part in parts if _is_array(part)):
            return False
        if any(_is_array(part) for part in parts[:2]):
            return True
        leading = schema.get("prefixItems")
        inner = [schema.get("items"), *(leading if _is_array(leading) else ())]
        is_open = schema.get("additionalProperties") is not False
        return is_open and all(self._is_short(each) for each in inner)

    def _property(self, key: str, schema: object, indent: str) -> str:
        schema = self._resolved(schema)
        if isinstance(schema, Mapping) and "oneOf" in schema and not _is_one_union(schema):
            # The library says nothing more of what has one.
            every, union = schema.get("allOf"), {"anyOf": schema["oneOf"]}
            rest = {name: value for name, value in schema.items() if name != "oneOf"}
            schema = {**rest, "allOf": [*(every if _is_array(every) else ()), union]}
        return super()._property(key, schema, indent)

    def _reference(self, schema: Mapping[str, object], pointer: str, indent: str) -> str:
        if pointer in self._alias_by_pointer:
            return self._alias_by_pointer[pointer]
        resolved = self._resolved(schema)
        return "any" if resolved is schema else self._nullable(resolved, indent)

    def _resolved(self, schema: object) -> object:
        """What a reference means, and what stands beside it; one to itself or elsewhere is left as it is."""
        while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
            pointer = str(schema["$ref"])
            target = resolve(self._root, pointer)
            if pointer in self._alias_by_pointer or target is None:
                break
            self._budget.spend(target)
            if not isinstance(target, Mapping):
                return target
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            every = beside.get("allOf")
            if beside.keys() & target.keys() & (HELD.keys() - {"type"}):
                return {**beside, "allOf": [target, *(every if _is_array(every) else ())]}
            schema = {**target, **beside}
        return schema

    def _object(self, schema: Mapping[str, object], indent: str) -> str:
        if schema is self._root or _has_structure(schema):
            return super()._object(schema, indent)
        is_closed = schema.get("additionalProperties") is False
        return super()._object(schema, indent) if is_closed else "object"

    def _properties(self, schema: Mapping[str, object], indent: str) -> str:
        named, required = schema.get("properties"), schema.get("required")
        further = [
            f"{indent}{self._key(str(name))}: any,\n"
            for name in (required if _is_array(required) else ())
            if not (isinstance(named, Mapping) and name in named)
        ]
        own = super()._properties(schema, indent)
        return "".join((own, *further, self._index(schema, indent)))

    def _index(self, schema: Mapping[str, object], indent: str) -> str:
        """The line for keys that the schema does not name."""
        if not _has_index(schema):
            return ""
        patterns, rest = schema.get("patternProperties"), schema.get("additionalProperties")
        others = [*patterns.values()] if isinstance(patterns, Mapping) else []
        others += [rest] if isinstance(rest, Mapping) else []
        types = _joined(self._nullable(other, f"{indent}    ") for other in others)
        return f"{indent}[key: string]: {types},\n"

    def _array(self, schema: Mapping[str, object], indent: str) -> str:
        items, leading = schema.get("items"), schema.get("prefixItems")
        if _is_array(leading):
            texts = [self._nullable(item, indent) for item in leading]
            if isinstance(items, Mapping):
                texts.append(f"...{_grouped(self._nullable(items, indent))}[]")
            return f"[{', '.join(texts)}]"
        if items is None:
            return "Array<any>"
        return f"{_grouped(self._nullable(items, indent))}[]"

    def _has_null(self, text: str) -> bool:
        return "null" in _pieces(_WORDS, text)

    def _comment(self, text: str, indent: str) -> str:
        return "".join(f"{indent}// {line}\n" for line in text.splitlines() or [""])

    def _inline(self, text: str) -> str:
        return " ".join(text.split())

    def _example(self, value: object) -> str:
        return compact(value)

    def _key(self, name: str) -> str:
        return name if _PLAIN_KEY.fullmatch(name) else compact(name)


def _is_array(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, tuple | list)


def _has_comment(variant: object) -> bool:
    return isinstance(variant, Mapping) and ("description" in variant or "default" in variant)


def _has_index(schema: Mapping[str, object]) -> bool:
    """Whether keys that the schema does not name have a type."""
    patterns = schema.get("patternProperties")
    is_patterned = isinstance(patterns, Mapping) and bool(patterns)
    return is_patterned or isinstance(schema.get("additionalProperties"), Mapping)


def _implied_kind(schema: Mapping[str, object]) -> str | None:
    """Of a schema that names no type."""
    if "properties" in schema or "additionalProperties" in schema or "patternProperties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else None


def _has_structure(schema: Mapping[str, object]) -> bool:
    """Whether a schema says more of an object or an array than its type."""
    named = any(schema.get(name) for name in ("properties", "required", "prefixItems"))
    return named or "items" in schema or _has_index(schema)


def _has_type(variant: object) -> bool:
    """Whether a schema says of what type its values are; one that does not may say which names they have."""
    return isinstance(variant, Mapping) and any(name in _TYPED for name in variant)


def _is_one_union(schema: Mapping[str, object]) -> bool:
    """Whether a schema with alternatives says nothing but these."""
    num = sum(name in schema for name in ("oneOf", "anyOf", "allOf"))
    return num == 1 and not _has_structure(schema)


def _joined(types: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(types)) or "never"


def _pieces(patterns: tuple[re.Pattern[str], re.Pattern[str]], text: str) -> Iterator[str]:
    """Literals, and what else is looked for."""
    with_literals, without = patterns
    for found in with_literals.finditer(text):
        if found[0] == '"':
            # A literal without an end: nor has any after it one, and looking for that from each takes quadratic time.
            yield from without.findall(text, found.end())
            return
        yield found[0]


def _grouped(text: str) -> str:
    """In parentheses if it is a union or intersection at its outermost level."""
    depth = 0
    for piece in _pieces(_SIGNS, text):
        depth += (piece in "{([") - (piece in "})]")
        if depth == 0 and piece in "|&":
            return f"({text})"
    return text
