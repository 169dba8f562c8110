"""What requests of all APIs have in common: strict types, unknown fields kept apart, efforts, sampling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from itertools import islice
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from gptoss.chat.types.words import Filled
from gptoss.engine import SamplingParams
from gptoss.engine.sampling_params import MAX_BIAS
from gptoss.errors import shortened
from gptoss.forms import (
    Form,
    Found,
    Ignored,
    Refused,
    Unread,
    place_of,
    refusal_of,
    unless,
    unread,
)
from gptoss.forms.faults import PART_CHARACTERS
from gptoss.harmony import Effort
from gptoss.server.wire_errors import ApiError
from gptoss.structured.rules import MAX_TOOLS

EffortName = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Verbosity = Literal["low", "medium", "high"]

# More of them are not even looked at, whatever the settings say.
MOST_MESSAGES, MOST_TOOLS = 1 << 16, 1 << 10
# Places of what was ignored that a reply tells at most.
MOST_IGNORED = 32
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


class Wire(Form):
    """A request's object. Types are taken as they are written: `true` is no number, `"1"` neither."""

    model_config = ConfigDict(extra="allow", defer_build=False)


# What they ask for, a whole reply has anyway or has no room for.
_OF_STREAMS = ("stream_options", "return_progress")


class RequestBody(Wire):
    """The body of a request, which knows what of it was ignored."""

    _ignored: tuple[str, ...] = ()

    @model_validator(mode="wrap")
    @classmethod
    def _note_unread(cls, given: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        """Raises ApiError for a field that asks for what there is not."""
        made = check(given)
        if isinstance(given, dict):
            made._ignored = _ignored_of(unread(cls, given))
        return made

    @property
    def ignored(self) -> tuple[str, ...]:
        """What was taken and does nothing, by its place; of fields that are in many objects, the first one's."""
        is_stream = getattr(self, "stream", None)
        unused = (name for name in _OF_STREAMS if not is_stream and getattr(self, name, None))
        return tuple(dict.fromkeys((*self._ignored, *unused)))

    def ignore(self, *places: str) -> None:
        """Add what does nothing in this request alone."""
        self._ignored += places


def _ignored_of(found: Iterable[Found]) -> tuple[str, ...]:
    """Raises ApiError for what is refused."""
    places: dict[tuple[str, ...], str] = {}
    for each in found:
        if isinstance(each.fate, Refused):
            raise _refusal(each)
        # Of a field in each of a hundred messages, one is enough.
        name = tuple(part for part in each.path if isinstance(part, str))
        if isinstance(each.value, dict) and isinstance(each.path[-1], int):
            name = (*name, kind := str(each.value.get("type")))
            places.setdefault(name, f"{place_of(each.path)} ({shortened(kind, PART_CHARACTERS)})")
        else:
            places.setdefault(name, place_of(each.path))
    return tuple(islice(places.values(), MOST_IGNORED))


def _refusal(found: Found) -> ApiError:
    fate = found.fate
    assert isinstance(fate, Refused)
    place, told = refusal_of(found)
    told = f"{place}: {told}"
    if len(found.path) == 1:
        told = f"got {place}, which is not supported: {fate.why}"
    error_code = fate.error_code
    return ApiError(400, told, param=place, code="unsupported_parameter", error_code=error_code)


_STREAM_UNREAD = {"include_obfuscation": Ignored("nothing is padded")}


class StreamOptions(Wire):
    """Of a stream."""

    unread = _STREAM_UNREAD

    include_usage: bool | None = None
    """Whether a last chunk says how many tokens it took."""


class SamplingFields(RequestBody):
    """How tokens are chosen, as all of OpenAI's requests say it, and further ways that local servers have."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Divides the logits; 0 takes the most likely token. 1 unless said otherwise."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Keeps the fewest of the most likely tokens whose probabilities reach this sum. 1: all."""
    top_k: Annotated[int, Field(ge=-1)] | None = None
    """Keeps so many of the most likely tokens. 0, and -1 as other servers have it: all."""
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
        top_k = max(self.top_k or 0, 0)
        special = {"seed": seed, "top_k": top_k, "logit_bias": bias, "logprobs": logprobs}
        return SamplingParams(**given | special)


# The model is not told what it lacks.
VERBOSITY = Ignored("the model has no such dial", unless("medium"))
CACHED_ANYWAY = Ignored("every prompt is cached, for as long as there is room")
KEPT_NOWHERE = Ignored("nothing is kept; /v1/responses keeps what it answers")
NOT_TOLD_APART = Ignored("who asks is told apart by keys alone")
_USE_FORMAT = Ignored("use response_format")
# Of other servers' APIs.
PEERS: Mapping[str, Unread] = {
    **dict.fromkeys(
        (
            "structured_outputs",
            "guided_json",
            "guided_regex",
            "guided_choice",
            "guided_grammar",
            "grammar",
            "json_schema",
        ),
        _USE_FORMAT,
    ),
    "min_tokens": Ignored("an answer ends where the model ends it"),
    "ignore_eos": Ignored("an answer ends where the model ends it"),
    "chat_template_kwargs": Ignored("use reasoning_effort, and a system's message"),
}
# Of all APIs: where and how well a request is served.
SERVING: Mapping[str, Unread] = {
    "service_tier": Ignored(
        "all requests are served alike", unless("auto", "default", "standard_only")
    ),
    "prompt_cache_options": CACHED_ANYWAY,
    "prompt_cache_retention": CACHED_ANYWAY,
    **PEERS,
}


def effort_of(name: EffortName | None) -> Effort:
    """The model's own level: it has no others than low, medium and high."""
    by_name = {None: "medium", "none": "low", "minimal": "low", "xhigh": "high", "max": "high"}
    return Effort(by_name.get(name, name or "medium"))
