"""Requests -> streams of token ids. Knows ids, never text."""

from gptoss.engine.engine import Engine
from gptoss.engine.logprobs import TokenLogprobs
from gptoss.engine.loops import Loop
from gptoss.engine.options import EngineOptions
from gptoss.engine.owner import EVERYBODY, Owner
from gptoss.engine.request import FinishReason, Guide, LogitsProcessor, Request, Timings
from gptoss.engine.sampling_params import SamplingParams
from gptoss.engine.sequence import Token
from gptoss.engine.shares import Shares
from gptoss.engine.worker import Generation, Worker

__all__ = [
    "EVERYBODY",
    "Engine",
    "EngineOptions",
    "FinishReason",
    "Generation",
    "Guide",
    "LogitsProcessor",
    "Loop",
    "Owner",
    "Request",
    "SamplingParams",
    "Shares",
    "Timings",
    "Token",
    "TokenLogprobs",
    "Worker",
]
