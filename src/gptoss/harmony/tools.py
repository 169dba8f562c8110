"""What the model may call, and the shapes that its answer may be asked to have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gptoss.errors import MessageError, shown
from gptoss.harmony.frozen_json import JsonObject, freeze_object, thaw
from gptoss.harmony.names import entries, require_header_word


@dataclass(frozen=True, slots=True)
class ToolDescription:
    """A function of a namespace.

    parameters  JSON Schema of its one object argument; None: it takes none. Kept as a read-only copy.

    Raises MessageError for a name that is not one word, or parameters that are not a JSON object.
    """

    name: str
    description: str = ""
    parameters: JsonObject | None = None

    def __post_init__(self) -> None:
        require_header_word("the name of a tool", self.name)
        _require_text(f"the description of {self.name}", self.description)
        if self.parameters is not None:
            frozen = freeze_object(self.parameters, f"the parameters of {self.name}")
            object.__setattr__(self, "parameters", frozen)

    def __hash__(self) -> int:
        return hash((self.name, self.description))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.name, self.description, thaw(self.parameters))


@dataclass(frozen=True, slots=True)
class ToolNamespace:
    """Tools whose recipients are `NAME.TOOL`; one without tools is called by its bare name, as `python` is."""

    name: str
    tools: tuple[ToolDescription, ...] = ()
    description: str | None = None

    def __post_init__(self) -> None:
        require_header_word("the name of a tool namespace", self.name)
        _require_text(f"the description of {self.name}", self.description or "")
        tools = entries(f"the tools of {self.name}", self.tools, ToolDescription)
        object.__setattr__(self, "tools", tools)
        require_distinct(f"tools of {self.name}", (tool.name for tool in self.tools))

    @property
    def recipients(self) -> tuple[str, ...]:
        """What a call of each is addressed to."""
        if not self.tools:
            return (self.name,)
        return tuple(f"{self.name}.{tool.name}" for tool in self.tools)


def functions(tools: Iterable[ToolDescription]) -> ToolNamespace:
    """The namespace in which an application's own functions stand."""
    return ToolNamespace("functions", tuple(tools))


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """A JSON Schema that the final answer is to match, as the model is told of it.

    Telling alone is a hint: only a grammar at sampling time enforces it.
    """

    name: str
    schema: JsonObject
    description: str | None = None

    def __post_init__(self) -> None:
        require_header_word("the name of a response format", self.name)
        _require_text(f"the description of {self.name}", self.description or "")
        frozen = freeze_object(self.schema, f"the schema of {self.name}")
        object.__setattr__(self, "schema", frozen)

    def __hash__(self) -> int:
        return hash((self.name, self.description))

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.name, thaw(self.schema), self.description)


def require_distinct(what: str, names: Iterable[str]) -> None:
    """Raises MessageError if a name comes twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise MessageError(f"got {shown(name)} twice among the {what}, wanted distinct names")
        seen.add(name)


def _require_text(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise MessageError(f"got {type(value).__name__} as {what}, wanted text")


def _object(properties: Mapping[str, object], *required: str) -> dict[str, object]:
    schema: dict[str, object] = {"type": "object", "properties": dict(properties)}
    return {**schema, "required": list(required)} if required else schema


_NUMBER = {"type": "number", "default": -1}

# The two namespaces that the model was trained with, word for word as it saw them (openai-harmony 0.0.8).
BROWSER = ToolNamespace(
    "browser",
    (
        ToolDescription(
            "search",
            "Searches for information related to `query` and displays `topn` results.",
            _object(
                {
                    "query": {"type": "string"},
                    "topn": {"type": "number", "default": 10},
                    "source": {"type": "string"},
                },
                "query",
            ),
        ),
        ToolDescription(
            "open",
            "Opens the link `id` from the page indicated by `cursor` starting at line number `loc`, "
            "showing `num_lines` lines.\n"
            "Valid link ids are displayed with the formatting: `【{id}†.*】`.\n"
            "If `cursor` is not provided, the most recent page is implied.\n"
            "If `id` is a string, it is treated as a fully qualified URL associated with `source`.\n"
            "If `loc` is not provided, the viewport will be positioned at the beginning of the document "
            "or centered on the most relevant passage, if available.\n"
            "Use this function without `id` to scroll to a new location of an opened page.",
            _object(
                {
                    "id": {"type": ["number", "string"], "default": -1},
                    "cursor": _NUMBER,
                    "loc": _NUMBER,
                    "num_lines": _NUMBER,
                    "view_source": {"type": "boolean", "default": False},
                    "source": {"type": "string"},
                }
            ),
        ),
        ToolDescription(
            "find",
            "Finds exact matches of `pattern` in the current page, or the page given by `cursor`.",
            _object({"pattern": {"type": "string"}, "cursor": _NUMBER}, "pattern"),
        ),
    ),
    "Tool for browsing.\n"
    "The `cursor` appears in brackets before each browsing display: `[{cursor}]`.\n"
    "Cite information from the tool using the following format:\n"
    "`【{cursor}†L{line_start}(-L{line_end})?】`, for example: `【6†L9-L11】` or `【8†L3】`.\n"
    "Do not quote more than 10 words directly from the tool output.\n"
    "sources=web (default: web)",
)
PYTHON = ToolNamespace(
    "python",
    (),
    "Use this tool to execute Python code in your chain of thought. The code will not be shown to the user. "
    "This tool should be used for internal reasoning, but not for code that is intended to be visible to the "
    "user (e.g. when creating plots, tables, or files).\n\n"
    "When you send a message containing Python code to python, it will be executed in a stateful Jupyter "
    "notebook environment. python will respond with the output of the execution or time out after 120.0 "
    "seconds. The drive at '/mnt/data' can be used to save and persist user files. Internet access for this "
    "session is UNKNOWN. Depends on the cluster.",
)
