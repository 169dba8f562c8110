"""Tools whose argument is bare text of a grammar."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gptoss.errors import SchemaError
from gptoss.structured import Answer, AnswerKind, ToolChoice, ToolRule, TurnCompiler, TurnRules
from gptoss.tokenizer import Tokenizer
from tests.conftest import ids_of

SUM = 'start: INT "+" INT\n%import common.INT\n%ignore " "'
# As Codex declares its tool for files.
PATCH = """\
start: begin_patch hunk+ end_patch
begin_patch: "*** Begin Patch" LF
end_patch: "*** End Patch" LF?
hunk: add_hunk | delete_hunk | update_hunk
add_hunk: "*** Add File: " filename LF add_line+
delete_hunk: "*** Delete File: " filename LF
update_hunk: "*** Update File: " filename LF change_move? change?
filename: /(.+)/
add_line: "+" /(.*)/ LF -> line
change_move: "*** Move to: " filename LF
change: (change_context | change_line)+ eof_line?
change_context: ("@@" | "@@ " /(.+)/) LF
change_line: ("+" | "-" | " ") /(.*)/ LF
eof_line: "*** End of File" LF
%import common.LF
"""
PATCHED = "*** Begin Patch\n*** Update File: a.py\n@@ def f():\n-1\n+2\n*** End Patch\n"
# The compiler's stack is not enough for it.
DEEP = "\n".join(["start: r0", *(f"r{n}: r{n + 1}" for n in range(3500)), 'r3500: "a"'])
HEADER = "<|channel|>commentary to=functions.{}<|message|>"
NEXT = "<|end|><|start|>assistant"


def rule(name: str, kind: AnswerKind, grammar: str) -> ToolRule:
    return ToolRule(f"functions.{name}", takes_text=True, text=Answer(kind, grammar))


RULES = TurnRules(
    tools=(
        rule("sum", AnswerKind.LARK, SUM),
        rule("patch", AnswerKind.LARK, PATCH),
        rule("name", AnswerKind.REGEX, "[a-z]+/[0-9]"),
        ToolRule("functions.free", takes_text=True),
        ToolRule("functions.json"),
    ),
    choice=ToolChoice.REQUIRED,
    is_parallel=True,
)


def is_allowed(turns: TurnCompiler, tokenizer: Tokenizer, rules: TurnRules, markup: str) -> bool:
    ids = ids_of(markup, tokenizer)
    constraint = turns.constraint(turns.compile(rules), 0)
    for position, token_id in enumerate(ids):
        logits = constraint(ids[:position], np.zeros(tokenizer.vocab_size, np.float32))
        if logits[token_id] != 0:
            return False
    return True


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sum", "12+34"),
        ("sum", "12 + 34"),
        ("patch", PATCHED),
        ("name", "ada/1"),
        ("free", '{"input": "anything"'),
        ("free", ""),
    ],
)
def test_texts(name: str, text: str, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    call = HEADER.format(name) + text
    turned = f" to=functions.{name}<|channel|>commentary<|message|>{text}"
    for markup in (f"{call}<|call|>", f"{turned}<|call|>", f"{call}{NEXT}{call}<|call|>"):
        assert is_allowed(nano_turns, nano_tokenizer, RULES, markup)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sum", "12+"),
        ("sum", '{"input": "12+34"}'),
        ("sum", "12+34<|end|>"),
        ("patch", "*** Begin Patch\n*** End Patch\n"),
        ("name", "ada"),
        ("name", "ada/1/"),
    ],
)
def test_other_texts(
    name: str, text: str, nano_turns: TurnCompiler, nano_tokenizer: Tokenizer
) -> None:
    markup = f"{HEADER.format(name)}{text}<|call|>"
    assert not is_allowed(nano_turns, nano_tokenizer, RULES, markup)


def test_no_content_type(nano_turns: TurnCompiler, nano_tokenizer: Tokenizer) -> None:
    markup = "<|channel|>commentary to=functions.sum <|constrain|>json<|message|>12+34<|call|>"
    assert not is_allowed(nano_turns, nano_tokenizer, RULES, markup)


@pytest.mark.parametrize(
    ("kind", "grammar", "said"),
    [
        (AnswerKind.LARK, "start: <[1]>", "got '<' in the grammar of the input of functions.t"),
        (AnswerKind.LARK, "start: @other", "got '@' in the grammar"),
        (AnswerKind.LARK, 'start: %json {"type": "object"}', "got '%json' in the grammar"),
        (AnswerKind.LARK, "start: X\n%import secret.X", "got '%import' in the grammar"),
        (AnswerKind.LARK, "start: X\n%import /etc/passwd", "got '%import' in the grammar"),
        (AnswerKind.LARK, 'start: "a', "without an end"),
        (AnswerKind.LARK, "start: b", "the input of functions.t cannot be used"),
        (AnswerKind.LARK, "start: " + "(" * 20000, "the input of functions.t cannot be used"),
        (AnswerKind.REGEX, "[a-z", "the input of functions.t cannot be used"),
        (AnswerKind.LARK, DEEP, "the input of functions.t cannot be used.*than the compiler can"),
        (AnswerKind.REGEX, "(?=a)b", "the input of functions.t cannot be used"),
        (AnswerKind.LARK, f"start: /{'a' * 70000}/", "has 70,009 characters, wanted at most"),
        (AnswerKind.LARK, "start: " + " & ".join(["/a/"] * 10), "uses & and ~ more than 8 times"),
    ],
)
def test_grammars_that_cannot_be_used(
    kind: AnswerKind, grammar: str, said: str, nano_turns: TurnCompiler
) -> None:
    with pytest.raises(SchemaError, match=said):
        nano_turns.compile(TurnRules(tools=(rule("t", kind, grammar),)))


def test_a_grammar_of_a_tool_that_may_not_be_called_costs_nothing(nano_turns: TurnCompiler) -> None:
    tools = (rule("t", AnswerKind.REGEX, "[a-z"), ToolRule("functions.json"))
    nano_turns.compile(TurnRules(tools=tools, allowed=("functions.json",)))


def test_the_key_tells_grammars_apart() -> None:
    keys = {
        TurnRules(tools=(rule("t", kind, "a"),)).key() for kind in (AnswerKind.REGEX, "lark")
    } | {TurnRules(tools=(ToolRule("functions.t", takes_text=True),)).key()}
    assert len(keys) == 3
    assert all(json.loads(key) for key in keys)
