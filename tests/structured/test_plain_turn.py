"""The automaton for turns without tools and schemas, beside the grammar that it stands in for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from llguidance import LLMatcher

from gptoss.kernels import Float32
from gptoss.structured import TurnCompiler, TurnRules
from gptoss.structured.constraint import GrammarConstraint
from gptoss.structured.plain_turn import PlainTurn
from gptoss.structured.turn_grammar import turn_grammar
from gptoss.tokenizer import Tokenizer
from tests import o200k
from tests.levels import rounds
from tests.structured.walks import messages_of, take_walk


def by_grammar(turns: TurnCompiler, tokenizer: Tokenizer, rules: TurnRules) -> GrammarConstraint:
    matchers = [
        LLMatcher(turns._indexed(), turn_grammar(each, tokenizer.special_id, {}), log_level=0)
        for each in (rules, rules.without_reasoning())
    ]
    return GrammarConstraint(*matchers, tokenizer.vocab_size, 0)


class Both:
    """Two constraints at once, the first one's guide; says where the second differs."""

    def __init__(self, plain: PlainTurn, grammar: GrammarConstraint, pieces: list[bytes]) -> None:
        self._plain, self._grammar = plain, grammar
        self._is_broken = np.array([_is_broken(piece) for piece in pieces])
        self.num_compared = 0

    def __call__(self, token_ids: Sequence[int], logits: Float32) -> Float32:
        narrow = self._plain(token_ids, np.zeros_like(logits)) == 0
        wide = self._grammar(token_ids, np.zeros_like(logits)) == 0
        # The grammar holds texts to whole characters as well; here there are no others.
        assert not np.any(narrow & ~wide & ~self._is_broken)
        if np.count_nonzero(narrow) > 10:
            assert not np.any(wide & ~narrow)
            self.num_compared += 1
        logits[~(narrow & wide) | self._is_broken] = -np.inf
        return logits

    def forced(self, token_ids: Sequence[int]) -> Sequence[int]:
        return self._plain.forced(token_ids)

    def end_reasoning(self, position: int) -> None:
        self._plain.end_reasoning(position)
        self._grammar.end_reasoning(position)


def _is_broken(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return True
    return False


@pytest.mark.wide(4)
@pytest.mark.parametrize("reasons", [True, False])
@pytest.mark.parametrize("is_real", [False, True])
def test_the_twins_agree(
    reasons: bool,
    is_real: bool,
    nano_turns: TurnCompiler,
    real_turns: TurnCompiler,
    nano_tokenizer: Tokenizer,
) -> None:
    """In texts to the token; in headers the automaton has the tokenizer's spelling alone."""
    turns = real_turns if is_real else nano_turns
    tokenizer = o200k.tokenizer() if is_real else nano_tokenizer
    rules, pieces = TurnRules(reasons=reasons), tokenizer.pieces()
    for seed in range(rounds(6)):
        plain = PlainTurn(tokenizer, 0, reasons=reasons)
        both = Both(plain, by_grammar(turns, tokenizer, rules), pieces)
        walk = take_walk(both, tokenizer, np.random.default_rng(seed), max_tokens=60)
        messages_of(walk, tokenizer)
        assert both.num_compared > 3


def test_headers_are_forced(nano_tokenizer: Tokenizer) -> None:
    plain = PlainTurn(nano_tokenizer, 0, reasons=False)
    special = nano_tokenizer.special_id
    header = [special("<|channel|>"), *nano_tokenizer.encode("final"), special("<|message|>")]
    assert list(plain.forced([])) == header
    assert plain.forced([*header, 70]) == ()
    reasoning = PlainTurn(nano_tokenizer, 0)
    assert list(reasoning.forced([])) == header[:1]
    analysis = [special("<|channel|>"), *nano_tokenizer.encode("analysis"), special("<|message|>")]
    assert list(reasoning.forced(analysis[:2])) == analysis[2:]
    ended = [*analysis, 70, special("<|end|>")]
    following = [special("<|start|>"), *nano_tokenizer.encode("assistant"), special("<|channel|>")]
    assert list(reasoning.forced(ended)) == following
