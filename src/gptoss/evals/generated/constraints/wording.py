"""Constraints on the words and letters of a text: which, how many, and how they are written."""

from __future__ import annotations

import re
import unicodedata

from gptoss.evals.generated.constraints.draft import Draft
from gptoss.evals.generated.constraints.kind import Kind, Parameters, count_of, words_of
from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.vocabulary import PLAIN_WORDS

_SCRIPTS = {"Greek": "greek", "Cyrillic": "cyrillic"}
# Shorter texts would keep to much without meaning to.
_FEWEST = 5


def _range(draws: Draws) -> Parameters:
    low = draws.between(25, 120)
    return {"low": low, "high": low + draws.between(4, 12)}


def _is_in_range(text: str, told: Parameters) -> bool:
    return len(words_of(text)) in range(told["low"], told["high"] + 1)


def _to_range(draft: Draft, told: Parameters) -> None:
    draft.num_words = (told["low"] + told["high"]) // 2


def _is_lower(text: str, _: Parameters) -> bool:
    return text == text.lower() and len(words_of(text)) >= _FEWEST


def _is_upper(text: str, _: Parameters) -> bool:
    return text == text.upper() and len(words_of(text)) >= _FEWEST


def _to_lower(draft: Draft, _: Parameters) -> None:
    draft.case = str.lower


def _to_upper(draft: Draft, _: Parameters) -> None:
    draft.case = str.upper


def _count(draws: Draws) -> Parameters:
    return {"count": draws.between(2, 5)}


def _has_capitals(text: str, told: Parameters) -> bool:
    words = re.findall(r"[^\W\d_]{2,}", text)
    return [word.isupper() for word in words].count(True) == count_of(told)


def _to_capitals(draft: Draft, told: Parameters) -> None:
    draft.capitals = told["count"]


def _letter(draws: Draws) -> Parameters:
    return {"letter": draws.one_of("bcdfghklmpruwy")}


def _lacks_letter(text: str, told: Parameters) -> bool:
    return str(told["letter"]) not in text.casefold() and len(words_of(text)) >= _FEWEST


def _ban_letter(draft: Draft, told: Parameters) -> None:
    draft.banned.add(told["letter"])


def _lacks_commas(text: str, _: Parameters) -> bool:
    return not re.search("[,，、;；]", text) and len(words_of(text)) >= _FEWEST


def _keep(draft: Draft, _: Parameters) -> None:
    """Leave it as it is: drafts have neither."""


def _repeat(draws: Draws) -> Parameters:
    return {"word": draws.one_of(PLAIN_WORDS), "count": draws.between(2, 5)}


def _is_repeated(text: str, told: Parameters) -> bool:
    return words_of(text).count(told["word"]) == count_of(told)


def _place(draft: Draft, told: Parameters) -> None:
    draft.banned.add(told["word"])
    draft.placed += [told["word"]] * told["count"]


def _several(draws: Draws) -> Parameters:
    return {"words": draws.some_of(PLAIN_WORDS, 3)}


def _has_order(text: str, told: Parameters) -> bool:
    words = [word for word in words_of(text) if word in told["words"]]
    return words == list(told["words"]) and len(words_of(text)) >= 4 * len(words)


def _order(draft: Draft, told: Parameters) -> None:
    draft.banned.update(told["words"])
    draft.last = " ".join(told["words"]) + "."


def _lacks_words(text: str, told: Parameters) -> bool:
    words = words_of(text)
    return not set(words).intersection(told["words"]) and len(words) >= _FEWEST


def _ban_words(draft: Draft, told: Parameters) -> None:
    draft.banned.update(told["words"])


def _script(draws: Draws) -> Parameters:
    return {"script": draws.one_of(tuple(_SCRIPTS))}


def _is_script(text: str, told: Parameters) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    wanted = told["script"].upper()
    return len(letters) >= 20 and all(wanted in unicodedata.name(letter, "") for letter in letters)


def _to_script(draft: Draft, told: Parameters) -> None:
    draft.script = _SCRIPTS[told["script"]]


WORDING = (
    Kind(
        name="word range", group="length", draw=_range, is_met=_is_in_range, shape=_to_range,
        told="Use at least {low} and at most {high} words in all.",
    ),
    Kind(
        name="lower case", group="case", draw=lambda _: {}, is_met=_is_lower, shape=_to_lower, is_loose=True,
        told="Use no capital letters at all.",
    ),
    Kind(
        name="upper case", group="case", draw=lambda _: {}, is_met=_is_upper, shape=_to_upper, is_loose=True,
        told="Use capital letters alone.",
    ),
    Kind(
        name="capital words", group="case", draw=_count, is_met=_has_capitals, shape=_to_capitals,
        told="Write exactly {count} words of two letters or more in capitals, and no others.",
    ),
    Kind(
        name="without letter", group="letters", draw=_letter, is_met=_lacks_letter, shape=_ban_letter, is_loose=True,
        told="Use no word that has the letter {letter}.",
    ),
    Kind(
        name="without commas", group="letters", draw=lambda _: {}, is_met=_lacks_commas, shape=_keep, is_loose=True,
        told="Use neither commas nor semicolons.",
    ),
    Kind(
        name="repeated word", group="words", draw=_repeat, is_met=_is_repeated, shape=_place,
        told="Use the word {word} exactly {count} times.",
    ),
    Kind(
        name="ordered words", group="words", draw=_several, is_met=_has_order, shape=_order, is_loose=True,
        told="Use each of the words {words} exactly once, in this order, among others.",
    ),
    Kind(
        name="without words", group="words", draw=_several, is_met=_lacks_words, shape=_ban_words, is_loose=True,
        told="Use none of the words {words}.",
    ),
    Kind(
        name="script", group="script", draw=_script, is_met=_is_script, shape=_to_script,
        told="Use no letters but {script} ones.",
    ),
)  # fmt: skip
