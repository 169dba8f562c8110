"""JSON Schema -> types, byte for byte as openai-harmony 0.0.8 writes them, even where that loses the meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gptoss.harmony.frozen_json import compact

Schema = Mapping[str, object]


class LibraryTypes:
    """Writes schemas as the TypeScript-like types that the model was trained on.

    A subclass may give more meaning to a schema (`type_of`, `_variants`) and change how comments and keys are put;
    how objects, properties and unions are laid out stays here.
    """

    # Whether the first variant of a union and its property silence each other.
    _drops_comments = True

    def type_of(self, schema: object, indent: str) -> str:
        """The type; lines after its first begin with `indent`."""
        if not isinstance(schema, Mapping):
            return "any"
        if isinstance(schema.get("oneOf"), Sequence) and not isinstance(schema["oneOf"], str):
            return self._union(schema["oneOf"], indent)
        kind = schema.get("type")
        if isinstance(kind, tuple | list):
            names = [_NUMBERS.get(name, name) for name in kind if isinstance(name, str)]
            return " | ".join(names) if names else "any"
        match kind:
            case "object":
                return self._object(schema, indent)
            case "string":
                texts = [value for value in _sequence(schema.get("enum")) if isinstance(value, str)]
                return " | ".join(f'"{text}"' for text in texts) or "string"
            case "number" | "integer":
                return "number"
            case "boolean":
                return "boolean"
            case "array":
                if "items" not in schema:
                    return "Array<any>"
                return f"{self.type_of(schema['items'], indent)}[]"
        return "any"

    def _union(self, variants: object, indent: str) -> str:
        lines = [
            f"\n{indent} | {self._nullable(variant, f'{indent}   ')}"
            f"{self._trailing(variant, _get(variant, 'description'), is_quoted=True)}"
            for variant in _sequence(variants)
        ]
        return "".join(lines)

    def _nullable(self, schema: object, indent: str) -> str:
        text = self.type_of(schema, indent)
        if _get(schema, "nullable") is True and not self._has_null(text):
            return f"{text} | null"
        return text

    def _has_null(self, text: str) -> bool:
        return "null" in text

    def _object(self, schema: Schema, indent: str) -> str:
        description = schema.get("description")
        head = self._comment(description, indent) if isinstance(description, str) else ""
        return f"{head}{{\n{self._properties(schema, indent)}{indent}}}"

    def _properties(self, schema: Schema, indent: str) -> str:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return ""
        required = {name for name in _sequence(schema.get("required")) if isinstance(name, str)}
        return "".join(
            self._property(
                self._key(name) if name in required else f"{self._key(name)}?", value, indent
            )
            for name, value in properties.items()
        )

    def _property(self, key: str, schema: object, indent: str) -> str:
        variants = self._variants(schema)
        head = self._title(schema, indent)
        description = _get(schema, "description")
        if _get(schema, "oneOf", _MISSING) is _MISSING and variants is None:
            head += self._comment(description, indent) if isinstance(description, str) else ""
        head += self._examples(schema, indent)
        if variants is not None:
            return head + self._property_of_variants(key, schema, variants, indent)
        text = f"{indent}{key}: {self._nullable(schema, f'{indent}    ')},"
        if _get(schema, "oneOf", _MISSING) is _MISSING:
            default = _default(schema)
            text += f" // {default}" if default else ""
        return f"{head}{text}\n"

    def _variants(self, schema: object) -> Sequence[object] | None:
        """Of a property whose type is written as one line for each; None: on one line."""
        variants = _get(schema, "oneOf")
        return _sequence(variants) if isinstance(variants, tuple | list) else None

    def _property_of_variants(
        self, key: str, schema: object, variants: Sequence[object], indent: str
    ) -> str:
        description = _get(schema, "description")
        first = _get(variants[0], "description") if variants else None
        is_shown = isinstance(description, str) and not (
            self._drops_comments and first == description
        )
        text = self._comment(str(description), indent) if is_shown else ""
        default = _default(schema)
        text += f"{indent}// {default}\n" if default else ""
        text += f"{indent}{key}:\n"
        for index, variant in enumerate(variants):
            own = _get(variant, "description")
            is_repeated = own == description or (self._drops_comments and index == 0 and is_shown)
            trailing = self._trailing(variant, None if is_repeated else own, is_quoted=False)
            text += f"{indent} | {self._nullable(variant, f'{indent}   ')}{trailing}\n"
        return f"{text}{indent},\n"

    def _trailing(self, variant: object, description: object, *, is_quoted: bool) -> str:
        """The comment after a variant: its description, if that is to be said, and its default."""
        comments = [self._inline(description)] if isinstance(description, str) else []
        default = _default(variant, is_quoted=is_quoted)
        comments += [default] if default else []
        return f" // {' '.join(comments)}" if comments else ""

    def _title(self, schema: object, indent: str) -> str:
        title = _get(schema, "title")
        return f"{self._comment(title, indent)}{indent}//\n" if isinstance(title, str) else ""

    def _examples(self, schema: object, indent: str) -> str:
        examples = _sequence(_get(schema, "examples"))
        if not examples:
            return ""
        lines = [f"{indent}// - {text}\n" for text in map(self._example, examples) if text]
        return f"{indent}// Examples:\n{''.join(lines)}"

    def _comment(self, text: str, indent: str) -> str:
        return f"{indent}// {text}\n"

    def _inline(self, text: str) -> str:
        return text

    def _example(self, value: object) -> str:
        return f'"{value}"' if isinstance(value, str) else ""

    def _key(self, name: str) -> str:
        return name


_NUMBERS = {"integer": "number"}
_MISSING = object()


def _get(schema: object, key: str, otherwise: object = None) -> object:
    return schema.get(key, otherwise) if isinstance(schema, Mapping) else otherwise


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, tuple | list) else ()


def _default(schema: object, *, is_quoted: bool = False) -> str:
    """The comment that names the default; a string stands in quotes unless it is one of an enum."""
    default = _get(schema, "default", _MISSING)
    if default is _MISSING:
        return ""
    if not isinstance(default, str):
        return f"default: {compact(default)}"
    if not _sequence(_get(schema, "enum")):
        return f'default: "{default}"'
    return f"default: {compact(default) if is_quoted else default}"
