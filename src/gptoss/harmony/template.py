"""The second dialect: text as the released checkpoint's chat template writes it, quirks included.

What the template has no form for (other namespaces, response formats, preambles, built-in calls) is written as the
official library does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from gptoss.harmony.declarations import tools_section
from gptoss.harmony.frozen_json import thaw
from gptoss.harmony.messages import DeveloperContent
from gptoss.harmony.sections import formats_text
from gptoss.harmony.tools import ToolDescription

# The template gives up on the elements of an array when their type is longer than this.
_LONGEST_ELEMENT = 50
_ELEMENTS = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean"}


def template_developer_text(content: DeveloperContent) -> str:
    """A developer message: two line feeds after the instructions even where nothing follows."""
    texts = [f"# Instructions\n\n{content.instructions}\n\n"] if content.instructions else []
    for namespace in content.tools:
        if namespace.name == "functions":
            texts.append(f"# Tools\n\n{_functions(namespace.tools)}")
        else:
            texts.append(tools_section([namespace], strict=True))
    if content.response_formats:
        texts += ["\n\n"] if content.tools else []
        texts.append(formats_text(content.response_formats))
    return "".join(texts)


def _functions(tools: Sequence[ToolDescription]) -> str:
    declarations = "".join(map(_declaration, tools))
    return f"## functions\n\nnamespace functions {{\n\n{declarations}}} // namespace functions"


def _declaration(tool: ToolDescription) -> str:
    text = f"// {tool.description}\ntype {tool.name} = "
    properties = (tool.parameters or {}).get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return f"{text}() => any;\n\n"
    required = _required(tool.parameters)
    lines = "".join(_parameter(name, schema, required) for name, schema in properties.items())
    return f"{text}(_: {{\n{lines}}}) => any;\n\n"


def _parameter(name: str, schema: object, required: Collection[object]) -> str:
    spec = schema if isinstance(schema, Mapping) else {}
    comment = f"// {spec['description']}\n" if spec.get("description") else ""
    text = f"{comment}{_marked(name, required)}: {template_type(spec)}"
    if "default" in spec:
        default = spec["default"]
        if spec.get("enum"):
            text += f", // default: {default}"
        elif spec.get("oneOf"):
            text += f"// default: {default}"
        else:
            text += f", // default: {dumps(default)}"
    return f"{text},\n"


def template_type(spec: object) -> str:
    """A schema's type, with the template's own line breaks."""
    if not isinstance(spec, Mapping):
        return "any"
    kind = spec.get("type")
    null = " | null" if spec.get("nullable") else ""
    if kind == "array":
        return _elements(spec.get("items")) + null
    if isinstance(kind, tuple | list) and kind:
        return " | ".join(map(str, kind))
    variants = spec.get("oneOf")
    if isinstance(variants, tuple | list) and variants:
        return " | \n".join(map(_variant, variants))
    if kind == "string":
        values = spec.get("enum")
        if isinstance(values, tuple | list) and values:
            return '"' + '" | "'.join(map(str, values)) + '"'
        return f"string{null}"
    if kind == "object":
        return _object(spec)
    return _ELEMENTS.get(str(kind), "any")


def _elements(items: object) -> str:
    if not items:
        return "any[]"
    kind = items.get("type") if isinstance(items, Mapping) else None
    if isinstance(kind, str) and kind in _ELEMENTS:
        return f"{_ELEMENTS[kind]}[]"
    inner = template_type(items)
    is_given_up = inner == "object | object" or len(inner) > _LONGEST_ELEMENT
    return "any[]" if is_given_up else f"{inner}[]"


def _variant(variant: object) -> str:
    spec = variant if isinstance(variant, Mapping) else {}
    text = template_type(spec)
    if spec.get("description"):
        text += f"// {spec['description']}"
    if "default" in spec:
        text += f"{' ' * 20}// default: {dumps(spec['default'])}"
    return text


def _object(spec: Mapping[str, object]) -> str:
    properties = spec.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return "object"
    required = _required(spec)
    lines = [
        f"{_marked(name, required)}: \n{' ' * 16}{template_type(each)}"
        for name, each in properties.items()
    ]
    return "{\n" + ", ".join(lines) + "}"


def _required(schema: Mapping[str, object] | None) -> Collection[object]:
    names = (schema or {}).get("required")
    return (
        {name for name in names if isinstance(name, str)} if isinstance(names, tuple | list) else ()
    )


def _marked(name: str, required: Collection[object]) -> str:
    return name if name in required else f"{name}?"


def dumps(value: object) -> str:
    """JSON as the template's filter writes it."""
    return json.dumps(thaw(value), ensure_ascii=False)


def template_arguments(text: str) -> str:
    """A call's arguments: an object is written anew, anything else becomes a JSON string."""
    try:
        value = json.loads(text)
        if isinstance(value, dict):
            return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        pass
    return dumps(text)
