"""The corpus of sampled outputs: each read as expected, in whatever pieces it comes, and nothing lost."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from gptoss.harmony import Message, Parser, Role
from tests import o200k
from tests.harmony import accounts

TOKENIZER = o200k.tokenizer()
FOLDER = Path(__file__).parents[1] / "golden" / "harmony" / "faults"
FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
CASES = [case for name in sorted(FILES) for case in FILES[name]["cases"]]


def ids_of(sampled: str | list[Any]) -> list[int]:
    ids: list[int] = []
    for piece in [sampled] if isinstance(sampled, str) else sampled:
        match piece:
            case str():
                ids += o200k.ids_of(piece)
            case int():
                ids.append(piece)
            case {"text": text}:
                ids += TOKENIZER.encode(text)
    return ids


def test_there_are_enough_and_each_once() -> None:
    assert len(CASES) >= 120
    assert Counter(case["id"] for case in CASES).most_common(1)[0][1] == 1
    assert all(file["origin"]["source"] for file in FILES.values())


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_read_as_expected(case: dict[str, Any]) -> None:
    ids = ids_of(case["sampled"])
    recipients = case.get("recipients", ())
    parser = Parser(TOKENIZER, recipients=recipients)
    parser.feed_all(ids)
    messages, repairs = parser.finish()
    expected = [
        Message(**{"role": Role.ASSISTANT, **message})  # type: ignore[arg-type]
        for message in case["messages"]
    ]
    assert messages == expected
    assert bool(repairs) == case["is_repaired"], repairs
    if not recipients:
        accounts.check(ids, TOKENIZER)
