"""A report as files: what it states, what it never says without a warning, and that it shows hostile text as text."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gptoss.evals.asker import Sampling
from gptoss.evals.grade import Grade, Item
from gptoss.evals.report import Evaluated, RunFacts, report_document, summarise, written
from gptoss.evals.report.blocks import Curve
from gptoss.evals.suite import Source
from tests.evals.made_plays import CARD, FACTS, plays
from tests.evals.record_report import FOLDER, golden_files

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>|`*_[a](javascript:b)\u202e\x1b[31m\ud800\n# x"


def files(facts: RunFacts = FACTS, **more: object) -> dict[str, str]:
    made = written([Evaluated(facts, summarise(plays(**more)))])  # type: ignore[arg-type]
    return {name: data.decode() for name, data in made.items()}


def test_markdown_is_the_golden_one() -> None:
    assert golden_files()["report.md"].decode() == (FOLDER / "report.md").read_text("utf-8")


def test_json_is_the_golden_one() -> None:
    found = json.loads(golden_files()["report.json"])
    expected = json.loads((FOLDER / "report.json").read_text(encoding="utf-8"))

    def compare(mine: object, its: object, place: str) -> None:
        if isinstance(its, dict):
            assert isinstance(mine, dict)
            assert list(mine) == list(its), place
            for name in its:
                compare(mine[name], its[name], f"{place}.{name}")
        elif isinstance(its, float):
            # Of the last digit that is written: libraries of mathematics differ in theirs.
            assert mine == pytest.approx(its, abs=2e-6, rel=1e-9), place
        else:
            assert mine == its, place

    compare(found, expected, "")


def test_rows_that_were_counted_while_they_were_skipped() -> None:
    skipped = Counter({"rows that cannot be read": 3, "questions with an image": 342})
    found = files(replace(FACTS, skipped=skipped))
    assert json.loads(found["report.json"])["runs"][0]["facts"]["skipped"] == dict(skipped)
    assert "| questions with an image | 342 |" in found["report.md"]


def test_why_items_are_not_graded() -> None:
    """By what is before a colon: behind it stands what one judge said."""
    reasons = ["the judge says neither yes nor no: 'x'", "the judge says neither yes nor no: 'y'"]
    reasons += ["its tests cannot be read: it is no JSON", ""]
    made = [
        replace(play, items=[replace(play.items[0], grade=Grade.unknown(reason))])
        for play, reason in zip(plays(), reasons, strict=False)
    ]
    shares = {name: share.mean for name, share in summarise(made).reasons.items()}
    assert shares == {
        "the judge says neither yes nor no": 0.5,
        "its tests cannot be read": 0.25,
        "nobody said why": 0.25,
    }


def test_a_model_at_a_server_has_its_name() -> None:
    facts = replace(FACTS, identity={"server_model": "other-20b"})
    assert files(facts)["report.md"].splitlines()[2].endswith("; other-20b")


def test_equal_plays_give_equal_bytes_but_for_timings() -> None:
    first, second = files(), files(slowness=2.0)
    assert first == files()
    for name in first:
        assert first[name] != second[name]
    data = [json.loads(each["report.json"]) for each in (first, second)]
    assert data[0]["runs"] == data[1]["runs"]
    assert data[0]["timings"] != data[1]["timings"]
    for name, heading in (("report.md", "\n## Timings"), ("report.html", "<h2>Timings</h2>")):
        before = [each[name].partition(heading)[0] for each in (first, second)]
        assert before[0] == before[1]
        assert heading in first[name]


def test_every_line_of_the_card_and_all_facts_are_stated() -> None:
    found = files()
    for name in ("report.md", "report.html"):
        text = found[name].replace("\\", "")
        for said in (
            CARD.extraction,
            CARD.scoring,
            "aa-v3, version 2",
            *CARD.differs,
            "41d1213c",
            "the published file",
            "no answer given",
            FACTS.command,
            "4f1c",
            "All settings are the protocol",
            "none: programs grade",
        ):
            assert said in text, (name, said)


def test_no_share_stands_without_interval_and_n() -> None:
    """Each line that has a per cent sign has an n, or tells of what others published or of what is taken to be so."""
    for line in files()["report.md"].splitlines():
        if "%" in line:
            known = ("publishes", "a random answerer", "95 %", "where the runs differ", "held to")
            assert re.search(r"n [0-9,]+", line) or any(each in line for each in known), line


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"asked": 30}, "30 of 60 samples were asked"),
        ({"repeats": 1}, "repeats is 1, the protocol's is 2"),
        ({"sampling": Sampling(effort="high", temperature=0.6)}, "temperature is 0.6"),
        ({"sampling": Sampling(effort="high", max_tokens=512)}, "max_tokens is 512"),
        ({"sampling": Sampling(effort="low")}, "the effort is low, the figure's is high"),
        ({"repeats": 3}, "60 plays are missing"),
        (
            {"sources": [Source(name="own.csv", sha256="0", rows=3, known=False)]},
            "own.csv is not the published file",
        ),
        (
            {"sources": [Source(name="own.csv", sha256="0", rows=3)]},
            "nothing is known of the hash of own.csv",
        ),
    ],
)
def test_a_published_figure_is_never_beside_another_kind_of_run_without_saying_so(
    changed: dict[str, object], said: str
) -> None:
    found = files(replace(FACTS, **changed))  # type: ignore[arg-type]
    for name in ("report.md", "report.html"):
        text = found[name].replace("&#x27;", "'").replace("\\", "")
        assert "This run must not be compared with it" in text
        assert said in text
        # Each time that it is shown.
        for place in re.finditer(r"68\.8 %", text):
            near = text[max(0, place.start() - 90) : place.end() + 90]
            assert "not comparable" in near or "must not be compared" in near
    run = json.loads(found["report.json"])["runs"][0]
    assert run["published"][0]["comparable"] is False
    assert any(said in each for each in run["published"][0]["obstacles"])
    assert 'class="mark unlike"' in found["report.html"]
    assert 'class="mark"' not in found["report.html"]


def test_a_published_figure_of_the_same_kind_is_compared() -> None:
    found = files()
    assert "must not be compared" not in found["report.html"]
    assert 'class="mark"' in found["report.html"]
    assert json.loads(found["report.json"])["runs"][0]["published"][0]["comparable"] is True


def test_many_ungraded_items_forbid_the_comparison() -> None:
    made = plays()
    made[:2] = [
        replace(play, items=(replace(play.items[0], grade=Grade.unknown("no judge")),))
        for play in made[:2]
    ]
    text = written([Evaluated(FACTS, summarise(made))])["report.md"].decode()
    assert "must not be compared with it: 3 of 120 items are not graded" in text


def test_a_judge_is_named_and_its_effect_told() -> None:
    card = replace(CARD, judge="self: gpt-oss-20b judges its own answers")
    found = files(replace(FACTS, card=card))
    assert "judges its own answers" in found["report.md"]
    assert "Another judge than the figure's alone can move the score" in found["report.md"]


def test_what_is_missing_is_told() -> None:
    found = files(replace(FACTS, asked=60, repeats=3, failures={"q00001#2": "timed out"}))
    assert "Not finished: 60 plays are still to be made" in found["report.md"]
    assert "| q00001#2 | timed out |" in found["report.md"]
    assert "plays not answered: 1" in found["report.md"]


def test_nothing_graded_has_a_report() -> None:
    made = [
        replace(play, items=(replace(play.items[0], grade=Grade.unknown("no judge")),))
        for play in plays(5)
    ]
    text = written([Evaluated(FACTS, summarise(made))])["report.md"].decode()
    assert "**no graded item**" in text
    assert "ungraded, and not in the score: 10" in text
    assert written([Evaluated(FACTS, summarise([]))])["report.html"]


def test_efforts_of_several_runs_are_drawn_together() -> None:
    runs = [
        Evaluated(
            replace(FACTS, sampling=Sampling(effort=effort, seed=7)),
            summarise(plays(accuracy=accuracy, effort=effort)),
        )
        for effort, accuracy in (("high", 0.8), ("low", 0.4), ("medium", 0.6))
    ]
    (drawn,) = (each for each in report_document(runs).blocks if isinstance(each, Curve))
    assert [label for label, _, _ in drawn.points] == ["low", "medium", "high"]
    assert [score.mean for _, _, score in drawn.points] == sorted(
        score.mean for _, _, score in drawn.points
    )
    text = written(runs)["report.html"].decode()
    assert text.count("<h1>") == 1
    assert text.count('class="headline"') == 3


def test_facts_come_back_from_json() -> None:
    facts = replace(FACTS, skipped=Counter({"questions with an image": 342}))
    assert RunFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts


class Tags(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def hostile_run() -> Evaluated:
    """One whose every text is an attack."""
    card = replace(
        CARD,
        name=HOSTILE,
        version=HOSTILE,
        prompt=HOSTILE,
        scoring=HOSTILE,
        judge=HOSTILE,
        differs=[HOSTILE],
        published={HOSTILE: 0.5},
    )
    facts = replace(
        FACTS,
        suite=HOSTILE,
        card=card,
        identity={HOSTILE: HOSTILE, "model": HOSTILE},
        command=HOSTILE,
        sources=[Source(name=HOSTILE, sha256=HOSTILE, rows=1)],
        skipped={HOSTILE: 2},
        failures={HOSTILE: HOSTILE},
    )
    made = []
    for play in plays(12):
        exchange = play.exchanges[0]
        answer = replace(exchange.answer, finish_reason=HOSTILE)
        item = Item(
            id=HOSTILE,
            grade=replace(play.items[0].grade, stage=HOSTILE),
            cluster=HOSTILE + play.sample,
            category={HOSTILE: HOSTILE, "empty": ""},
        )
        exchanges = (replace(exchange, answer=answer, effort=HOSTILE),)
        made.append(replace(play, items=(item,), exchanges=exchanges))
    return Evaluated(facts, summarise(made))


def test_hostile_text_is_text() -> None:
    made = written([hostile_run()])
    page = made["report.html"].decode()
    tags = Tags()
    tags.feed(page)
    names = {name for name, _ in tags.found}
    assert not names & {"script", "img", "a", "link", "iframe", "object", "form"}
    for _, attributes in tags.found:
        assert not any(name.startswith("on") or name in ("href", "src") for name in attributes)
    text = made["report.md"].decode()
    assert "<script" not in text.replace("\\<", "")
    assert not re.search(r"(?<!\\)\[a(?<!\\)\]\(", text)
    for each in (page, text):
        assert not re.search("[\u202e\x1b\ud800-\udfff]", each)
    # No text begins a line of its own, and a bar ends no cell.
    assert all(
        line.startswith(("#", "|", "-", "*")) or not line or "onerror" not in line[:9]
        for line in text.splitlines()
    )
    assert "\n# x" not in text
    assert json.loads(made["report.json"])["runs"][0]["facts"]["suite"] == HOSTILE


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [360, 1100])
def test_the_page_runs_nothing_and_fits(tmp_path: Path, width: int) -> None:
    """In a browser: no script, no request, no error, and nothing wider than a narrow screen."""
    from playwright.sync_api import sync_playwright

    (tmp_path / "report.html").write_bytes(
        written([hostile_run(), Evaluated(FACTS, summarise(plays()))])["report.html"]
    )
    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        view = browser.new_page(viewport={"width": width, "height": 800})
        view.on("console", lambda message: said.append(message.text))
        view.on("dialog", lambda dialog: said.append(dialog.message))
        view.on("request", lambda request: asked.append(request.url))
        view.goto((tmp_path / "report.html").as_uri())
        wide = view.evaluate("document.documentElement.scrollWidth")
        drawn = view.evaluate(
            "[...document.querySelectorAll('svg circle')].every(c => c.getBoundingClientRect().width > 0)"
        )
        browser.close()
    assert said == []
    assert asked == [(tmp_path / "report.html").as_uri()]
    assert wide <= width
    assert drawn


def test_many_categories_are_shortened_but_in_json() -> None:
    made = [
        replace(play, items=(replace(play.items[0], category={"topic": play.sample}),))
        for play in plays(300, 1)
    ]
    found = written([Evaluated(FACTS, summarise(made))])
    assert "The 40 largest of 300; report.json has all." in found["report.md"].decode()
    run = json.loads(found["report.json"])["runs"][0]
    assert len(run["figures"]["categories"]["topic"]) == 300
