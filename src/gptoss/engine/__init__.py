"""Requests -> streams of token ids. Knows ids, never text."""

from gptoss.engine.engine import Engine
from gptoss.engine.request import FinishReason, LogitsProcessor, Request, SamplingParams, Timings
from gptoss.engine.worker import Generation, Worker

__all__ = [
    "Engine",
    "FinishReason",
    "Generation",
    "LogitsProcessor",
    "Request",
    "SamplingParams",
    "Timings",
    "Worker",
]
