"""The grammar of an assistant turn: legal headers, declared tools, arguments and answers by schema, reasoning free.

It begins where the prompt ends, after `<|start|>assistant`, and is over with `<|return|>` or `<|call|>`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gptoss.errors import SchemaError, shown
from gptoss.harmony.names import Channel, Marker
from gptoss.schemas import Schema
from gptoss.structured.rules import Answer, AnswerKind, ToolRule, TurnRules

ANSWER = "answer"

_NO_ARGUMENTS: Schema = {"type": "object", "properties": {}, "additionalProperties": False}

# Of a Lark grammar: & and ~, each of which may double what the rest costs.
MAX_INTERSECTIONS = 8
MAX_GRAMMAR_CHARACTERS = 64 << 10
# As llguidance's own lexer cuts them: comments, strings, regular expressions.
_LARK_BEGIN = re.compile(r"""[#"/]""")
_LARK_LITERAL = re.compile(
    r"""(?:\#|//)[^\n]*|"(?:\\[^\x00-\x1f]|[^"\\\x00-\x1f\x7f])*"|/(?:\\.|[^/\\])+/"""
)


@dataclass(frozen=True, slots=True)
class SchemaPart:
    """A schema that a turn holds to.

    name       in the grammar
    what       it is, for people
    is_strict  whether what cannot be enforced is refused
    is_object  whether its values are objects, even where it does not say so
    """

    name: str
    what: str
    schema: Schema
    is_strict: bool
    is_object: bool


@dataclass(frozen=True, slots=True)
class TextPart:
    """A grammar of text that a turn holds to: its name in the turn's, what it is, for people, and itself as Lark."""

    name: str
    what: str
    lark: str


def schema_parts(rules: TurnRules) -> list[SchemaPart]:
    """Every schema of a turn: of the tools that may be called, and of the answer."""
    found = []
    for index, tool in enumerate(rules.callable):
        if not tool.takes_text:
            schema = _NO_ARGUMENTS if tool.parameters is None else tool.parameters
            what = f"the parameters of {tool.recipient}"
            found.append(SchemaPart(f"args{index}", what, schema, tool.is_strict, is_object=True))
    answer = rules.answer
    if rules.may_answer and answer.is_json:
        schema = answer.value if isinstance(answer.value, Mapping | bool) else {}
        is_object = answer.kind is AnswerKind.JSON_OBJECT
        what = "the schema of the answer"
        found.append(SchemaPart(ANSWER, what, schema, answer.is_strict, is_object))
    return found


def text_parts(rules: TurnRules) -> list[TextPart]:
    """Every grammar of a turn that is no schema. Raises SchemaError for one that would reach out of its text."""
    found = []
    for index, tool in enumerate(rules.callable):
        if tool.takes_text and tool.text.is_grammar:
            what = f"the input of {tool.recipient}"
            found.append(TextPart(f"text{index}", what, text_lark(tool.text, what)))
    if rules.may_answer and rules.answer.is_grammar:
        found.append(TextPart(ANSWER, "the answer", text_lark(rules.answer)))
    return found


def turn_grammar(
    rules: TurnRules, special_id: Callable[[str], int], grammars: Mapping[str, dict[str, object]]
) -> str:
    """llguidance's grammar of a turn, as text.

    special_id  a marker's token id
    grammars    those of `schema_parts`, by name

    Raises SchemaError for a Lark grammar that would reach out of its text.
    """
    return _Writer(rules, special_id, grammars).write()


class _Writer:
    def __init__(
        self,
        rules: TurnRules,
        special_id: Callable[[str], int],
        grammars: Mapping[str, dict[str, object]],
    ) -> None:
        self._rules = rules
        self._mark = {marker: f"<[{special_id(marker)}]>" for marker in Marker}
        self._grammars = [{"name": name, **grammar} for name, grammar in grammars.items()]
        texts = text_parts(rules)
        self._grammars += [{"name": part.name, "lark_grammar": part.lark} for part in texts]
        ends = [self._mark[Marker.END], self._mark[Marker.START], _quoted("assistant")]
        self._next = " ".join(ends)

    def write(self) -> str:
        rules = self._rules
        lines, before, ends = [], [], []
        if rules.reasons:
            before.append("analysis")
            lines.append(f"analysis: {self._header(Channel.ANALYSIS)} TEXT {self._next}")
        if rules.has_preamble:
            before.append("preamble")
            lines.append(f"preamble: {self._header(Channel.COMMENTARY)} TEXT {self._next}")
        if rules.callable:
            lines.append(f"call: {' | '.join(self._calls())}")
            further = f"(call {self._next} before)* " if rules.has_several_calls else ""
            ends.append(f"{further}call {self._mark[Marker.CALL]}")
        if rules.may_answer:
            ends.append(f"{self._final()} {self._mark[Marker.RETURN]}")
        repeated = f"({' | '.join(before)})*" if before else '""'
        start = [f"start: before ({' | '.join(ends)})", f"before: {repeated}"]
        text = "\n".join([*start, *lines, "TEXT: /(?s:.*)/", ""])
        return json.dumps({"grammars": [{"lark_grammar": text}, *self._grammars]})

    def _header(self, channel: Channel) -> str:
        return f"{self._mark[Marker.CHANNEL]} {_quoted(channel)} {self._mark[Marker.MESSAGE]}"

    def _calls(self) -> list[str]:
        calls: list[str] = []
        for index, tool in enumerate(self._rules.callable):
            argument = f"@args{index}"
            if tool.takes_text:
                argument = f"@text{index}" if tool.text.is_grammar else "TEXT"
            calls += self._call(tool, argument)
        return calls

    def _call(self, tool: ToolRule, argument: str) -> list[str]:
        mark, to = self._mark, _quoted(f" to={tool.recipient}")
        json_type = f'" " {mark[Marker.CONSTRAIN]} "json"'
        channel = Channel.COMMENTARY
        kind = json_type
        if tool.is_built_in:
            # As the model was trained to call `python` and the browser: code in the chain of thought.
            channel = Channel.ANALYSIS
            kind = '" code"' if tool.takes_text else f'(" code" | {json_type})'
        elif tool.takes_text:
            kind = ""
        named = f"{mark[Marker.CHANNEL]} {_quoted(channel)}"
        ending = f"{kind} {mark[Marker.MESSAGE]} {argument}"
        # The model addresses a call in either place.
        return [f"{named} {to} {ending}", f"{to} {named} {ending}"]

    def _final(self) -> str:
        answer, mark = self._rules.answer, self._mark
        header = self._header(Channel.FINAL)
        if answer.kind is AnswerKind.TEXT:
            return f"{header} TEXT"
        if not answer.is_json:
            return f"{header} @{ANSWER}"
        json_type = f'" " {mark[Marker.CONSTRAIN]} "json"'
        named = f"{mark[Marker.CHANNEL]} {_quoted(Channel.FINAL)}"
        return f"{named} ({json_type})? {mark[Marker.MESSAGE]} @{ANSWER}"


def text_lark(shape: Answer, what: str = "the answer") -> str:
    """The Lark grammar of a text that is no JSON. Raises SchemaError for one that would reach out of the text."""
    if isinstance(shape.value, tuple):
        return f"start: {' | '.join(_quoted(text) for text in shape.value)}"
    text = str(shape.value)
    if len(text) > MAX_GRAMMAR_CHARACTERS:
        raise SchemaError(
            f"the grammar of {what} has {len(text):,} characters, wanted at most {MAX_GRAMMAR_CHARACTERS:,}"
        )
    if shape.kind is AnswerKind.REGEX:
        return f"start: /{_slashed(text)}/"
    syntax = _without_literals(text, what)
    if len(re.findall(r"[&~]", syntax)) > MAX_INTERSECTIONS:
        raise SchemaError(
            f"the grammar of {what} uses & and ~ more than {MAX_INTERSECTIONS} times; use fewer, "
            "each may double its cost"
        )
    # What llguidance calls `common` is a list of its own, such as INT and WS.
    found = re.search(r"<|@|%(?!(?:ignore|import\s+common)\b)\w*", syntax)
    if found:
        raise SchemaError(
            f"got {shown(found[0])} in the grammar of {what} outside of a string: it can hold no special tokens, "
            "no other grammars and no directives but %ignore and %import of common terminals"
        )
    return text


def _without_literals(text: str, what: str) -> str:
    """What in a Lark grammar is neither string, regular expression nor comment.

    Raises SchemaError for one of these that ends nowhere.
    """
    kept, at = [], 0
    while found := _LARK_BEGIN.search(text, at):
        kept.append(text[at : found.start()])
        literal = _LARK_LITERAL.match(text, found.start())
        if literal is None:
            begun = text[found.start() : found.start() + 40]
            raise SchemaError(
                f"the grammar of {what} has a string or regular expression without an end: {begun!r}"
            )
        at = literal.end()
        kept.append(" ")
    return "".join([*kept, text[at:]])


def _quoted(text: str) -> str:
    """A Lark string. Raises SchemaError for text that UTF-8 cannot say."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise SchemaError(
            f"got the text {shown(text, 40)} with a lone surrogate, wanted UTF-8"
        ) from None
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _slashed(pattern: str) -> str:
    """A pattern between slashes: those in it are escaped, unless they are already."""
    out, is_escaped = [], False
    for character in pattern:
        if character == "\n":
            # A line ends a regular expression in Lark.
            out.append("n" if is_escaped else "\\n")
        else:
            out.append("\\/" if character == "/" and not is_escaped else character)
        is_escaped = character == "\\" and not is_escaped
    return "".join(out)
