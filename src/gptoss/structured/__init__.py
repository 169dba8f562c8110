"""Schemas and tools -> which tokens may come next: a malformed turn cannot be sampled."""

from gptoss.structured.compiler import MAX_COMPILE_S, CompiledTurn, TurnCompiler
from gptoss.structured.constraint import Constraint
from gptoss.structured.rules import (
    Answer,
    AnswerKind,
    ToolChoice,
    ToolRule,
    TurnRules,
    declared_tools,
)

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
    "declared_tools",
]
