"""Sequences, token by token."""

from __future__ import annotations

import numpy as np

from gptoss import nano
from gptoss.chat.reading import Reading
from gptoss.chat.reasoning_budget import ReasoningBudget
from gptoss.chat.reply import Reply, Usage
from gptoss.chat.tools import tool_set
from gptoss.engine import FinishReason, SamplingParams, Timings
from gptoss.engine.drafts import PromptLookup
from gptoss.engine.logprobs import logprobs_of
from gptoss.engine.loops import LoopDetector
from gptoss.engine.penalties import TokenCounts, adjust
from gptoss.engine.sampling import sample
from gptoss.engine.sampling_params import LogitBias
from gptoss.harmony import (
    Event,
    MessageFinished,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from gptoss.kernels import Float32
from gptoss.tokenizer import Tokenizer
from tests.growth.case import Case

_TOKENIZER = Tokenizer.from_directory(nano.checkpoint_path())
_BIAS = LogitBias(dict.fromkeys(range(2000), 1.0))


def _draft(token_ids: list[int]) -> None:
    PromptLookup().propose(token_ids, 8)


def _draft_one_by_one(token_ids: list[int]) -> None:
    lookup, read = PromptLookup(), []
    for token_id in token_ids:
        read.append(token_id)
        lookup.propose(read, 8)


def _watch(token_ids: list[int]) -> None:
    loops = LoopDetector()
    for token_id in token_ids:
        loops.feed(token_id)


def _count(token_ids: list[int]) -> None:
    counts = TokenCounts(SamplingParams(frequency_penalty=1, repetition_penalty=1.1), token_ids)
    for token_id in token_ids:
        counts.add(token_id)


def _bias(num_tokens: int) -> None:
    params, logits = SamplingParams(logit_bias=_BIAS), np.zeros(2000, np.float32)
    counts = TokenCounts(params, ())
    for _ in range(num_tokens):
        adjust(logits, params, counts)


def _logits(size: int) -> Float32:
    return np.linspace(0, 5, size, dtype=np.float32)


def _sample(logits: Float32) -> None:
    sample(logits, SamplingParams(top_p=0.9), seed=1, position=1)


def _budget(token_ids: list[int]) -> None:
    budget, read = ReasoningBudget(_TOKENIZER, 0, None), []
    for token_id in token_ids:
        read.append(token_id)
        budget.forced(read)


def _read(events: list[Event]) -> None:
    reading = Reading()
    for event in events:
        reading.feed(event)
    usage = Usage(1, 1, 1)
    reason = FinishReason.STOP
    texts = reading.content, reading.reasoning, reading.tool_calls
    Reply(*texts, finish_reason=reason, usage=usage, timings=Timings()).to_json()


def _events(size: int) -> list[Event]:
    call = [ToolCallStarted(0, "functions.f"), ToolCallDelta(0, "{}"), ToolCallFinished(0, True)]
    return [*call, ReasoningDelta("x"), MessageFinished(True)] * size


def _tools(size: int) -> list[dict[str, object]]:
    return [
        {"type": "function", "function": {"name": f"f{number}", "parameters": {}}}
        for number in range(size)
    ]


CASES = (
    Case("guesses of a long prompt", lambda n: [*range(n)], _draft, 4000),
    Case("guesses token by token", lambda n: [1, 2, 3] * n, _draft_one_by_one, 300),
    Case("loops", lambda n: [*range(40)] * n, _watch, 25),
    Case("penalties", lambda n: [*range(n)], _count, 1000),
    Case("bias of each token", lambda n: n, _bias, 100),
    Case("a bias", lambda n: dict.fromkeys(range(n, 0, -1), 1.0), LogitBias, 2000),
    Case("a vocabulary to sample from", _logits, _sample, 200_000),
    Case("a vocabulary's logprobs", _logits, lambda logits: logprobs_of(logits, 1, 20), 200_000),
    Case("budget of reasoning", lambda n: _TOKENIZER.encode("a") * n, _budget, 500),
    Case("reply of many messages", _events, _read, 200),
    Case("tools", _tools, tool_set, 150),
)
