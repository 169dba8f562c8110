"""Turns that a model is made to write, token by token, and what is to be read of them, by harmony's parser alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from gptoss.engine import EngineOptions, Generation, Request
from gptoss.harmony import (
    ContentDelta,
    Event,
    MessageFinished,
    Parser,
    PreambleDelta,
    ReasoningDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from gptoss.kernels import Float32
from gptoss.runtime import LoadedModel
from tests.net import made

FUNCTIONS = ("lookup", "add")
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": {}}},
    }
    for name in FUNCTIONS
]
DECLARED = [f"functions.{name}" for name in FUNCTIONS]


class PlayedModel(LoadedModel):
    """Writes `plays`, whatever it is held to: what is read of a turn must not depend on its being well formed."""

    def __init__(self) -> None:
        super().__init__(
            "played",
            made._checkpoint(),
            made._tokenizer(),
            made._Flat(made._transformer()),
            options=EngineOptions(context=4096),
        )
        self.__dict__["turns"] = made._turns()
        self.plays: Sequence[int] = ()

    def submit_all(self, requests: Iterable[Request]) -> list[Generation]:
        """As every model does, each request with the play."""
        return super().submit_all(
            dataclasses.replace(request, processors=(self._play(request),), guides=())
            for request in requests
        )

    def _play(self, request: Request) -> Any:
        plays, num_prompt = list(self.plays), len(request.token_ids)
        last = self.tokenizer.special_id("<|return|>")

        def play(token_ids: Sequence[int], logits: Float32) -> Float32:
            index = len(token_ids) - num_prompt
            logits[:] = -np.inf
            logits[plays[index] if index < len(plays) else last] = 0.0
            return logits

        return play


# A message as (kind, text), of a call as (name, text).
Part = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Reading:
    """What is to be read: messages that say something and calls, why it ended, and tokens.

    is_clean  whether the turn was well formed
    """

    parts: tuple[Part, ...]
    ending: str
    num_tokens: int
    num_reasoning: int
    is_clean: bool


@dataclasses.dataclass(frozen=True)
class Play:
    """What is written, how many tokens of it the request allows, and a stop string or none."""

    markup: str
    max_tokens: int
    stop: str | None

    def ids(self, model: LoadedModel) -> list[int]:
        """What is written; it ends at last."""
        last = model.tokenizer.special_id("<|return|>")
        return [*made.ids_of(self.markup, model.tokenizer), last]

    def expected(self, model: LoadedModel) -> Reading:
        """By the parser's events, one token after the other."""
        ids = self.ids(model)[: self.max_tokens]
        parser = Parser(model.tokenizer, recipients=DECLARED)
        reader, num_reasoning = _Reader(self.stop), 0
        num_tokens = 0
        for token_id in ids:
            num_tokens += 1
            reader.read(parser.feed(token_id))
            num_reasoning += parser.is_reasoning
            if reader.is_stopped or token_id in model.stop_ids:
                break
        has_ended = ids[num_tokens - 1] in model.stop_ids
        if not reader.is_stopped:
            reader.read(parser.close())
        parts = tuple(
            (kind, text) for kind, text in reader.parts if text or kind not in _KINDS.values()
        )
        if reader.is_stopped:
            ending = "stopped"
        elif not has_ended:
            ending = "length"
        else:
            ending = "tool_calls" if parts and parts[-1][0] not in _KINDS.values() else "stop"
        return Reading(parts, ending, num_tokens, num_reasoning, not parser.finish()[1])


_KINDS = {ReasoningDelta: "reasoning", PreambleDelta: "preamble", ContentDelta: "content"}


class _Reader:
    def __init__(self, stop: str | None) -> None:
        self._stop = stop
        self._is_open = False
        self.is_stopped = False
        self.parts: list[list[str]] = []

    def read(self, events: Iterable[Event]) -> None:
        for event in events:
            if not self.is_stopped:
                self._read(event)

    def _read(self, event: Event) -> None:
        match event:
            case ReasoningDelta(text) | PreambleDelta(text) | ContentDelta(text):
                if not self._is_open:
                    self.parts.append([_KINDS[type(event)], ""])
                    self._is_open = True
                self.parts[-1][1] += text
                if isinstance(event, ContentDelta) and self._stop is not None:
                    self._cut(self._stop)
            case ToolCallStarted(_, recipient):
                self.parts.append([recipient.removeprefix("functions."), ""])
            case ToolCallDelta(_, text):
                self.parts[-1][1] += text
            case MessageFinished():
                self._is_open = False

    def _cut(self, stop: str) -> None:
        kept, found, _ = self.parts[-1][1].partition(stop)
        if found:
            self.parts[-1][1] = kept
            self.is_stopped = True


_WORDS = ("so ", "no", "\n", " ", "é", "\N{PARTY POPPER}", "12", "stop", "st", "op", "{", '"a"', "")
_texts = st.lists(st.sampled_from(_WORDS), max_size=6).map("".join)
_jsons = st.sampled_from(
    ("{}", '{"a": 1}', '{"a": [1, "é\\n"]}', '{"b": {"c": null}}', "[1]", "x", "", '{"a": 1e400}')
)
_ends = st.sampled_from(("<|end|>", "<|end|>", "<|end|>", "<|return|>", "<|call|>", ""))
_headers = st.sampled_from(
    (
        "<|channel|>analysis<|message|>",
        "<|channel|>analysis<|message|>",
        "<|channel|>commentary<|message|>",
        "<|channel|>final<|message|>",
        "<|channel|>final <|constrain|>json<|message|>",
        "<|channel|>thoughts<|message|>",
        "<|channel|>Analysis<|message|>",
        "<|channel|>final",
        "<|message|>",
        "<|channel|><|message|>",
        " to=user<|channel|>final<|message|>",
        "",
    )
)
_recipients = st.sampled_from(
    (*DECLARED, *DECLARED, "lookup", "functions.nope", "python", "functions.addjson")
)
_calls = st.builds(
    "<|channel|>commentary to={} <|constrain|>json<|message|>{}".format,
    _recipients,
    _jsons | _texts,
)
_invented = st.builds("{}<|message|>{}".format, st.sampled_from(("user", "tool", "x")), _texts)
_messages = st.builds(
    lambda start, said, end: f"{start}{said}{end}",
    st.sampled_from(("<|start|>assistant", "<|start|>assistant", "<|start|>", "")),
    st.one_of(
        st.builds("{}{}".format, _headers, _texts),
        st.builds("{}{}".format, _headers, _texts),
        _calls,
        _invented,
    ),
    _ends,
)
_MARKS = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|call|>")
_soups = st.lists(st.sampled_from((*_MARKS, *_WORDS, "assistant", "final", "analysis")), max_size=9)
# The prompt has opened the first header.
_turns = st.lists(_messages | _messages | _messages | _soups.map("".join), max_size=6).map(
    lambda messages: "".join(messages).removeprefix("<|start|>assistant")
)


def plays() -> st.SearchStrategy[Play]:
    """Well-formed turns and others, ended anywhere."""
    return st.builds(
        Play,
        _turns,
        st.one_of(st.just(300), st.just(300), st.integers(1, 40)),
        st.sampled_from((None, None, "stop", "op", "12", "\n")),
    )
