"""The server that is evaluated and the one that judges: each has its own key, and both are let go of."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from gptoss.cli.eval import session
from gptoss.cli.eval.session import Session
from gptoss.cli.eval.wishes import Wishes
from gptoss.errors import AnswerError, EvalError
from gptoss.evals.question import Answer, Question
from tests.batch.conftest import Says, ScriptedServer
from tests.cli.test_cli import ENVIRONMENT

DATA = Path(__file__).parents[1] / "golden/evals/hle/test.jsonl"
_JUDGEMENT = {"extracted_final_answer": "4", "reasoning": "", "correct": "no", "confidence": 5}


def _reply(content: str) -> Says:
    message = {"role": "assistant", "content": content}
    return Says(body={"choices": [{"message": message, "finish_reason": "stop"}]})


@pytest.fixture
def servers() -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    """One that answers, and one that judges."""
    with ExitStack() as stack:
        made = []
        for said in ("Answer: 4", json.dumps(_JUDGEMENT)):
            made.append(ScriptedServer(Says(body={"data": [{"id": "m"}]}), _reply(said)))
            stack.callback(made[-1].close)
        yield made[0], made[1]


def _keys(server: ScriptedServer) -> set[str | None]:
    return {headers.get("Authorization") for _, headers, _ in server.asked}


@pytest.mark.parametrize("has_key_of_its_own", [True, False])
def test_neither_learns_the_key_of_the_other(
    servers: tuple[ScriptedServer, ScriptedServer], tmp_path: Path, has_key_of_its_own: bool
) -> None:
    answers, judges = servers
    command = [sys.executable, "-m", "gptoss", "eval", "hle", "--data", str(DATA), "--limit", "1"]
    command += ["--server", answers.url, "--judge", judges.url, "--out", str(tmp_path)]
    own = {"JUDGE_API_KEY": "of-the-judge"} if has_key_of_its_own else {}
    environment = {**ENVIRONMENT, "OPENAI_API_KEY": "of-the-server", **own}
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    assert _keys(answers) == {"Bearer of-the-server"}
    assert _keys(judges) == {"Bearer of-the-judge" if has_key_of_its_own else None}
    assert len(judges.asked) == 2


class _Asker:
    at_once = 2

    def __init__(self, content: str, name: str = "someone") -> None:
        self.name, self.content, self.num_closed, self.num_asked = name, content, 0, 0

    @property
    def identity(self) -> Mapping[str, object]:
        return {"server_model": self.name}

    async def ask(self, question: Question, seed: int) -> Answer:
        self.num_asked += 1
        if not self.content:
            raise AnswerError("out of order")
        return Answer(content=self.content)

    async def close(self) -> None:
        self.num_closed += 1


_WISHES = Wishes(
    suites=["hle"],
    data={"hle": [DATA]},
    efforts=["low"],
    protocol=None,
    limit=2,
    repeats=None,
    size=None,
    seed=0,
    temperature=None,
    top_p=None,
    max_tokens=None,
    judge="http://127.0.0.1:1",
    judge_model="j",
    judge_key_file=None,
    sandbox_python=None,
    grader="subprocess",
    since=None,
    until=None,
    time_limit_s=None,
    regrades=False,
    out=None,
)


@pytest.mark.parametrize("judgement", [json.dumps(_JUDGEMENT), ""])
def test_a_judge_is_let_go_of_whatever_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judgement: str
) -> None:
    judge, answers = _Asker(judgement), _Asker("Answer: 4")

    async def made(*_: object, **__: object) -> _Asker:
        return judge

    monkeypatch.setattr(session, "server_asker", made)
    wishes = replace(_WISHES, out=tmp_path)
    asyncio.run(Session(wishes, answers, None, None, "").run())
    assert (judge.num_closed, answers.num_closed) == (1, 0)
    with pytest.raises(EvalError, match="is the folder of one run"):
        asyncio.run(
            Session(replace(wishes, out=tmp_path / "hle-aa-v3-low"), answers, None, None, "").run()
        )


def test_another_judge_does_not_repeat_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same words asked of another judge are another question; of the same one, they are not asked again."""
    yes = json.dumps({**_JUDGEMENT, "correct": "yes"})
    judges = {"a": _Asker(json.dumps(_JUDGEMENT), "a"), "b": _Asker(yes, "b")}

    async def made(_: object, model: str, *__: object, **___: object) -> _Asker:
        return judges[model]

    monkeypatch.setattr(session, "server_asker", made)
    for name, wanted in (("a", 0.0), ("b", 1.0), ("a", 0.0)):
        wishes = replace(_WISHES, out=tmp_path, judge_model=name, regrades=True)
        (found,) = asyncio.run(Session(wishes, _Asker("Answer: 4"), None, None, "").run())
        assert found.summary.score is not None
        assert (found.summary.score.mean, found.facts.card.judge) == (wanted, name)
    assert (judges["a"].num_asked, judges["b"].num_asked) == (2, 2)


def test_what_belongs_to_a_judge_that_is_not_there() -> None:
    for judge in (None, "self"):
        with pytest.raises(EvalError, match="got --judge-model without a judge's server"):
            replace(_WISHES, judge=judge)
        with pytest.raises(EvalError, match="got --judge-key-file without"):
            replace(_WISHES, judge=judge, judge_model=None, judge_key_file="x")
