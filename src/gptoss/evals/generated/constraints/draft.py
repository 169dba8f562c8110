"""A text that is made to meet constraints: what they ask for, and the writing of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from gptoss.evals.generated.draws import Draws
from gptoss.evals.generated.vocabulary import PLAIN_WORDS

_GREEK = (
    "λόγος",
    "θάλασσα",
    "ήλιος",
    "δρόμος",
    "σπίτι",
    "βιβλίο",
    "χρόνος",
    "φίλος",
    "νύχτα",
    "μέρα",
)
_CYRILLIC = ("слово", "море", "солнце", "дорога", "дом", "книга", "время", "друг", "ночь", "день")
_WORDS = {"latin": PLAIN_WORDS, "greek": _GREEK, "cyrillic": _CYRILLIC}


def _nothing(_: int) -> str:
    return ""


@dataclass(slots=True, kw_only=True)
class Draft:
    """What the text will be.

    num_words  in all its units
    units      lines, sentences, points or whatever it is made of, with `joiner` between them
    prefix     of a unit, by its number from 1
    initials   the letter that each unit begins with; empty: any
    placed     words that must stand somewhere
    banned     letters and words that must not
    first      the word that it begins with
    last       the words that it ends with
    capitals   so many words are in capitals
    marked     so many words have that before and behind them
    around     before and behind the whole
    title, postscript
               a line before and one behind; empty: none
    keys       of the object of JSON that the units are the values of; none: it is plain text
    script     of its letters
    case       changes the letters of the whole
    """

    num_words: int = 40
    units: int = 3
    joiner: str = " "
    prefix: Callable[[int], str] = _nothing
    initials: str = ""
    placed: list[str] = field(default_factory=list)
    banned: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""
    capitals: int = 0
    marked: tuple[int, str, str] = (0, "", "")
    around: tuple[str, str] = ("", "")
    title: str = ""
    postscript: str = ""
    keys: list[str] = field(default_factory=list)
    script: str = "latin"
    case: Callable[[str], str] = str

    def written(self, draws: Draws) -> str:
        """The text. Where constraints get into each other's way it misses one: whoever makes it checks it."""
        units = self._units(draws)
        texts = [" ".join(unit) + "." for unit in units]
        if self.last:
            texts[-1] = f"{texts[-1][:-1]} {self.last}"
        texts = [f"{self.prefix(number)}{_begun(text)}" for number, text in enumerate(texts, 1)]
        if self.keys:
            return self.case(
                json.dumps(dict(zip(self.keys, texts, strict=True)), ensure_ascii=False)
            )
        text = self.joiner.join(texts)
        if self.title:
            text = f"{self.title}\n\n{text}"
        if self.postscript:
            text = f"{text}\n\n{self.postscript}"
        before, behind = self.around
        return self.case(f"{before}{text}{behind}")

    def _units(self, draws: Draws) -> list[list[str]]:
        pool = [word for word in _WORDS[self.script] if not self._is_banned(word)]
        left = self.num_words - len(self.last.split()) - len(self.title.split())
        left -= len(self.postscript.split())
        shares = [left // self.units + (number < left % self.units) for number in range(self.units)]
        units = [[draws.one_of(pool) for _ in range(max(2, share))] for share in shares]
        for unit, letter in zip(units, self.initials, strict=False):
            unit[0] = next((word for word in pool if word.startswith(letter)), unit[0])
        if self.first:
            units[0][0] = self.first
        # The first word of a unit may be wanted as it is.
        places = draws.shuffled(
            [(number, place) for number, unit in enumerate(units) for place in range(1, len(unit))]
        )
        wanted: list[Callable[[str], str]] = [_instead(word) for word in self.placed]
        wanted += [str.upper] * self.capitals
        count, before, behind = self.marked
        wanted += [_between(before, behind)] * count
        for change, (number, place) in zip(wanted, places, strict=False):
            units[number][place] = change(units[number][place])
        return units

    def _is_banned(self, word: str) -> bool:
        return any(each == word or (len(each) == 1 and each in word) for each in self.banned)


def _begun(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _instead(word: str) -> Callable[[str], str]:
    return lambda _: word


def _between(before: str, behind: str) -> Callable[[str], str]:
    return lambda word: f"{before}{word}{behind}"
