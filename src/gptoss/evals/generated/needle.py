"""Needles: codes hidden in long prose, asked for by their names, some of which were never given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.generated_suite import Rules
from gptoss.evals.generated.haystack import haystack
from gptoss.evals.generated.long_suite import LongSuite, written
from gptoss.evals.generated.names import distinct_numbers, draw_names
from gptoss.evals.grade import Grade
from gptoss.evals.question import Answer
from gptoss.evals.suite import Sample

_FORMS = ("single", "absent", "keys", "values", "queries")
_LENGTHS = (2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000)
_DEPTHS = 11
_CODE_DIGITS = 7
_CODE = re.compile(r"(?<!\d)\d{7}(?!\d)")
_NONE = re.compile(r"\bnone\b", re.IGNORECASE)


class Needle(LongSuite):
    """Forms by lengths by depths.

    single   one name, four of which have a code
    absent   two names, of which one has no code
    keys     one name among many that have codes as well
    values   one name that has four codes
    queries  four names among many
    """

    name = "needle"
    # Multiplied, each form meets each length at each depth once.
    usual = len(_FORMS) * len(_LENGTHS) * _DEPTHS
    lengths = _LENGTHS
    rules = Rules(
        prompt="made-up prose with codes of seven digits in it, then the names whose codes are wanted, a line each, "
        "with NONE for a name that has none",
        extraction="all numbers of seven digits in the line of the final answer that has the name; in the whole answer "
        "where one name was asked for",
        scoring="right if each name has just its codes: none missing, none too many",
        tokens={"low": 80, "medium": 250, "high": 500},
    )

    def draw(self, number: int, draws: Draws) -> tuple[Mapping[str, str], Mapping[str, object]]:
        """Names, codes and depths; the prose is made later."""
        # The three cycles have no divisor in common, so that all combinations come before one comes again.
        form, length = _FORMS[number % len(_FORMS)], _LENGTHS[number % len(_LENGTHS)]
        depth = (number % _DEPTHS) / (_DEPTHS - 1)
        names = draw_names(draws, 16)
        codes = [str(code) for code in distinct_numbers(draws, 20, _CODE_DIGITS)]
        given, asked = _names_with_codes(form, names, codes)
        places = _places(given, asked[0], depth, draws)
        data = {
            "form": form, "length": length, "text": draws.stream("prose").origin,
            "given": given, "asked": asked, "places": places,
        }  # fmt: skip
        return {"form": form, "length": written(length), "depth": f"{depth:.1f}"}, data

    def long_part(self, sample: Sample, draws: Draws, num_tokens: int) -> str:
        """Prose with the codes in it."""
        data: Mapping[str, Any] = sample.data
        inserted = [
            (depth, f"The code of the {name} is {code}.") for depth, name, code in data["places"]
        ]
        return haystack(draws, num_tokens, self.options.count_tokens, inserted)

    def asked(self, sample: Sample) -> str:
        """The names, and the form of the answer."""
        data: Mapping[str, Any] = sample.data
        names = "\n".join(f"- {name}" for name in data["asked"])
        return (
            f"Which codes are given in the text above for these names?\n{names}\n"
            "Answer with one line for each name, as in `name: code`. Put commas between the codes of a name that has "
            "several, and write NONE for a name that has no code in the text."
        )

    def grade(self, sample: Sample, answer: Answer) -> Grade:
        """Whether each name has its codes."""
        data: Mapping[str, Any] = sample.data
        asked: list[str] = data["asked"]
        if not (_CODE.search(answer.content) or _NONE.search(answer.content)):
            return Grade.missing(is_cut_off=answer.is_cut_off)
        found = {name: _found(answer.content, name, is_only=len(asked) == 1) for name in asked}
        wrong = [name for name in asked if found[name] != set(data["given"].get(name, ()))]
        wanted = {code for name in asked for code in data["given"].get(name, ())}
        if set(_CODE.findall(answer.content)) - wanted:
            wrong = [*wrong, "codes that were not asked for"]
        said = "; ".join(f"{name}: {_listed(found[name])}" for name in asked)
        reason = f"wrong for {', '.join(wrong)}" if wrong else ""
        return Grade.of(not wrong, found=said, reason=reason, details={"given": data["given"]})

    def reference(self, sample: Sample) -> Sequence[Answer]:
        """A line for each name."""
        data: Mapping[str, Any] = sample.data
        lines = [f"{name}: {_listed(data['given'].get(name))}" for name in data["asked"]]
        return [Answer(content="\n".join(lines))]


def _names_with_codes(
    form: str, names: list[str], codes: list[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """The codes of the names in the text, and the names that are asked for, of which the first is in it."""
    one_each = {name: [code] for name, code in zip(names, codes, strict=False)}
    match form:
        case "single":
            return {name: one_each[name] for name in names[:4]}, names[:1]
        case "absent":
            given = {name: one_each[name] for name in names[:4]}
            return given, [names[0], names[4]]
        case "keys":
            return one_each, names[:1]
        case "values":
            others = {name: one_each[name] for name in names[1:5]}
            return {names[0]: codes[16:20], **others}, names[:1]
    return one_each, names[:4]


def _places(
    given: Mapping[str, list[str]], first: str, depth: float, draws: Draws
) -> list[tuple[float, str, str]]:
    """Depth, name and code of each sentence: the first code asked for is at the depth wanted, others anywhere."""
    places = [
        (draws.below(1001) / 1000, name, code) for name, codes in given.items() for code in codes
    ]
    is_first = [name == first for _, name, _ in places].index(True)
    places[is_first] = (depth, *places[is_first][1:])
    return sorted(places)


def _found(content: str, name: str, *, is_only: bool) -> set[str] | None:
    """Codes of a name in an answer; none for NONE; None where it says nothing of the name."""
    lines = [line for line in content.splitlines() if name in line.casefold()]
    if not lines and is_only:
        lines = [content]
    codes = {code for line in lines for code in _CODE.findall(line)}
    return codes if codes or any(map(_NONE.search, lines)) else None


def _listed(codes: Sequence[str] | set[str] | None) -> str:
    return ", ".join(sorted(codes)) if codes else "NONE"
