"""Settings by which nothing can be asked are refused before a folder is made, also in Python."""

from __future__ import annotations

import pytest

from gptoss.errors import EvalError, GptossError
from gptoss.evals.evaluation import Evaluation
from tests.evals.coin import Caller, Coins


def _evaluation(**settings: object) -> Evaluation:
    return Evaluation(suite=Coins(), asker=Caller(), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"repeats": 0}, "got repeats 0, wanted 1 or more"),
        ({"max_tokens": -5}, "got max_tokens -5"),
        ({"temperature": float("nan")}, "got the temperature nan, wanted 0 to 2"),
        ({"temperature": 2.5}, "got the temperature 2.5"),
        ({"top_p": 0.0}, "got top_p 0, wanted more than 0"),
        ({"top_p": float("nan")}, "got top_p nan"),
        ({"effort": "utmost"}, "'utmost', wanted one of low, medium, high"),
    ],
)
def test_what_cannot_be_asked(settings: dict[str, object], said: str) -> None:
    with pytest.raises(GptossError, match=said):
        _evaluation(**settings)


def test_a_limit_of_none() -> None:
    with pytest.raises(EvalError, match="got a limit of 0"):
        _ = _evaluation(limit=0).samples


def test_the_protocols_own_where_nothing_is_said() -> None:
    settings = _evaluation(temperature=0.0, top_p=0.5).settings
    assert (settings.sampling.temperature, settings.sampling.top_p) == (0.0, 0.5)
    assert (settings.repeats, settings.sampling.max_tokens) == (1, None)
