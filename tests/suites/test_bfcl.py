"""The true calls of 800 conversations of the Berkeley Function Calling Leaderboard, made by the loop and over HTTP."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from itertools import islice

import pytest

from gptoss.chat import Chat
from gptoss.tools import Tool
from tests.levels import stride
from tests.suites import bfcl
from tests.suites.http_clients import (
    CompletionsClient,
    HostedClient,
    ResponsesClient,
    Servers,
)
from tests.suites.played_model import PlayedModel
from tests.suites.trajectory import ChatClient, Client, TurnPlan, play

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("bfcl_eval") is None,
        reason="bfcl-eval is not installed: make test-slow does that",
    ),
]
NUM_CALLS = {"base": 1142, "miss_func": 1140, "miss_param": 1140, "long_context": 1203}
_CUT = " characters are left out here; "

# A client for one conversation, in which there are these functions.
MakeConversation = Callable[[Sequence[Tool]], Client]


@pytest.mark.parametrize("category", bfcl.CATEGORIES)
def test_each_conversation_ends_as_its_true_calls_do(
    played_model: PlayedModel, category: str
) -> None:
    """The grammar allows each call, the model reads each result, and the services end in the same state."""
    _play_all(played_model, category, lambda _: ChatClient(Chat(played_model, temperature=0)))


@pytest.mark.parametrize("category", bfcl.CATEGORIES)
@pytest.mark.parametrize("made_by", [CompletionsClient, ResponsesClient])
def test_over_http_where_the_client_makes_the_calls(
    played_model: PlayedModel,
    servers: Servers,
    made_by: type[CompletionsClient | ResponsesClient],
    category: str,
) -> None:
    _play_all(played_model, category, lambda _: made_by(servers.plain), stride(4))


@pytest.mark.parametrize("category", bfcl.CATEGORIES)
def test_over_http_where_the_server_makes_the_calls(
    played_model: PlayedModel, servers: Servers, category: str
) -> None:
    """They are functions of its operator's, none of which is asked for."""

    def refuse(name: str) -> bool:
        raise AssertionError(f"{name} was asked for")

    _play_all(played_model, category, lambda tools: HostedClient(servers.hosting(tools), refuse))


def _play_all(model: PlayedModel, category: str, begin: MakeConversation, step: int = 1) -> None:
    """Play the two hundred of a category, or one in so many, and compare results and states with those of calls
    without a model.
    """
    from bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker import state_checker

    wrong: list[tuple[str, object]] = []
    num = num_calls = 0
    for task in islice(bfcl.tasks(category), 0, None, step):
        ours, direct = task.back_ends(), task.back_ends()
        plans = task.plans(ours)
        played = play(model, begin(_tools_of(plans)), plans)
        for index, runs in enumerate(played):
            for run, wanted in zip(runs, task.direct(direct, index), strict=True):
                if not _is_same(run.told, wanted):
                    wrong.append((task.name, (run, wanted)))
            num_calls += len(runs)
        checked = state_checker(ours, direct)
        if not checked["valid"]:
            wrong.append((task.name, checked["details"]["differences"]))
        num += 1
    assert wrong == []
    assert num == 200 // step
    assert step > 1 or num_calls == NUM_CALLS[category]


def _tools_of(plans: Sequence[TurnPlan]) -> list[Tool]:
    """All functions that there are in a conversation, sooner or later."""
    tools = [each for plan in plans for each in plan.tools or () if isinstance(each, Tool)]
    return list({each.recipient: each for each in tools}.values())


def _is_same(told: str, wanted: str) -> bool:
    """Whether the model has read all of a result, or its beginning and its end where it is too long."""
    if _CUT not in told:
        return told == wanted
    head, _, tail = told.partition("\n[")
    return wanted.startswith(head) and wanted.endswith(tail.partition("]\n")[2])
