"""Suites by their names and options that are plain values, as a log keeps them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from inspect_ai.model import Model, get_model

from gptoss.errors import EvalError
from gptoss.evals.asker import Sampling
from gptoss.evals.catalogue import SuiteOptions, open_suite
from gptoss.evals.inspect.provider import GptossAPI
from gptoss.evals.inspect.questions import asked
from gptoss.evals.question import Answer, Question
from gptoss.evals.run import seed_of
from gptoss.evals.suite import Ask, Sample, Suite

_SELF = "self"
# Judges are asked for the likeliest judgement, with an effort that lets them compare.
_JUDGING = Sampling(effort="medium", temperature=0.0)


class _AskedFirst(BaseException):
    """Ends a play at its first question; no error, so that no suite takes it for one."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question


def opened(name: str, options: Mapping[str, Any], *, asks: bool = True) -> Suite:
    """The suite, for the model that is evaluated; the same object for the same of both.

    options  `data` (paths), `protocol`, `seed`, `size`, `judge`, `sandbox_python`, `grader`
    asks     whether the model is to be asked, which opens it: its tokenizer and context decide the longest samples

    Raises EvalError for what is none, or lacks its data.
    """
    model = _own_model()
    if model is not None and not (asks or model.is_open):
        model = None
    return _opened(name, json.dumps(options, sort_keys=True), model)


def first_question(suite: Suite, sample: Sample) -> Question | None:
    """What a sample asks first; None where it does something else before."""

    async def ask(question: Question) -> Answer:
        raise _AskedFirst(question)

    # By hand: whoever wants to know may be within an event loop.
    playing = suite.play(sample, 0, ask)
    assert inspect.iscoroutine(playing)
    try:
        playing.send(None)
    except _AskedFirst as found:
        return found.question
    except StopIteration:
        return None
    finally:
        playing.close()
    return None


@lru_cache(maxsize=8)
def _opened(name: str, options: str, model: GptossAPI | None) -> Suite:
    given = json.loads(options)
    counting: dict[str, Any] = {}
    if model is not None:
        loaded = model.loaded
        counting = {
            "count_tokens": lambda text: len(loaded.tokenizer.encode(text)),
            "context": loaded.context,
        }
    judge, python = given.get("judge"), given.get("sandbox_python")
    return open_suite(
        name,
        SuiteOptions(
            data={name: [Path(each).expanduser() for each in given.get("data") or ()]},
            protocol=given.get("protocol"),
            seed=given.get("seed", 0),
            size=given.get("size"),
            judge=None if judge is None else _judge(judge),
            judge_name=judge or "",
            sandbox_python=None if python is None else Path(python).expanduser(),
            grader=given.get("grader") or "subprocess",
            **counting,
        ),
    )


def paths(data: str | Sequence[str] | None) -> list[str]:
    """One path or several, as a command line says them."""
    if data is None:
        return []
    return [data] if isinstance(data, str) else [str(each) for each in data]


def _own_model() -> GptossAPI | None:
    """The model that is evaluated, where it is one of ours."""
    try:
        model = get_model()
    except ValueError:
        # None is, where logs are graded again or tasks are listed.
        return None
    return model.api if isinstance(model.api, GptossAPI) else None


def _judge(name: str) -> Ask:
    """Whoever judges: `self`, or a model as inspect-ai names it."""

    async def ask(question: Question) -> Answer:
        judge: Model = get_model() if name == _SELF else get_model(name)
        settled = _JUDGING.settled(question)
        _, answer = await asked(judge, settled, seed_of(_JUDGING.seed, settled.digest()))
        return answer

    return ask


def require_sample(suite: Suite, id: str) -> Sample:
    """The sample of that id. Raises EvalError where there is none."""
    found = next((each for each in suite.samples() if each.id == id), None)
    if found is None:
        raise EvalError(
            f"{suite.name} has no sample {id}, wanted the data and options that the run had"
        )
    return found
