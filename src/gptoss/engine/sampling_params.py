"""How a caller wants the next token chosen, and what to report of the choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real

from gptoss.arguments import require_type
from gptoss.errors import RequestError, shown

MAX_SEED = 2**64 - 1
# The OpenAI API's limits: top_logprobs, and the range of a token's bias and of both its penalties.
MAX_LOGPROBS = 20
MAX_BIAS = 100
MAX_PENALTY = 2
_NUMBERS = (
    *("temperature", "top_p", "min_p"),
    *("frequency_penalty", "presence_penalty", "repetition_penalty"),
)
# Far beyond what leaves readable text (Keskar et al. use 1.2), and still far from overflow.
MAX_REPETITION_PENALTY = 10


class LogitBias(Mapping[int, float]):
    """What is added to the logit of each token id; cannot change, so that it may be hashed and shared."""

    __slots__ = ("_bias_by_id",)

    def __init__(self, bias_by_id: Mapping[int, float] | None = None) -> None:
        """Raises RequestError for a key that is no token id, or a value out of range."""
        require_type("logit_bias", bias_by_id, Mapping, type(None), wanted="biases by token id")
        given = dict(bias_by_id or {})
        for token_id, bias in given.items():
            if type(token_id) is not int or token_id < 0:
                raise RequestError(
                    f"got logit_bias for {shown(token_id)}, wanted token ids, 0 or more"
                )
            if not isinstance(bias, (int, float)) or not -MAX_BIAS <= bias <= MAX_BIAS:
                raise RequestError(
                    f"got logit_bias {shown(bias)} for token {shown(token_id)}, wanted -{MAX_BIAS} to {MAX_BIAS}"
                )
        self._bias_by_id = dict(sorted(given.items()))

    def __getitem__(self, token_id: int) -> float:
        return self._bias_by_id[token_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._bias_by_id)

    def __len__(self) -> int:
        return len(self._bias_by_id)

    def __hash__(self) -> int:
        return hash(tuple(self._bias_by_id.items()))

    def __repr__(self) -> str:
        return f"LogitBias({self._bias_by_id})"


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen from the logits; the defaults are those the model was published with.

    logit_bias          token id -> -100 to 100, added to its logit
    repetition_penalty  divides positive logits of tokens in the prompt or the answer, multiplies negative ones; 1: none
    frequency_penalty   subtracted from a token's logit for each time that the answer has it
    presence_penalty    subtracted once from the logit of each token that the answer has
    temperature         divides the logits; 0 takes the most likely token
    top_k               keeps so many of the most likely tokens; 0 keeps all
    top_p               keeps the fewest of the most likely tokens whose probabilities reach this sum
    min_p               keeps tokens at least this share as likely as the most likely one
    seed                the same seed, prompt and weights give the same tokens; None draws one
    logprobs            reports each token's, and those of so many of the most likely ones; None reports none

    Applied in this order, a request's logits processors after the penalties. Raises RequestError for a value out of
    range; `check_bias` does for token ids beyond the vocabulary.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repetition_penalty: float = 1.0
    # Any mapping is taken, and kept as a LogitBias.
    logit_bias: Mapping[int, float] = LogitBias()
    logprobs: int | None = None

    def __post_init__(self) -> None:
        for name in ("top_k", "seed", "logprobs"):
            value = getattr(self, name)
            is_optional = name != "top_k" and value is None
            require(name, value, is_optional or type(value) is int, "a whole number")
        for name in _NUMBERS:
            require_type(name, getattr(self, name), Real)
        require("temperature", self.temperature, 0 <= self.temperature <= 100, "0 to 100")
        require("top_k", self.top_k, self.top_k >= 0, "0 (all) or more")
        require("top_p", self.top_p, 0 < self.top_p <= 1, "above 0, at most 1")
        require("min_p", self.min_p, 0 <= self.min_p <= 1, "0 to 1")
        if self.seed is not None:
            require("seed", self.seed, 0 <= self.seed <= MAX_SEED, f"0 to {MAX_SEED}")
        for name in ("frequency_penalty", "presence_penalty"):
            penalty = getattr(self, name)
            is_inside = -MAX_PENALTY <= penalty <= MAX_PENALTY
            require(name, penalty, is_inside, f"-{MAX_PENALTY} to {MAX_PENALTY}")
        is_inside = 0 < self.repetition_penalty <= MAX_REPETITION_PENALTY
        wanted = f"above 0, at most {MAX_REPETITION_PENALTY}"
        require("repetition_penalty", self.repetition_penalty, is_inside, wanted)
        if self.logprobs is not None:
            is_inside = 0 <= self.logprobs <= MAX_LOGPROBS
            require("logprobs", self.logprobs, is_inside, f"0 to {MAX_LOGPROBS}")
        if not isinstance(self.logit_bias, LogitBias):
            object.__setattr__(self, "logit_bias", LogitBias(self.logit_bias))


def check_bias(params: SamplingParams, vocab_size: int) -> None:
    """Raises RequestError if the logit bias names a token id beyond the vocabulary."""
    highest = max(params.logit_bias, default=0)
    if highest >= vocab_size:
        raise RequestError(
            f"got logit_bias for token {shown(highest)}, wanted token ids below the model's {vocab_size}"
        )


def require(name: str, value: object, is_inside: bool, wanted: str) -> None:
    """Raises RequestError, with what was got and wanted, for a value that is not inside its range."""
    # Comparisons with NaN are false, so it is outside everywhere.
    if not is_inside:
        raise RequestError(f"got {name} {shown(value)}, wanted {wanted}")
