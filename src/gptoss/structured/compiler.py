"""Rules of turns -> constraints: compiled once, kept for the next request, with what could not be enforced."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from gptoss.errors import QueueFullError, SchemaError
from gptoss.schemas import Schema
from gptoss.structured.constraint import Constraint, GrammarConstraint, first_line, panics_as_errors
from gptoss.structured.grammar_form import as_text
from gptoss.structured.held_schema import held
from gptoss.structured.plain_turn import PlainTurn
from gptoss.structured.rules import TurnRules
from gptoss.structured.schema_limits import within_limits
from gptoss.structured.token_mask import indexed
from gptoss.structured.trial import Trial
from gptoss.structured.turn_grammar import SchemaPart, schema_parts, text_parts, turn_grammar
from gptoss.tokenizer import Tokenizer

MAX_KEPT = 64
# Of one turn: ten times what the largest agents declare.
MAX_TOTAL_BYTES = 1 << 20
# Of the processor's time.
MAX_COMPILE_S = 5.0

# Bound each step of a grammar on most input.
_LIMITS = LLParserLimits(
    max_grammar_size=500_000,
    initial_lexer_fuel=1_000_000,
    step_lexer_fuel=200_000,
    max_items_in_row=5_000,
    step_max_items=10_000,
)


@dataclass(frozen=True, slots=True)
class CompiledTurn:
    """Rules whose grammar compiles, for any number of sequences.

    grammar, later  llguidance's, of the turn and of its part after the chain of thought; None: a plain turn
    not_enforced    in words, by path, what of lenient schemas the grammar leaves out
    seconds         of the processor's time that its parts took to compile, which beginning a sequence takes again
    """

    rules: TurnRules
    grammar: str | None = None
    later: str | None = None
    not_enforced: tuple[str, ...] = ()
    seconds: float = 0.0


class TurnCompiler:
    """Grammars over one vocabulary. May be used from any thread; compiling releases the GIL."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._lock = threading.Lock()
        self._index: LLTokenizer | None = None
        self._trial = Trial()
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
        be enforced and must be; QueueFullError where others keep the compiler busy.
        """
        if rules.is_plain:
            return CompiledTurn(rules)
        schemas, key = _checked(rules)
        stored = self._find(key)
        if stored is not None:
            return stored
        compiled = _Compilation(self._tokenizer, self._trial, is_cancelled).run(rules, schemas)
        with self._lock:
            self._kept[key] = compiled
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return compiled

    def stored(self, rules: TurnRules) -> CompiledTurn | None:
        """The grammar of a turn, if nothing must be compiled for it. Raises SchemaError as `compile` does."""
        return CompiledTurn(rules) if rules.is_plain else self._find(_checked(rules)[1])

    def constraint(self, compiled: CompiledTurn, start: int) -> Constraint:
        """For one sequence whose turn begins at that position; ids from there to the prompt's end are read as begun.

        Raises SchemaError where the vocabulary makes the grammar too complex. Takes as long as compiling does.
        """
        if compiled.grammar is None or compiled.later is None:
            return PlainTurn(self._tokenizer, start, reasons=compiled.rules.reasons)
        # Matchers that are copies of one would share what they learn of it, and die together.
        matcher = self._matcher(compiled.grammar)
        later = self._matcher(compiled.later)
        return GrammarConstraint(matcher, later, self._tokenizer.vocab_size, start)

    def _find(self, key: str) -> CompiledTurn | None:
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def _matcher(self, grammar: str) -> LLMatcher:
        with panics_as_errors():
            matcher = LLMatcher(self._indexed(), grammar, log_level=0, limits=_LIMITS)
        if matcher.is_error():
            raise SchemaError(f"the grammar cannot be used: {first_line(matcher.get_error())}")
        return matcher

    def _indexed(self) -> LLTokenizer:
        with self._lock:
            if self._index is None:
                self._index = indexed(self._tokenizer)
            return self._index


def _checked(rules: TurnRules) -> tuple[dict[str, Schema], str]:
    """The schemas within their limits, and the key of all rules. Raises SchemaError for what is too large."""
    schemas = {part.name: within_limits(part.schema, part.what) for part in schema_parts(rules)}
    key = rules.key()
    if len(key) > MAX_TOTAL_BYTES:
        raise SchemaError(
            f"got schemas of {len(key):,} bytes together, wanted at most {MAX_TOTAL_BYTES:,}"
        )
    return schemas, key


class _Compilation:
    """One turn's, within its time."""

    def __init__(
        self, tokenizer: Tokenizer, trial: Trial, is_cancelled: Callable[[], bool]
    ) -> None:
        self._tokenizer = tokenizer
        self._trial = trial
        self._is_cancelled = is_cancelled
        self._spent_s = 0.0
        self._began_s = time.thread_time()
        self._not_enforced: list[str] = []

    def run(self, rules: TurnRules, schemas: dict[str, Schema]) -> CompiledTurn:
        parts = schema_parts(rules)
        grammars = {part.name: self._grammar(part, schemas[part.name]) for part in parts}
        special_id = self._tokenizer.special_id
        whole = turn_grammar(rules, special_id, grammars)
        later = turn_grammar(rules.without_reasoning(), special_id, grammars)
        self._try_texts(rules)
        return CompiledTurn(rules, whole, later, tuple(self._not_enforced), self._spent_s)

    def _grammar(self, part: SchemaPart, schema: Schema) -> dict[str, object]:
        self._check_time()
        found = held(part, schema, self._try)
        self._not_enforced += found.not_enforced
        return {"json_schema": found.form}

    def _try_texts(self, rules: TurnRules) -> None:
        for part in text_parts(rules):
            self._check_time()
            error = self._try(as_text({part.name: {"lark_grammar": part.lark}}))
            if error is not None:
                raise SchemaError(f"the grammar of {part.what} cannot be used: {first_line(error)}")

    def _try(self, grammar: str) -> str | None:
        """What is wrong with it."""
        self._check_time()
        try:
            outcome = self._trial.run(grammar)
        except TimeoutError:
            raise QueueFullError(
                "the machine has no time to compile a grammar; try again later"
            ) from None
        self._spent_s += outcome.seconds
        return outcome.error

    def _check_time(self) -> None:
        if self._is_cancelled():
            raise SchemaError("the request was cancelled while its grammar was made")
        if self._spent_s + time.thread_time() - self._began_s > MAX_COMPILE_S:
            raise SchemaError(
                f"the schemas take more than {MAX_COMPILE_S:.0f} s to compile; send fewer or smaller ones"
            )
