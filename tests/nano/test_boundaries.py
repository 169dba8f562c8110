"""What is said of the embedded model is what it does: shares right, shares refused, and nothing more is claimed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipes.nano import boundaries
from recipes.nano.boundaries import Outcome
from recipes.nano.evaluate import wilson
from recipes.nano.generation import Answerer
from tests.levels import rounds

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"<!-- boundaries -->\n(.*)\n<!-- end of boundaries -->", re.DOTALL)
TOLD = ("docs/nano.md", "src/gptoss/nano/MODEL_CARD.md")
SPOKEN = ("README.md", *TOLD, "recipes/nano/README.md", "web/src/components/Welcome.svelte")
# It does not refuse all else: who reads one of these believes a wrong sum.
TOO_MUCH = re.compile(
    r"says so when asked|(?:says?|say) that it cannot do anything else|knows? what it (?:cannot|does not)"
)
ASKED = dict(boundaries.questions())
MEASURED = boundaries.read()


@pytest.fixture(scope="module")
def answerer() -> Iterator[Answerer]:
    opened = boundaries.open_answerer()
    yield opened
    opened.model.close()


@pytest.mark.wide(4)
@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("level", ["low", "medium", "high"])
def test_shares_are_those_that_are_told(kind: str, level: str, answerer: Answerer) -> None:
    """Greedy answers to a part of the questions: another processor may round a close choice differently."""
    asked = ASKED[kind][: 20 * rounds(3)]
    found = boundaries.ask(answerer, kind, asked, level, 0.0)
    (told,) = (o for o in MEASURED if (o.kind, o.level, o.temperature) == (kind, level, 0.0))
    assert told.asked == len(ASKED[kind])
    for what in ("right", "refused"):
        assert overlap(found, told, what), (what, found, told)


def overlap(one: Outcome, other: Outcome, what: str) -> bool:
    """Whether two shares may be the same, by their 95 % intervals."""
    bounds = [wilson(getattr(each, what), each.asked) for each in (one, other)]
    return max(low for low, _ in bounds) <= min(high for _, high in bounds)


@pytest.mark.parametrize("page", TOLD)
def test_tables_are_the_measured_ones(page: str) -> None:
    shown = TABLE.search((ROOT / page).read_text("utf-8"))
    assert shown is not None
    assert shown[1] == boundaries.table(MEASURED)


def test_what_is_claimed_is_right() -> None:
    """`medium` and `high` alone, and two whole numbers of up to five digits."""
    for each in MEASURED:
        if each.kind in boundaries.CLAIMED:
            share = each.right / each.asked
            assert share >= 0.95 if each.level != "low" else share < 0.05, each


@pytest.mark.parametrize("page", SPOKEN)
def test_nobody_says_that_it_refuses_all_else(page: str) -> None:
    text = " ".join((ROOT / page).read_text("utf-8").split())
    assert not TOO_MUCH.search(text)


@pytest.mark.parametrize("page", ["README.md", *TOLD])
def test_that_it_answers_wrongly_is_said_where_its_sums_are(page: str) -> None:
    """As long as it is so: a better model changes the words."""
    is_wrong = any(o.right + o.refused < o.asked / 2 for o in MEASURED if o.level != "low")
    assert is_wrong == bool(re.search("wrong", (ROOT / page).read_text("utf-8")))
