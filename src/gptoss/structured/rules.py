"""What a turn may consist of, as a request says it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from gptoss.errors import SchemaError, listed, shown
from gptoss.harmony import Message, SystemContent, ToolNamespace
from gptoss.harmony.messages import DeveloperContent
from gptoss.schemas import Schema

MAX_TOOLS = 256
MAX_CHOICES = 1024


class AnswerKind(StrEnum):
    """What the final message may be."""

    TEXT = "text"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    LARK = "lark"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Answer:
    """The shape of the final message, or of a text that a tool takes.

    kind       what `value` is
    value      the schema, the regular expression, the Lark grammar, or the texts to choose from; None for the others.
               An object may have a schema too
    is_strict  of a schema: whether keywords that cannot be enforced are refused, rather than reported

    Regular expressions are those of Rust's crate `regex` and match the whole answer; Lark grammars are llguidance's.

    Raises SchemaError for a value that is not of its kind.
    """

    kind: AnswerKind = AnswerKind.TEXT
    value: Schema | str | tuple[str, ...] | None = None
    is_strict: bool = True

    def __post_init__(self) -> None:
        wanted: dict[AnswerKind, tuple[type, ...]] = {
            AnswerKind.JSON_OBJECT: (Mapping, type(None)),
            AnswerKind.JSON_SCHEMA: (Mapping, bool),
            AnswerKind.REGEX: (str,),
            AnswerKind.LARK: (str,),
            AnswerKind.CHOICE: (tuple,),
        }
        types = wanted.get(self.kind, (type(None),))
        if not isinstance(self.value, types):
            names = " or ".join(each.__name__ for each in types)
            raise SchemaError(
                f"got {type(self.value).__name__} for an answer of the kind {self.kind}, wanted {names}"
            )
        if isinstance(self.value, tuple):
            is_text = all(isinstance(choice, str) and choice for choice in self.value)
            if not 1 <= len(self.value) <= MAX_CHOICES or not is_text:
                raise SchemaError(f"wanted 1 to {MAX_CHOICES} choices, none of them empty")

    @property
    def is_grammar(self) -> bool:
        """Whether the answer is of a grammar that is no schema."""
        return self.kind in (AnswerKind.REGEX, AnswerKind.LARK, AnswerKind.CHOICE)

    @property
    def is_json(self) -> bool:
        """Whether the answer is a JSON value."""
        return self.kind in (AnswerKind.JSON_OBJECT, AnswerKind.JSON_SCHEMA)


@dataclass(frozen=True, slots=True)
class ToolRule:
    """A tool that may be called.

    recipient    what a call is addressed to, such as `functions.get_weather`
    parameters   JSON Schema of its argument; None: it takes none
    is_strict    whether keywords that cannot be enforced are refused; otherwise each is left out alone, and reported
    is_built_in  whether the model was trained to call it from its chain of thought, as `python` and the browser
    takes_text   whether its argument is bare text, as `python` takes code
    text         the shape of that text: free, or of a grammar
    """

    recipient: str
    parameters: Schema | None = None
    is_strict: bool = False
    is_built_in: bool = False
    takes_text: bool = False
    text: Answer = Answer()


class ToolChoice(StrEnum):
    """Whether the turn calls a tool."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class TurnRules:
    """All that a turn may be.

    tools        that are declared
    choice       whether one must, may or must not be called
    allowed      recipients that may be called; None: all
    is_parallel  whether several calls may follow each other in one turn; where one tool is named, there is one call
    answer       the final message
    reasons      whether the turn may have a chain of thought

    Raises SchemaError for a choice that no declared tool can meet.
    """

    tools: tuple[ToolRule, ...] = ()
    choice: ToolChoice = ToolChoice.AUTO
    allowed: tuple[str, ...] | None = None
    is_parallel: bool = False
    answer: Answer = Answer()
    reasons: bool = True

    def __post_init__(self) -> None:
        declared = [tool.recipient for tool in self.tools]
        if len(declared) > MAX_TOOLS:
            raise SchemaError(f"got {len(declared)} tools, wanted at most {MAX_TOOLS}")
        known = frozenset(declared)
        for name in self.allowed or ():
            if name not in known:
                names = listed(declared) or "there is none"
                raise SchemaError(
                    f"got the tool choice {shown(name)}, wanted a declared tool: {names}"
                )
        if self.choice is ToolChoice.REQUIRED and not self.callable:
            raise SchemaError(
                "a tool call is required, but no tool is declared that may be called; declare one"
            )

    @property
    def callable(self) -> tuple[ToolRule, ...]:
        """Tools that may be called."""
        if self.choice is ToolChoice.NONE:
            return ()
        if self.allowed is None:
            return self.tools
        allowed = frozenset(self.allowed)
        return tuple(tool for tool in self.tools if tool.recipient in allowed)

    @property
    def may_answer(self) -> bool:
        """Whether the turn may end with an answer."""
        return self.choice is not ToolChoice.REQUIRED

    @property
    def has_several_calls(self) -> bool:
        """Whether a call may be followed by another."""
        is_named = self.choice is ToolChoice.REQUIRED and len(self.allowed or ()) == 1
        return self.is_parallel and not is_named

    @property
    def has_preamble(self) -> bool:
        """Whether the turn may say something to the user before it calls a tool.

        Programs that ask for an answer of a form read all that is said to the user as that, beside calls too.
        """
        return bool(self.callable) and self.answer.kind is AnswerKind.TEXT

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to keep but the format of the turn."""
        return not self.callable and self.answer.kind is AnswerKind.TEXT

    def without_reasoning(self) -> TurnRules:
        """The same from where the chain of thought is over."""
        return replace(self, reasons=False)

    def key(self) -> str:
        """What tells these rules from others, as text."""
        tools = [
            [
                *(tool.recipient, tool.parameters, tool.is_strict, tool.is_built_in),
                *(tool.takes_text, tool.text.kind, tool.text.value),
            ]
            for tool in self.callable
        ]
        answer = [self.answer.kind, self.answer.value, self.answer.is_strict]
        answer = answer if self.may_answer else []
        return json.dumps(
            [tools, self.choice, self.is_parallel, answer, self.has_preamble, self.reasons],
            default=dict,
        )


def declared_tools(
    conversation: Iterable[Message],
    strict: Iterable[str] = (),
    texts: Mapping[str, Answer] | None = None,
) -> tuple[ToolRule, ...]:
    """The tools of a conversation's system and developer messages.

    strict  recipients whose arguments match their schema in every keyword
    texts   recipients whose argument is bare text, and its shape
    """
    names, shapes = frozenset(strict), texts or {}
    tools: dict[str, ToolRule] = {}
    for message in conversation:
        if isinstance(message.content, SystemContent | DeveloperContent):
            is_built_in = isinstance(message.content, SystemContent)
            for namespace in message.content.tools:
                for tool in _rules(namespace, names, is_built_in=is_built_in):
                    shape = shapes.get(tool.recipient)
                    if shape is not None:
                        tool = ToolRule(tool.recipient, takes_text=True, text=shape)
                    tools[tool.recipient] = tool
    return tuple(tools.values())


def _rules(
    namespace: ToolNamespace, strict: frozenset[str], *, is_built_in: bool
) -> Iterable[ToolRule]:
    if not namespace.tools:
        yield ToolRule(namespace.name, is_built_in=is_built_in, takes_text=True)
    for recipient, tool in zip(namespace.recipients, namespace.tools, strict=False):
        yield ToolRule(recipient, tool.parameters, recipient in strict, is_built_in=is_built_in)
