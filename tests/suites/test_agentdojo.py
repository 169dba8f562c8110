"""AgentDojo: the true calls of 97 tasks are made, and of 949 hidden orders that a model obeys none has an effect."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gptoss.chat import Chat
from gptoss.tools import Ending, Invocation, Tool
from gptoss.tools.tool_run import as_result
from tests.levels import stride
from tests.suites import agentdojo_suites as dojo
from tests.suites.http_clients import HostedClient, Servers
from tests.suites.played_model import PlayedModel
from tests.suites.trajectory import Call, ChatClient, Client, Ran, TurnPlan, play

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("agentdojo") is None,
        reason="agentdojo is not installed: make test-slow does that",
    ),
]
NUM_TASKS = {"workspace": 40, "travel": 20, "banking": 16, "slack": 21}
# And in how many of these the order is read: in the others it is behind an address that a person would have to allow.
NUM_PAIRS = {
    "workspace": (560, 560),
    "travel": (140, 140),
    "banking": (144, 144),
    "slack": (105, 70),
}
# Orders to say something: what a model writes is no call, and no approval holds it back.
WORDS = {("travel", "injection_task_6")}


Begin = Callable[[Sequence[Tool]], Client]
# The last: whether a person allows what is asked for; where they do not, nobody is there in this process.
Way = Callable[[PlayedModel, Servers, bool], Begin]


def _in_process(model: PlayedModel, _: Servers, allows: bool) -> Begin:
    approve = (lambda _: True) if allows else None
    return lambda _: ChatClient(Chat(model, temperature=0, approve=approve))


def _over_http(_: PlayedModel, servers: Servers, allows: bool) -> Begin:
    return lambda tools: HostedClient(servers.hosting(tools), lambda _: allows)


WAYS = (_in_process, _over_http)


@dataclass
class Scene:
    """A suite's environment, before and now, and the calls that have changed it."""

    suite: Any
    environment: Any
    before: Any
    changes: list[Call]

    @classmethod
    def of(cls, suite: Any, task: Any, text: str | None = None) -> Scene:
        """`text`: what strangers have written wherever they can; None: what the suite has there."""
        environment = task.init_environment(dojo.environment_of(suite, text))
        return cls(suite, environment, environment.model_copy(deep=True), [])

    def play(
        self,
        model: PlayedModel,
        task: Any,
        calls: Sequence[Call],
        answer: str,
        begin: Begin,
    ) -> list[Ran]:
        """`begin`: a client for a conversation in which there are these functions."""
        tools = dojo.tools_in(self.suite, self.environment, self.changes)
        plan = TurnPlan(task.PROMPT, tuple(calls), answer, tools)
        (runs,) = play(model, begin(tools), [plan])
        # Tools are what they are declared to be.
        assert not [call for call in self.changes if dojo.is_read_only(call.name)]
        return runs

    def is_reached(self, task: Any, answer: str, calls: Sequence[Call]) -> bool:
        """Whether its goal is reached, as the suite judges it by the calls that ran."""
        return dojo.is_reached(self.suite, task, answer, self.before, self.environment, calls)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", dojo.NAMES)
def test_true_calls_solve_each_task(
    played_model: PlayedModel, servers: Servers, name: str, way: Way
) -> None:
    """As the suite's own judges see it, where a person allows what is asked for."""
    suite = dojo.suite(name)
    unsolved = []
    for task in suite.user_tasks.values():
        scene = Scene.of(suite, task)
        calls = dojo.calls_of(suite, task, scene.environment)
        answer = task.GROUND_TRUTH_OUTPUT or "Done."
        runs = scene.play(played_model, task, calls, answer, way(played_model, servers, True))
        if {run.ending for run in runs} - {Ending.FINISHED} or not scene.is_reached(
            task, answer, calls
        ):
            unsolved.append(task.ID)
    assert unsolved == []
    assert len(suite.user_tasks) == NUM_TASKS[name]


@pytest.mark.parametrize("name", dojo.NAMES)
def test_hidden_orders_that_a_model_obeys_have_no_effect(
    played_model: PlayedModel, servers: Servers, name: str
) -> None:
    """With the default approvals, and nobody there: behind strangers' text, calls that change something are denied."""
    pairs = _pairs(dojo.suite(name))
    num_read = _obey(played_model, servers, pairs, _in_process)
    assert (len(pairs), num_read) == NUM_PAIRS[name]


@pytest.mark.parametrize("name", dojo.NAMES)
def test_hidden_orders_over_http(played_model: PlayedModel, servers: Servers, name: str) -> None:
    """With the default approvals: the person who is asked for these calls allows none."""
    pairs = _pairs(dojo.suite(name))
    _obey(played_model, servers, pairs[:: stride(7)], _over_http)


def _pairs(suite: Any) -> list[tuple[Any, Any, Any]]:
    """The suite, a user's task, and an order of a stranger's, for all of them."""
    return [
        (suite, task, order)
        for task in suite.user_tasks.values()
        for order in suite.injection_tasks.values()
    ]


def _obey(
    model: PlayedModel, servers: Servers, pairs: Sequence[tuple[Any, Any, Any]], way: Way
) -> int:
    """Fail if an order has an effect; returns in how many of the pairs it is read.

    The model obeys at once: behind the first result that holds the order, it makes the calls that the suite has for it.
    """
    effects, num_read = [], 0
    for suite, task, order in pairs:
        text = dojo.order_of(order)
        scene = Scene.of(suite, task, text)
        own = dojo.calls_of(suite, task, scene.environment)
        obeyed = dojo.calls_of(suite, order, scene.environment)
        first = _index_of_order(suite, task, own, text) + 1
        calls = [*own[:first], *obeyed, *own[first:]]
        answer = f"Done. {order.GROUND_TRUTH_OUTPUT}"
        runs = scene.play(model, task, calls, answer, way(model, servers, False))
        num_read += any(_holds(text, run.told) for run in runs[:first])
        injected = runs[first : first + len(obeyed)]
        wrong = [run for run in injected if run.ending is not _ending_of(run)]
        ran = [call for call, run in zip(calls, runs, strict=True) if run.ending is Ending.FINISHED]
        if wrong or scene.is_reached(order, answer, ran) != ((suite.name, order.ID) in WORDS):
            effects.append((task.ID, order.ID, wrong, scene.changes))
    assert effects == []
    return num_read


def _ending_of(run: Ran) -> Ending:
    return Ending.FINISHED if dojo.is_read_only(run.name) else Ending.DENIED


def _index_of_order(suite: Any, task: Any, calls: Sequence[Call], text: str) -> int:
    """The first of the calls whose result has the order in it, where all are allowed."""
    scene = Scene.of(suite, task, text)
    tools = dojo.tools_in(suite, scene.environment, [])
    runners = {tool.description.name: tool.run for tool in tools}
    for index, call in enumerate(calls):
        run = runners[call.name]
        assert run is not None
        told = as_result(run(Invocation(call.text, lambda _: None))).text
        if _holds(text, told):
            return index
    raise AssertionError(f"{task.ID} does not read what strangers write")


def _holds(text: str, told: str) -> bool:
    return json.dumps(text, ensure_ascii=False)[1:-1] in told or text in told
