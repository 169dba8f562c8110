"""Rules of turns -> constraints: compiled once, kept for the next request, with what could not be enforced."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from gptoss.errors import SchemaError
from gptoss.structured.constraint import Constraint, GrammarConstraint
from gptoss.structured.json_schema import as_text, num_intersected, prepare
from gptoss.structured.plain_turn import PlainTurn
from gptoss.structured.rules import Schema, TurnRules
from gptoss.structured.schema_limits import within_limits
from gptoss.structured.token_mask import indexed
from gptoss.structured.trial import try_out
from gptoss.structured.turn_grammar import ANY_OBJECT, SchemaPart, schema_parts, turn_grammar
from gptoss.tokenizer import Tokenizer

MAX_KEPT = 64
# Of one turn: ten times what the largest agents declare.
MAX_TOTAL_BYTES = 1 << 20
MAX_COMPILE_S = 5.0

# More regular expressions than that, which a text may have to match together, are tried out in a process of their own.
MAX_INTERSECTED = 8
# Bound the time that a grammar takes, and each step of it, on most input.
_LIMITS = LLParserLimits(
    max_grammar_size=500_000, initial_lexer_fuel=1_000_000, step_lexer_fuel=200_000
)

_Grammars = dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class CompiledTurn:
    """Rules ready for use by any number of sequences.

    not_enforced  in words, what of lenient schemas the grammar leaves out
    """

    rules: TurnRules
    matcher: LLMatcher | None = None
    later: LLMatcher | None = None
    not_enforced: tuple[str, ...] = ()


class TurnCompiler:
    """Grammars over one vocabulary. May be used from any thread; compiling releases the GIL."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._index: LLTokenizer | None = None
        self._kept: OrderedDict[str, CompiledTurn] = OrderedDict()

    def warm(self) -> None:
        """Index the vocabulary now, rather than for the first turn that needs it."""
        self._indexed()

    def compile(
        self, rules: TurnRules, is_cancelled: Callable[[], bool] = lambda: False
    ) -> CompiledTurn:
        """The grammar of a turn. Takes milliseconds as a rule, and seconds at most.

        is_cancelled  asked between parts; if so, the work ends with a SchemaError

        Raises SchemaError, naming the part, for a schema or grammar that is wrong or too large, and for one that cannot
        be enforced and must be.
        """
        if rules.is_plain:
            return CompiledTurn(rules)
        schemas = {part.name: within_limits(part.schema, part.what) for part in schema_parts(rules)}
        key = rules.key()
        if len(key) > MAX_TOTAL_BYTES:
            raise SchemaError(
                f"got schemas of {len(key):,} bytes together, wanted at most {MAX_TOTAL_BYTES:,}"
            )
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        compiled = _Compilation(self._tokenizer, self._indexed(), is_cancelled).run(rules, schemas)
        with self._lock:
            self._kept[key] = compiled
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return compiled

    def constraint(self, compiled: CompiledTurn, start: int) -> Constraint:
        """For one sequence whose turn begins at that position; ids from there to the prompt's end are read as begun."""
        if compiled.matcher is None or compiled.later is None:
            return PlainTurn(self._tokenizer, start, reasons=compiled.rules.reasons)
        size = self._tokenizer.vocab_size
        return GrammarConstraint(compiled.matcher.deep_copy(), compiled.later, size, start)

    def _indexed(self) -> LLTokenizer:
        with self._lock:
            if self._index is None:
                self._index = indexed(self._tokenizer)
            return self._index


class _Compilation:
    """One turn's, within its time."""

    def __init__(
        self, tokenizer: Tokenizer, index: LLTokenizer, is_cancelled: Callable[[], bool]
    ) -> None:
        self._tokenizer = tokenizer
        self._index = index
        self._is_cancelled = is_cancelled
        self._latest = time.monotonic() + MAX_COMPILE_S
        self._not_enforced: list[str] = []

    def run(self, rules: TurnRules, schemas: dict[str, Schema]) -> CompiledTurn:
        parts = schema_parts(rules)
        grammars = {part.name: self._grammar(part, schemas[part.name]) for part in parts}
        matcher = self._compile(rules, grammars, parts)
        later = matcher
        if rules.reasons:
            later = self._compile(rules.without_reasoning(), grammars, parts)
        return CompiledTurn(rules, matcher, later, tuple(self._not_enforced))

    def _grammar(self, part: SchemaPart, schema: Schema) -> dict[str, object]:
        self._check_time()
        is_suspicious = num_intersected(schema) > MAX_INTERSECTED
        try:
            prepared = prepare(schema, part.what, is_lenient=not part.is_strict)
            grammar: dict[str, object] = {"json_schema": prepared}
            if is_suspicious:
                self._try_out(grammar, part)
        except SchemaError as error:
            if part.is_strict:
                raise
            return self._any_object(part, str(error))
        if part.is_strict:
            return grammar
        is_wrong, messages = LLMatcher.validate_grammar_with_warnings(
            as_text({part.name: grammar}), self._index, limits=_LIMITS
        )
        if is_wrong:
            return self._any_object(part, _first_line(messages[0]))
        self._not_enforced += [f"{part.what}: {_first_line(message)}" for message in messages]
        return grammar

    def _try_out(self, grammar: dict[str, object], part: SchemaPart) -> None:
        """Elsewhere, because what is compiled could grow without bound."""
        error = try_out(as_text({part.name: grammar}))
        if error:
            raise SchemaError(f"{part.what}: {_first_line(error)}")

    def _any_object(self, part: SchemaPart, reason: str) -> dict[str, object]:
        self._not_enforced.append(f"{part.what}: nothing but JSON, because {reason}")
        return {"json_schema": prepare(dict(ANY_OBJECT), part.what, is_lenient=True)}

    def _compile(self, rules: TurnRules, grammars: _Grammars, parts: list[SchemaPart]) -> LLMatcher:
        self._check_time()
        text = turn_grammar(rules, self._tokenizer.special_id, grammars)
        matcher = LLMatcher(self._index, text, log_level=0, limits=_LIMITS)
        if matcher.is_error():
            self._blame(grammars, parts)
            raise SchemaError(
                f"the grammar of the answer cannot be used: {_first_line(matcher.get_error())}"
            )
        return matcher

    def _blame(self, grammars: _Grammars, parts: list[SchemaPart]) -> None:
        """Raises SchemaError for the first part that is wrong by itself."""
        for part in parts:
            self._check_time()
            alone = as_text({part.name: grammars[part.name]})
            error = LLMatcher.validate_grammar(alone, self._index, limits=_LIMITS)
            if error:
                raise SchemaError(f"{part.what}: {_first_line(error)}")

    def _check_time(self) -> None:
        if self._is_cancelled():
            raise SchemaError("the request was cancelled while its grammar was made")
        if time.monotonic() > self._latest:
            raise SchemaError(
                f"the schemas take more than {MAX_COMPILE_S:.0f} s to compile; send fewer or smaller ones"
            )


def _first_line(message: str) -> str:
    """Of an error that may go on for pages; regular expressions say what is wrong in their last line."""
    lines = [line.strip() for line in message.strip().splitlines()]
    lines = [line for line in lines if line and not line.startswith("<state>")]
    last = next((line for line in lines if line.startswith("error:")), "")
    return f"{lines[0]} {last}".strip()[:300]
