"""A model that plays the turns which the question spells out, whichever client brings it.

    Play:
    think I look first.
    tell I look at the file.
    call read_file {"path": "notes"}
    say It is empty.

is a turn that ends with a call, and behind its result one that ends with an answer. `write` is a call of bare text,
`run` one of the server's Python.
A tool of a namespace is called as `namespace.tool`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from gptoss.engine import EngineOptions, Generation, Request
from gptoss.runtime import LoadedModel
from tests.net import made

NAME = "gpt-oss-20b"
MARK = "Play:\n"
# Agents have instructions of tens of thousands of nano's tokens.
_CONTEXT = 1 << 17
_NEXT = "<|end|><|start|>assistant"


class PlayingModel(LoadedModel):
    """Is held to what requests ask, as every model is: what they do not allow, it does not play."""

    def __init__(self) -> None:
        transformer = made._Flat(made._transformer())
        transformer.config = dataclasses.replace(transformer.config, max_positions=_CONTEXT)
        super().__init__(
            NAME,
            made._checkpoint(),
            made._tokenizer(),
            transformer,
            # A guess would be the next token of the play.
            options=EngineOptions(speculates=False),
        )

    def submit_all(self, requests: Iterable[Request]) -> list[Generation]:
        """As every model does, each request with its turn."""
        return super().submit_all(self._with_script(request) for request in requests)

    def _with_script(self, request: Request) -> Request:
        turn = turn_behind(self.tokenizer.decode(list(request.token_ids)))
        script = made.Script(turn, len(request.token_ids), self.tokenizer)
        return dataclasses.replace(request, processors=(script, *request.processors))


def turn_behind(prompt: str) -> str:
    """Markup of the turn that follows: of those that the last question spells out, one is behind each call."""
    _, found, rest = prompt.rpartition(MARK)
    if not found:
        return "<|channel|>final<|message|>Nothing is to be played.<|return|>"
    question, _, behind = rest.partition("<|end|>")
    turns = turns_of(question)
    return turns[min(behind.count("<|call|>"), len(turns) - 1)]


def turns_of(question: str) -> list[str]:
    """Markup of all turns that a question spells out."""
    turns: list[str] = []
    messages: list[str] = []
    for line in question.strip().split("\n"):
        messages.append(_message(line))
        if messages[-1].endswith(("<|call|>", "<|return|>")):
            turns.append(_NEXT.join(messages))
            messages = []
    assert turns, f"wanted a turn that ends, got {question!r}"
    assert not messages, f"wanted a last turn that ends, got {question!r}"
    return turns


def _message(line: str) -> str:
    match re.split(" ", line, maxsplit=2):
        case ["think", *_]:
            return f"<|channel|>analysis<|message|>{line.removeprefix('think ')}"
        case ["tell", *_]:
            return f"<|channel|>commentary<|message|>{line.removeprefix('tell ')}"
        case ["say", *_]:
            return f"<|channel|>final<|message|>{line.removeprefix('say ')}<|return|>"
        case ["run", *_]:
            return (
                f"<|channel|>analysis to=python code<|message|>{line.removeprefix('run ')}<|call|>"
            )
        case ["call", name, text]:
            return f"{_to(name)} <|constrain|>json<|message|>{text}<|call|>"
        case ["write", name, text]:
            return f"{_to(name)}<|message|>{text}<|call|>"
    raise AssertionError(f"wanted a line of a play, got {line!r}")


def _to(name: str) -> str:
    return f"<|channel|>commentary to={name if '.' in name else f'functions.{name}'}"
