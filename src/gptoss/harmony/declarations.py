"""JSON Schema -> the declarations that the model was trained on, with all that the schema means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeGuard

from gptoss.errors import MessageError
from gptoss.harmony.frozen_json import compact, thaw
from gptoss.harmony.library_types import LibraryTypes
from gptoss.harmony.tools import ToolDescription, ToolNamespace

# A schema whose references multiply would fill the context; the largest real ones need a few hundred.
MAX_EXPANSIONS = 1000

_PLAIN_KEY = re.compile(r"[\w$./@-]+")
_LITERAL_OR_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\w+')


def tools_section(namespaces: Iterable[ToolNamespace], *, strict: bool) -> str:
    """The `# Tools` part of a system or developer message, namespaces in the order of their names.

    `strict` writes types byte for byte as openai-harmony 0.0.8 does. Raises MessageError for a schema whose
    references expand to too much.
    """
    ordered = sorted(namespaces, key=lambda namespace: namespace.name)
    sections = (_namespace(namespace, strict=strict) for namespace in ordered)
    return "\n\n".join(["# Tools", *sections])


def _namespace(namespace: ToolNamespace, *, strict: bool) -> str:
    lines = [f"## {namespace.name}\n"]
    description = _lines(namespace.description or "")
    if not namespace.tools:
        return "\n".join([*lines, *description])
    lines += [f"// {line}" for line in description]
    lines.append(f"namespace {namespace.name} {{\n")
    taken: dict[str, object] = {tool.name: None for tool in namespace.tools}
    for tool in namespace.tools:
        if strict:
            lines += _declaration(tool, LibraryTypes())
        else:
            types = FullTypes(tool, taken)
            lines += [*types.aliases(), *_declaration(tool, types)]
    lines.append(f"}} // namespace {namespace.name}")
    return "\n".join(lines)


def _declaration(tool: ToolDescription, types: LibraryTypes) -> Iterator[str]:
    yield from (f"// {line}" for line in _lines(tool.description))
    if tool.parameters is None or (isinstance(types, FullTypes) and not tool.parameters):
        yield f"type {tool.name} = () => any;\n"
    else:
        yield f"type {tool.name} = (_: {types.type_of(tool.parameters, '')}) => any;\n"


def _lines(text: str) -> list[str]:
    """Lines as Rust has them: only a line feed ends one, and takes a carriage return before it along."""
    *ended, last = text.split("\n")
    lines = [line.removesuffix("\r") for line in ended]
    return [*lines, last] if last else lines


class FullTypes(LibraryTypes):
    """Types of one tool's parameters that keep what the schema says.

    Besides what the library writes: anyOf, allOf, `$ref` (written out, or as a named type where it refers to itself),
    const, enums of any values, arrays of unions, tuples, free-form objects, comments of several lines.
    """

    _drops_comments = False

    def __init__(self, tool: ToolDescription, taken: dict[str, object]) -> None:
        """`taken` holds the names of the namespace and what they stand for; aliases are added to it."""
        self._tool = tool
        self._root: Mapping[str, object] = tool.parameters or {}
        self._expansions = 0
        self._alias_by_pointer: dict[str, str] = {}
        self._new_aliases: list[tuple[str, str]] = []
        for pointer in _recursive_pointers(self._root):
            definition = thaw(_resolve(self._root, pointer))
            name = _alias(pointer, definition, taken)
            self._alias_by_pointer[pointer] = name
            if name not in taken:
                taken[name] = definition
                self._new_aliases.append((name, pointer))

    def aliases(self) -> Iterator[str]:
        """Declarations of the types that refer to themselves."""
        for name, pointer in self._new_aliases:
            yield f"type {name} = {self.type_of(_resolve(self._root, pointer), '')};\n"

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
        parts = [self._base(schema, indent), *self._intersection(schema, indent)]
        parts = [part for part in parts if part]
        if len(parts) > 1:
            parts = [_grouped(part) for part in parts]
        return " & ".join(parts) or "any"

    def _base(self, schema: Mapping[str, object], indent: str) -> str:
        """What the schema says besides allOf, perhaps nothing."""
        for keyword in ("oneOf", "anyOf"):
            variants = schema.get(keyword)
            if _is_array(variants):
                return self._variants_of(variants, indent)
        kind = schema.get("type")
        if _is_array(kind):
            names = dict.fromkeys(name for name in kind if isinstance(name, str))
            return _joined(self.type_of({**schema, "type": name}, indent) for name in names)
        if kind is None:
            kind = _implied_kind(schema)
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
        inherited = super()._variants(schema)
        if inherited is not None or not isinstance(schema, Mapping):
            return inherited
        variants = schema.get("anyOf")
        return variants if _is_array(variants) and not self._are_short(variants) else None

    def _are_short(self, variants: Sequence[object]) -> bool:
        return all(not _has_comment(each) and self._is_short(each) for each in variants)

    def _is_short(self, schema: object) -> bool:
        """Whether a type stands on one line; told from the schema, since writing it to see would double each level."""
        schema = self._resolved(schema)
        if not isinstance(schema, Mapping) or {"$ref", "const", "enum"} & schema.keys():
            return True
        parts = [schema.get(key) for key in ("oneOf", "anyOf", "allOf")]
        if not all(self._are_short(part) for part in parts if _is_array(part)):
            return False
        if any(_is_array(part) for part in parts[:2]):
            return True
        is_object = not _has_index(schema) and not schema.get("properties")
        elements = [schema.get("items"), schema.get("prefixItems"), schema.get("additionalItems")]
        inner = [each for part in elements for each in (part if _is_array(part) else [part])]
        is_open = schema.get("additionalProperties") is not False
        return is_object and is_open and all(self._is_short(each) for each in inner)

    def _property(self, key: str, schema: object, indent: str) -> str:
        return super()._property(key, self._resolved(schema), indent)

    def _reference(self, schema: Mapping[str, object], pointer: str, indent: str) -> str:
        if pointer in self._alias_by_pointer:
            return self._alias_by_pointer[pointer]
        resolved = self._resolved(schema)
        return "any" if resolved is schema else self._nullable(resolved, indent)

    def _resolved(self, schema: object) -> object:
        """What a reference means, and what stands beside it; one to itself or elsewhere is left as it is."""
        while isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
            pointer = str(schema["$ref"])
            target = _resolve(self._root, pointer)
            if pointer in self._alias_by_pointer or target is None:
                break
            self._expansions += 1
            if self._expansions > MAX_EXPANSIONS:
                raise MessageError(
                    f"got parameters of {self._tool.name} whose $ref expand more than {MAX_EXPANSIONS} "
                    "times, wanted a smaller schema"
                )
            if not isinstance(target, Mapping):
                return target
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**target, **beside}
        return schema

    def _object(self, schema: Mapping[str, object], indent: str) -> str:
        if schema is self._root or schema.get("properties") or _has_index(schema):
            return super()._object(schema, indent)
        is_closed = schema.get("additionalProperties") is False
        return super()._object(schema, indent) if is_closed else "object"

    def _properties(self, schema: Mapping[str, object], indent: str) -> str:
        return super()._properties(schema, indent) + self._index(schema, indent)

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
        items = schema.get("items")
        leading = schema.get("prefixItems", items if _is_array(items) else None)
        if _is_array(leading):
            texts = [self._nullable(item, indent) for item in leading]
            rest = schema.get("additionalItems" if _is_array(items) else "items", False)
            if isinstance(rest, Mapping):
                texts.append(f"...{_grouped(self._nullable(rest, indent))}[]")
            return f"[{', '.join(texts)}]"
        if items is None:
            return "Array<any>"
        return f"{_grouped(self._nullable(items, indent))}[]"

    def _has_null(self, text: str) -> bool:
        return "null" in _LITERAL_OR_WORD.findall(text)

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


def _joined(types: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(types)) or "never"


def _grouped(text: str) -> str:
    """In parentheses if it is a union or intersection at its outermost level."""
    depth = 0
    for piece in re.findall(r'"(?:[^"\\]|\\.)*"|//[^\n]*|[{}()\[\]|&]', text):
        depth += (piece in "{([") - (piece in "})]")
        if depth == 0 and piece in "|&":
            return f"({text})"
    return text


def _resolve(root: Mapping[str, object], pointer: str) -> object:
    """What a reference within the schema refers to; None for one that leads elsewhere."""
    if not pointer.startswith("#"):
        return None
    found: object = root
    for part in pointer[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, tuple | list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        else:
            return None
    return found


def _pointers(schema: object) -> Iterator[str]:
    """References in a schema, its definitions apart."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            elif key not in ("$defs", "definitions", "enum", "const", "default", "examples"):
                yield from _pointers(value)
    elif isinstance(schema, tuple | list):
        for item in schema:
            yield from _pointers(item)


def _recursive_pointers(root: Mapping[str, object]) -> list[str]:
    """References that come back to themselves, in the order in which they are met."""
    targets: dict[str, list[str]] = {}
    waiting = [*_pointers(root)]
    while waiting:
        pointer = waiting.pop(0)
        if pointer not in targets:
            targets[pointer] = [*_pointers(_resolve(root, pointer))]
            waiting += targets[pointer]
    return [pointer for pointer in targets if _reaches(targets, pointer)]


def _reaches(targets: Mapping[str, list[str]], goal: str) -> bool:
    seen: set[str] = set()
    waiting = [*targets[goal]]
    while waiting:
        pointer = waiting.pop()
        if pointer == goal:
            return True
        if pointer not in seen:
            seen.add(pointer)
            waiting += targets[pointer]
    return False


def _alias(pointer: str, definition: object, taken: Mapping[str, object]) -> str:
    """A name for a type: the definition's own, numbered if it means something else already."""
    own = re.sub(r"\W", "_", pointer.rsplit("/", 1)[-1]).strip("_") or "Parameters"
    name, number = own, 2
    while name in taken and taken[name] != definition:
        name, number = f"{own}_{number}", number + 1
    return name
