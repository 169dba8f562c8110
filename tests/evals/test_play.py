"""A play as it is kept."""

from __future__ import annotations

import json

import pytest

from gptoss.chat.reply import Usage
from gptoss.evals.grade import Grade, Item
from gptoss.evals.play import Exchange, Play
from gptoss.evals.question import Answer, Call, Question


def test_a_play_comes_back_from_json_as_it_was() -> None:
    grade = Grade.share(0.5, found="B", stage="last line", details={"options": ["A", "B"]})
    answer = Answer(
        content="Answer: B",
        reasoning="half\ud800",
        calls=(Call("add", '{"a": 1}', "call_0"),),
        finish_reason="length",
        usage=Usage(10, 20, 15, 3),
        seconds=1.25,
        repairs=1,
    )
    play = Play(
        sample="s/1",
        repeat=2,
        items=(
            Item(id="s/1.1", grade=grade, cluster="s/1", category={"subject": "law"}),
            Item(id="s/1.2", grade=Grade.unknown("no judge"), cluster="s/1"),
        ),
        exchanges=(
            Exchange(digest=Question.of("?").digest(), effort="high", seed=7, answer=answer),
        ),
    )
    assert Play.from_dict(json.loads(json.dumps(play.to_dict()))) == play


@pytest.mark.parametrize("missing", ["sample", "repeat", "items", "exchanges"])
def test_what_is_no_play_is_refused(missing: str) -> None:
    data = Play(sample="a", repeat=0, items=(), exchanges=()).to_dict()
    del data[missing]
    with pytest.raises(ValueError, match=missing):
        Play.from_dict(data)
