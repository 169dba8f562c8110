"""What a model does in a conversation, written down, and played to whatever runs its calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gptoss.chat import Chat, tool_set
from gptoss.chat.tools import ToolForm
from gptoss.tools import Ending
from tests.suites.played_model import PlayedModel, answer_markup, call_markup


@dataclass(frozen=True)
class Call:
    """A call of a tool of the namespace `functions`."""

    name: str
    arguments: Mapping[str, object]

    @property
    def text(self) -> str:
        """The arguments as a model writes them."""
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True)
class TurnPlan:
    """What a user says, the calls that the model makes of it, one behind the other, and its answer.

    tools  that there are from now on; None: those that there were
    """

    said: str
    calls: tuple[Call, ...]
    answer: str = "Done."
    tools: Sequence[ToolForm] | None = None


@dataclass(frozen=True)
class Ran:
    """A call that came to its end."""

    name: str
    arguments: str
    told: str
    ending: Ending


class Client(Protocol):
    """Whatever says things to a model and has its calls run: a Chat, or a server."""

    def offer(self, tools: Sequence[ToolForm]) -> None:
        """Have these tools from now on."""

    def say(self, text: str) -> tuple[list[Ran], str]:
        """The calls of a turn, and its answer."""


class ChatClient:
    """A Chat in this process."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat

    def offer(self, tools: Sequence[ToolForm]) -> None:
        self.chat.tools = tool_set(tools)

    def say(self, text: str) -> tuple[list[Ran], str]:
        reply = self.chat.send(text)
        assert reply.capped is None, reply.capped
        runs = [
            Ran(
                run.recipient.removeprefix("functions."), run.arguments, run.told, run.result.ending
            )
            for run in reply.tool_runs
        ]
        return runs, reply.content


def play(model: PlayedModel, client: Client, turns: Iterable[TurnPlan]) -> list[list[Ran]]:
    """Have the model do all that, and nothing else; the calls of each turn as they were run."""
    played = []
    for turn in turns:
        if turn.tools is not None:
            client.offer(turn.tools)
        model.rounds.extend(call_markup([(f"functions.{c.name}", c.text)]) for c in turn.calls)
        model.rounds.append(answer_markup(turn.answer))
        runs, answer = client.say(turn.said)
        assert not model.rounds, f"{len(model.rounds)} rounds were not asked for"
        assert [(run.name, run.arguments) for run in runs] == [(c.name, c.text) for c in turn.calls]
        assert answer == turn.answer
        played.append(runs)
    return played
