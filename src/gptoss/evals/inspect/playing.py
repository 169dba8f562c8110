"""The solver: plays a suite's sample against the model that is evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from inspect_ai.model import Model, ModelOutput, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from gptoss.errors import EvalError
from gptoss.evals.grade import Item
from gptoss.evals.inspect.questions import asked, input_of
from gptoss.evals.inspect.suites import opened, require_sample
from gptoss.evals.play import Exchange, key_of
from gptoss.evals.question import Answer, Question
from gptoss.evals.run import seed_of
from gptoss.evals.suite import Sample, Suite

# Of a sample's store: what was asked and answered, and the grades.
_KEPT = "gptoss_play"


@solver(name="play")
def play(suite: str, options: dict[str, Any]) -> Solver:
    """Asks what a sample asks, one question after the other, each with the seed that `gptoss eval` gives it."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        opened_suite = opened(suite, options)
        sample = require_sample(opened_suite, str(state.sample_id))
        repeat = state.epoch - 1
        asking = _Asking(get_model(), state, key_of(sample.id, repeat), options.get("seed", 0))
        items = await opened_suite.play(sample, repeat, asking)
        kept = {
            "suite": suite,
            "options": options,
            "graded_by": graded_by(opened_suite),
            "exchanges": [each.to_dict() for each in asking.exchanges],
            "items": [each.to_dict() for each in items],
        }
        state.store.set(_KEPT, kept)
        return state

    return solve


def kept_play(state: TaskState) -> Mapping[str, Any]:
    """What a sample keeps of its play: suite and options, who graded it, exchanges and items. Raises EvalError."""
    kept = state.store.get(_KEPT)
    if not isinstance(kept, Mapping):
        raise EvalError(
            "the sample was not played, so there is nothing to grade; run it with gptoss/play"
        )
    return kept


def kept_items(kept: Mapping[str, Any], suite: Suite) -> list[Item] | None:
    """The grades that are there; None where another version of the suite gave them, or another judge."""
    if kept["graded_by"] != graded_by(suite):
        return None
    return [Item.from_dict(each) for each in kept["items"]]


async def graded_again(
    kept: Mapping[str, Any], suite: Suite, sample: Sample, repeat: int
) -> list[Item]:
    """The grades of the answers that are there. Raises EvalError where the suite asks something else by now."""
    exchanges = map(Exchange.from_dict, kept["exchanges"])
    return list(await suite.play(sample, repeat, _Answered(exchanges)))


def graded_by(suite: Suite) -> list[str]:
    """All that decides a grade but for the answer."""
    return [suite.name, suite.card.name, suite.card.version, suite.card.judge]


@dataclass(slots=True)
class _Asking:
    """Asks one play's questions, and shows them in its state."""

    model: Model
    state: TaskState
    key: str
    seed: int
    exchanges: list[Exchange] = field(default_factory=list)
    _shown: int = 0

    async def __call__(self, question: Question) -> Answer:
        seed = seed_of(self.seed, f"{self.key}#{len(self.exchanges)}")
        output, answer = await asked(self.model, question, seed)
        self.exchanges.append(
            Exchange(
                digest=question.digest(),
                effort=question.effort or "",
                seed=seed,
                answer=answer,
                question=question.to_dict(),
            )
        )
        self._show(question, output)
        return answer

    def _show(self, question: Question, output: ModelOutput) -> None:
        """A question that goes on with the conversation takes its place; another one stands behind it."""
        messages = input_of(question)
        before = self.state.messages[self._shown :]
        texts = [message.text for message in before]
        goes_on = [message.text for message in messages[: len(texts)]] == texts
        if not goes_on:
            self._shown = len(self.state.messages)
        shown = [] if output.empty else [output.message]
        self.state.messages = [*self.state.messages[: self._shown], *messages, *shown]
        self.state.output = output


class _Answered:
    """Gives what was answered, in its order."""

    def __init__(self, exchanges: Iterator[Exchange]) -> None:
        self._exchanges = exchanges

    async def __call__(self, question: Question) -> Answer:
        exchange = next(self._exchanges, None)
        if exchange is None or exchange.digest != question.digest():
            raise EvalError(
                "the suite asks another question than it did, so the answers are none to it; run it anew"
            )
        return exchange.answer
