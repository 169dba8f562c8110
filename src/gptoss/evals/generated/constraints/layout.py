"""Constraints on the parts of a text: points, lines, paragraphs, sections, objects."""

from __future__ import annotations

import json
import re

from gptoss.evals.generated.constraints.draft import Draft
from gptoss.evals.generated.constraints.kind import (
    Kind,
    Parameters,
    count_of,
    lines_of,
    sentences_of,
)
from gptoss.evals.generated.draws import Draws

_STARS = re.compile(r"^\*\*\*$", re.MULTILINE)
_NUMBERED = re.compile(r"(\d+)\. \S")


def _few(draws: Draws) -> Parameters:
    return {"count": draws.between(3, 6)}


def _has_points(text: str, told: Parameters) -> bool:
    lines = lines_of(text)
    return len(lines) == count_of(told) and all(re.match(r"[-*•] \S", line) for line in lines)


def _as_points(draft: Draft, told: Parameters) -> None:
    draft.units, draft.joiner = told["count"], "\n"
    draft.prefix = lambda _: "- "


def _has_numbers(text: str, told: Parameters) -> bool:
    found = [match and int(match[1]) for match in map(_NUMBERED.match, lines_of(text))]
    return found == list(range(1, told["count"] + 1))


def _as_numbers(draft: Draft, told: Parameters) -> None:
    draft.units, draft.joiner = told["count"], "\n"
    draft.prefix = "{}. ".format


def _has_paragraphs(text: str, told: Parameters) -> bool:
    parts = _STARS.split(text)
    return len(parts) == count_of(told) and all(part.strip() for part in parts)


def _as_paragraphs(draft: Draft, told: Parameters) -> None:
    draft.units, draft.joiner = told["count"], "\n\n***\n\n"


def _has_lines(text: str, told: Parameters) -> bool:
    return len(lines_of(text)) == count_of(told)


def _as_lines(draft: Draft, told: Parameters) -> None:
    draft.units, draft.joiner = told["count"], "\n"


def _has_sentences(text: str, told: Parameters) -> bool:
    return len(sentences_of(text)) == count_of(told) and len(lines_of(text)) == 1


def _as_sentences(draft: Draft, told: Parameters) -> None:
    draft.units = told["count"]


def _has_two(text: str, _: Parameters) -> bool:
    parts = [part.strip() for part in text.split("======")]
    return len(parts) == 2 and all(parts) and parts[0] != parts[1]


def _as_two(draft: Draft, _: Parameters) -> None:
    draft.units, draft.joiner = 2, "\n\n======\n\n"


def _has_sections(text: str, told: Parameters) -> bool:
    found = re.findall(r"^section (\d+)$", text, re.MULTILINE | re.IGNORECASE)
    parts = re.split(r"^section \d+$", text, flags=re.MULTILINE | re.IGNORECASE)
    wanted = [str(number) for number in range(1, told["count"] + 1)]
    return found == wanted and not parts[0].strip() and all(part.strip() for part in parts[1:])


def _as_sections(draft: Draft, told: Parameters) -> None:
    draft.units, draft.joiner = told["count"], "\n\n"
    draft.prefix = "SECTION {}\n".format


def _acrostic(draws: Draws) -> Parameters:
    return {
        "word": draws.one_of(
            ("bread", "cloud", "hazel", "light", "river", "stone", "tiger", "wagon")
        )
    }


def _spells(text: str, told: Parameters) -> bool:
    letters = (re.search(r"[^\W\d_]", line) for line in lines_of(text))
    return "".join(match[0] if match else " " for match in letters).lower() == str(told["word"])


def _as_acrostic(draft: Draft, told: Parameters) -> None:
    draft.units, draft.joiner, draft.initials = len(told["word"]), "\n", told["word"]


def _initial(draws: Draws) -> Parameters:
    return {"count": draws.between(3, 5), "letter": draws.one_of("bcdfghlmpstw").upper()}


def _begin_so(text: str, told: Parameters) -> bool:
    lines = lines_of(text)
    return len(lines) == count_of(told) and all(
        line[0].casefold() == told["letter"].casefold() for line in lines
    )


def _as_initials(draft: Draft, told: Parameters) -> None:
    draft.units, draft.joiner = told["count"], "\n"
    draft.initials = told["letter"].lower() * told["count"]


def _keys(draws: Draws) -> Parameters:
    names = ("place", "time", "people", "weather", "sound", "colour", "reason", "ending")
    return {"keys": draws.some_of(names, draws.between(2, 4))}


def _is_object(text: str, told: Parameters) -> bool:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    is_object = isinstance(found, dict) and {key.casefold() for key in found} == set(told["keys"])
    return is_object and all(isinstance(value, str) and value for value in found.values())


def _as_object(draft: Draft, told: Parameters) -> None:
    draft.keys, draft.units = told["keys"], len(told["keys"])


LAYOUT = (
    Kind(
        name="points", group="layout", draw=_few, is_met=_has_points, shape=_as_points,
        told="Write exactly {count} bullet points, each on one line that begins with `- `, and nothing else.",
    ),
    Kind(
        name="numbered", group="layout", draw=_few, is_met=_has_numbers, shape=_as_numbers,
        told="Write a numbered list of exactly {count} lines, as in `1. `, and nothing else.",
    ),
    Kind(
        name="paragraphs", group="layout", draw=_few, is_met=_has_paragraphs, shape=_as_paragraphs,
        told="Write exactly {count} paragraphs, with a line of three asterisks (***) between each two of them.",
    ),
    Kind(
        name="lines", group="layout", draw=_few, is_met=_has_lines, shape=_as_lines,
        told="Write exactly {count} lines.",
    ),
    Kind(
        name="sentences", group="layout", draw=lambda draws: {"count": draws.between(4, 8)},
        is_met=_has_sentences, shape=_as_sentences,
        told="Write exactly {count} sentences, all of them on one line.",
    ),
    Kind(
        name="two answers", group="layout", draw=lambda _: {}, is_met=_has_two, shape=_as_two,
        told="Give two different answers, with a line of six equals signs (======) between them.",
    ),
    Kind(
        name="sections", group="layout", draw=_few, is_met=_has_sections, shape=_as_sections,
        told="Write exactly {count} sections. Each begins with a line that says SECTION and its number, counted from "
        "1, and nothing else.",
    ),
    Kind(
        name="acrostic", group="layout", draw=_acrostic, is_met=_spells, shape=_as_acrostic,
        told="Write one line for each letter of the word {word}, so that the first letters of the lines spell it.",
    ),
    Kind(
        name="initials", group="layout", draw=_initial, is_met=_begin_so, shape=_as_initials,
        told="Write exactly {count} lines, each of which begins with the letter {letter}.",
    ),
    Kind(
        name="object", group="layout", draw=_keys, is_met=_is_object, shape=_as_object,
        told="Answer with one JSON object alone, without a code block; its keys are {keys}, its values text.",
    ),
)  # fmt: skip
