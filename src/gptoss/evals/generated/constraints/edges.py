"""Constraints on where a text begins and ends, and on marks within it."""

from __future__ import annotations

import re

from gptoss.evals.generated.constraints.draft import Draft
from gptoss.evals.generated.constraints.kind import Kind, Parameters, count_of, lines_of, words_of
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.vocabulary import PLAIN_WORDS

_ENDS = (
    "That is all for today.", "And so it stays.", "Nobody knows the rest.", "Ask again in spring.",
    "The rest is silence and tea.", "Tomorrow it begins anew.",
)  # fmt: skip


def _word(draws: Draws) -> Parameters:
    return {"word": draws.one_of(PLAIN_WORDS)}


def _begins(text: str, told: Parameters) -> bool:
    # Behind the mark of a point or the number of a line.
    words = words_of(re.sub(r"^\W*\d+\. ", "", text))
    return words[:1] == [told["word"]] and len(words) > 1


def _begin(draft: Draft, told: Parameters) -> None:
    draft.first = told["word"]


def _end(draws: Draws) -> Parameters:
    return {"end": draws.one_of(_ENDS)}


def _ends(text: str, told: Parameters) -> bool:
    plain = text.strip().casefold().rstrip("*_\"'”’` ")
    wanted = told["end"].casefold()
    return plain.endswith(wanted) and len(words_of(text)) > len(words_of(wanted))


def _to_end(draft: Draft, told: Parameters) -> None:
    draft.last = told["end"]


def _has_title(text: str, _: Parameters) -> bool:
    lines = lines_of(text)
    return len(lines) > 1 and re.fullmatch(r"<<[^<>]+>>", lines[0].strip('"*')) is not None


def _title(draft: Draft, _: Parameters) -> None:
    draft.title = "<<Some words>>"


def _has_postscript(text: str, _: Parameters) -> bool:
    lines = lines_of(text)
    return len(lines) > 1 and re.match(r"p\.\s?s\.:? \S", lines[-1].casefold()) is not None


def _postscript(draft: Draft, _: Parameters) -> None:
    draft.postscript = "P.S. Walnut and maple."


def _count(draws: Draws) -> Parameters:
    return {"count": draws.between(2, 5)}


def _has_highlights(text: str, told: Parameters) -> bool:
    found = re.findall(r"(?<![\w*])\*(?![\s*])[^*\n]+(?<!\s)\*(?![\w*])", text)
    return len(found) == count_of(told)


def _highlight(draft: Draft, told: Parameters) -> None:
    draft.marked = (told["count"], "*", "*")


def _has_placeholders(text: str, told: Parameters) -> bool:
    return len(re.findall(r"\[[^\[\]\n]+\]", text)) == count_of(told)


def _placeholders(draft: Draft, told: Parameters) -> None:
    draft.marked = (told["count"], "[", "]")


def _is_quoted(text: str, _: Parameters) -> bool:
    return len(text) > 2 and text[0] in '"“' and text[-1] in '"”' and len(words_of(text)) > 1


def _quote(draft: Draft, _: Parameters) -> None:
    draft.around = ('"', '"')


EDGES = (
    Kind(
        name="first word", group="begin", draw=_word, is_met=_begins, shape=_begin,
        told="Let the first word be {word}.",
    ),
    Kind(
        name="title", group="begin", draw=lambda _: {}, is_met=_has_title, shape=_title,
        told="Begin with a title on a line of its own, between << and >>.",
    ),
    Kind(
        name="last words", group="end", draw=_end, is_met=_ends, shape=_to_end,
        told="End with these very words, and nothing behind them: {end}",
    ),
    Kind(
        name="postscript", group="end", draw=lambda _: {}, is_met=_has_postscript, shape=_postscript,
        told="Let the last line be a postscript that begins with P.S.",
    ),
    Kind(
        name="highlights", group="marks", draw=_count, is_met=_has_highlights, shape=_highlight,
        told="Put exactly {count} words or phrases between single asterisks, *like this*.",
    ),
    Kind(
        name="placeholders", group="marks", draw=_count, is_met=_has_placeholders, shape=_placeholders,
        told="Put in exactly {count} placeholders in square brackets, as in [name].",
    ),
    Kind(
        name="quoted", group="quotes", draw=lambda _: {}, is_met=_is_quoted, shape=_quote,
        told="Put the whole answer between double quotation marks.",
    ),
)  # fmt: skip
