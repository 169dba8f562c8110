"""What requests of all APIs have in common: strict types, unknown fields kept apart, efforts, sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from gptoss.chat.types.words import Filled
from gptoss.engine import SamplingParams
from gptoss.engine.sampling_params import MAX_BIAS
from gptoss.forms import FailFast
from gptoss.harmony import Effort
from gptoss.server.wire_errors import ApiError
from gptoss.structured.rules import MAX_TOOLS

EffortName = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Verbosity = Literal["low", "medium", "high"]

# More of them are not even looked at, whatever the settings say.
MOST_MESSAGES, MOST_TOOLS = 1 << 16, 1 << 10
MAX_STOPS, MAX_BIASES = 16, 1024
# The model may be told of fewer.
Tools = Field(max_length=MOST_TOOLS, json_schema_extra={"maxItems": MAX_TOOLS})
Count = Annotated[int, Field(ge=1, le=10_000_000)]
CountFrom0 = Annotated[int, Field(ge=0, le=10_000_000)]
StopList = Annotated[list[Filled], Field(max_length=MAX_STOPS)]
Stop = Filled | StopList | None
# How they are written as keys of an object.
_TokenId = Annotated[str, Field(pattern="^[0-9]{1,9}$")]
_Biases = Annotated[
    dict[_TokenId, Annotated[float, Field(ge=-MAX_BIAS, le=MAX_BIAS)]],
    Field(max_length=MAX_BIASES, json_schema_extra={"additionalProperties": False}),
]


class Wire(FailFast):
    """A request's object. Types are taken as they are written: `true` is no number, `"1"` neither."""

    model_config = ConfigDict(strict=True, extra="allow", use_attribute_docstrings=True)

    def refuse(self, fields: Mapping[str, str]) -> None:
        """Raises ApiError for a field that asks for what there is not; each with what to do instead."""
        for name, remedy in fields.items():
            value = (self.model_extra or {}).get(name)
            if value not in (None, False, [], {}, ""):
                told = f"got {name}, which is not supported: {remedy}"
                raise ApiError(400, told, param=name, code="unsupported_parameter")


class StreamOptions(Wire):
    """Of a stream."""

    include_usage: bool | None = None
    """Whether a last chunk says how many tokens it took."""


class SamplingFields(Wire):
    """How tokens are chosen, as all of OpenAI's requests say it, and further ways that local servers have."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Divides the logits; 0 takes the most likely token. 1 unless said otherwise."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Keeps the fewest of the most likely tokens whose probabilities reach this sum. 1: all."""
    top_k: Annotated[int, Field(ge=0)] | None = None
    """Keeps so many of the most likely tokens. 0: all."""
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """Keeps tokens at least this share as likely as the most likely one. 0: all."""
    seed: int | None = None
    """The same one gives the same answer again, whatever else runs; otherwise one is drawn."""
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    """Subtracted from a token's logit for each time that the answer has it."""
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    """Subtracted once from the logit of each token that the answer has."""
    repetition_penalty: Annotated[float, Field(ge=0.01, le=10)] | None = None
    """Divides the logits of tokens that the prompt or the answer has. 1: none."""
    logit_bias: _Biases | None = None
    """By token id, as text: -100 to 100, added to its logit."""

    def sampling(self, logprobs: int | None = None) -> SamplingParams:
        """Raises RequestError for values out of range."""
        given: dict[str, Any] = {
            each.name: value
            for each in fields(SamplingParams)
            if (value := getattr(self, each.name, None)) is not None
        }
        # OpenAI's seeds may be negative.
        seed = None if self.seed is None else self.seed % 2**64
        bias = {int(token): value for token, value in (self.logit_bias or {}).items()}
        special = {"seed": seed, "logit_bias": bias, "logprobs": logprobs}
        return SamplingParams(**given | special)


def effort_of(name: EffortName | None) -> Effort:
    """The model's own level: it has no others than low, medium and high."""
    by_name = {None: "medium", "none": "low", "minimal": "low", "xhigh": "high", "max": "high"}
    return Effort(by_name.get(name, name or "medium"))


def ignored_verbosity(verbosity: Verbosity | None, field: str) -> tuple[str, ...]:
    """The field, unless it asks for what the model does anyway: it has no such dial, and is not told what it lacks."""
    return () if verbosity in (None, "medium") else (field,)
