"""Schemas and tools -> which tokens may come next: a malformed turn cannot be sampled."""

from gptoss.structured.compiler import MAX_COMPILE_S, CompiledTurn, TurnCompiler
from gptoss.structured.constraint import Constraint
from gptoss.structured.formats import answer_of
from gptoss.structured.rules import (
    Answer,
    AnswerKind,
    ToolChoice,
    ToolRule,
    TurnRules,
    declared_tools,
)
from gptoss.structured.tool_choice import tool_choice_of

__all__ = [
    "MAX_COMPILE_S",
    "Answer",
    "AnswerKind",
    "CompiledTurn",
    "Constraint",
    "ToolChoice",
    "ToolRule",
    "TurnCompiler",
    "TurnRules",
    "answer_of",
    "declared_tools",
    "tool_choice_of",
]
