"""A fingerprint of a model's arithmetic: greedy tokens of fixed prompts, and how likely it found them, as a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gptoss.chat.prompt import prompt_of
from gptoss.chat.request import TurnRequest
from gptoss.engine import SamplingParams
from gptoss.errors import EvalError, OutputError, shown
from gptoss.evals.model_asker import ModelAsker
from gptoss.evals.token_logits import logprobs, parts_of_logits, slices
from gptoss.files.json_text import read_object
from gptoss.files.whole import whole_file
from gptoss.harmony import Message, Role
from gptoss.kernels import Float32
from gptoss.runtime.loaded_model import LoadedModel

FORMAT = "gptoss-fingerprint-1"
_TOKENS = 48
_TOP = 20
_MOST_BYTES = 16 << 20
# Of all prompts, so that they are the same tomorrow.
_DATE = "2025-08-05"
PROMPTS = (
    "What is 48213 + 9077?",
    "Write a Python function that returns the n-th prime number.",
    "Explain in two sentences why the sky is blue.",
    "Translate into French: the train to the coast leaves at seven in the morning.",
    'Write a JSON object with the keys "city" and "country" for Lisbon.',
    "Name the planets from the sun outwards, separated by commas.",
    "A farmer has 17 sheep, and all but 9 run away. How many are left?",
    "Summarise in one line: the meeting was moved to Friday because the hall is being painted on Thursday.",
)


@dataclass(frozen=True, slots=True)
class Passage:
    """One prompt, and what the model did with it.

    token_ids  the prompt's, and the greedy ones behind it, of which there are `greedy`
    top        at each greedy token, the likeliest ones as (token id, logprob), the likeliest first
    digest     of all logits there: equal ones are equal bit for bit
    """

    token_ids: tuple[int, ...]
    greedy: int
    top: tuple[tuple[tuple[int, float], ...], ...]
    digest: str

    @property
    def first(self) -> int:
        """Position of the token behind which the first greedy one stands."""
        return len(self.token_ids) - self.greedy - 1


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of a model, on prompts; `tokenizer` is a hash of its tokens."""

    model: Mapping[str, object]
    tokenizer: str
    passages: tuple[Passage, ...]

    @classmethod
    def of(cls, model: LoadedModel, prompts: Sequence[str] = PROMPTS) -> Fingerprint:
        """Take it: the engine writes greedily, then all of that is read at once."""
        passages = tuple(_passage(model, prompt) for prompt in prompts)
        return cls(ModelAsker(model).identity, tokenizer_digest(model), passages)

    def write(self, path: Path) -> None:
        """Keep it as JSON. Raises OutputError."""
        data = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        try:
            with whole_file(path) as file:
                file.write(f"{data}\n".encode())
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from None

    @classmethod
    def read(cls, path: Path) -> Fingerprint:
        """One that was kept. Raises EvalError for a file that cannot be read as one."""
        try:
            data: Mapping[str, Any] = read_object(path, most_bytes=_MOST_BYTES)
        except OSError as error:
            raise EvalError(f"cannot read {path}: {error.strerror or error}") from None
        except ValueError as error:
            raise EvalError(f"{path} is no fingerprint: {error}") from None
        if data.get("format") != FORMAT:
            raise EvalError(
                f"{path} is no fingerprint that this version reads: got {shown(data.get('format'))} as its format, "
                f"wanted {FORMAT!r}; take it anew"
            )
        try:
            passages = tuple(_kept(each) for each in data["passages"])
            return cls(dict(data["model"]), str(data["tokenizer"]), passages)
        except (KeyError, TypeError, ValueError) as error:
            raise EvalError(f"{path} is a damaged fingerprint: {error!r}; take it anew") from None


def tokenizer_digest(model: LoadedModel) -> str:
    """A hash of the texts of all tokens, in their order."""
    digest = hashlib.sha256()
    for piece in model.tokenizer.pieces():
        digest.update(len(piece).to_bytes(4, "big") + piece)
    return digest.hexdigest()


def logits_at(model: LoadedModel, passage_ids: Sequence[int], first: int) -> Float32:
    """(greedy tokens, vocabulary) logits of a passage, of what follows each token from the first position on."""
    parts = [logits for _, logits in parts_of_logits(model, passage_ids[:-1], first)]
    return np.concatenate(parts)


def digest_of(logits: Float32) -> str:
    """A hash of logits that is the same for the same bits alone."""
    return hashlib.sha256(np.ascontiguousarray(logits).tobytes()).hexdigest()


def _passage(model: LoadedModel, prompt: str) -> Passage:
    request = TurnRequest(messages=(Message(Role.USER, prompt),), current_date=_DATE)
    ids = prompt_of(request.conversation, model.tokenizer)
    written = list(model.submit(ids, SamplingParams(temperature=0.0), max_tokens=_TOKENS))
    whole = (*ids, *written)
    logits = logits_at(model, whole, len(ids) - 1)
    return Passage(whole, len(written), tuple(_top(logits)), digest_of(logits))


def _top(logits: Float32) -> list[tuple[tuple[int, float], ...]]:
    found = []
    for rows in slices(len(logits)):
        for row in logprobs(logits[rows]):
            ids = np.argsort(-row, kind="stable")[:_TOP]
            found.append(tuple((int(each), round(float(row[each]), 9)) for each in ids))
    return found


def _kept(data: Mapping[str, Any]) -> Passage:
    ids = tuple(map(int, data["token_ids"]))
    top = tuple(tuple((int(id), float(value)) for id, value in each) for each in data["top"])
    passage = Passage(ids, int(data["greedy"]), top, str(data["digest"]))
    if not 0 < passage.greedy < len(ids) or len(top) != passage.greedy or not all(top):
        raise ValueError("a passage has other numbers of tokens than it says")
    return passage
