"""The letter that an answer to a multiple-choice question gives, by stages from the asked form to looser ones.

Within a stage the last mention counts. A mention of several letters is no answer, and ends the search: the stages that
follow would find one of them. A letter that is a word, a unit, a name or a denied choice is no mention.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gptoss.evals.extraction.leaks import without_leaks


class Stage(StrEnum):
    """The ways by which a letter is found."""

    ANSWER_LINE = "answer line"
    BOXED = "boxed"
    ANSWER_IS = "answer is"
    CORRECT_OPTION = "correct option"
    LAST_LINE = "last line"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found: a letter and its stage, or None and the reason."""

    letter: str | None
    stage: str = ""
    reason: str = ""


# Answers end with what is looked for, and looking must not take long for one that never ends.
_MOST_CHARACTERS = 20_000
_MOST_BOXED = 120
# Letters that look like ours and are in other alphabets.
_ALIKE = dict(zip("АВСЕНΑΒΕΗΙ", "ABCEHABEHI", strict=True))
_LETTER = f"[A-Za-z{''.join(_ALIKE)}]"
_BOX = r"\\(?:boxed|fbox)\s*\{"
# What would make it part of a word, a formula, a question or a name.
_END = r"(?![\w+]|['’.^-]\w|\(|\s*[=?])"


def _one(number: str = "") -> str:
    """A letter by itself, as a pattern whose groups have this number."""
    return (
        rf"(?:{_BOX}\s*)?(?:(?i:the\s+)?(?i:option|choice|letter))?\s*"
        rf"(?P<open{number}>[(\[{{<]?)\s*(?P<letter{number}>{_LETTER})\s*(?P<close{number}>[)\]}}>]?){_END}"
    )


_ONE = _one()
_WORDS = "answers?|antwort|réponse|respuesta|resposta|risposta|ответ|antwoord|odpowiedź|cevap|उत्तर|الإجابة"
_WORDS_WITHOUT_SPACES = "答案|答え|正解|정답"
_ANSWER_LINE = re.compile(
    rf"(?<![A-Za-z])(?:(?:{_WORDS})\s*[:=–—-]|(?:{_WORDS_WITHOUT_SPACES})\s*[是为は은는]?\s*:?)\s*{_ONE}",
    re.IGNORECASE,
)
_ANSWER_IS = re.compile(
    rf"(?:\b(?:answer|option|choice)s?\s+(?:is|are|(?:would|must|should|will)\s+be)\s*:?\s*"
    rf"(?:(?:therefore|thus|hence|then|clearly|indeed)\s+)?"
    rf"|\b(?:correct|right|best|my)\s+(?:option|choice)\s*:\s*"
    rf"|\b(?:antwort\s+ist|respuesta\s+es|réponse\s+est|risposta\s+è|resposta\s+é)\s+){_ONE}",
    re.IGNORECASE,
)
_CORRECT_OPTION = re.compile(
    rf"(?<![\w°]){_ONE}\s+(?:is|must\s+be)\s+(?:the\s+)?(?:only\s+)?(?:correct|right|best|true|answer)\b"
    rf"|\b(?:I|[Ww]e)\s+(?:would\s+|will\s+)?(?:choose|pick|select|answer)\s+{_one('2')}",
)
_ALONE = re.compile(rf"{_ONE}(?P<text>[.:]?\s*\S.*)?[.):,;!\s]*", re.IGNORECASE)
_BOXED = re.compile(_BOX)
_SEVERAL = re.compile(
    r"\s*(?:,|/|\||&|\b(?:or|and|oder|und|ou|et|o|y|e|или|и)\b)\s*(?:option\s+)?[(\[]?(?P<next>[A-Z])[)\]]?(?!\w|'\w)"
    r"(?P<word>[ \t]+[a-z])?",
)
_ARTICLES = "AaIi"
_WORD = re.compile(r"[ \t]+([a-z]+)")
# What may follow a letter that is a choice and not the article or the pronoun.
_AFTER_CHOICE = frozenset(
    {"and", "as", "because", "by", "due", "for", "is", "not", "or", "rather", "since", "with"}
)
_HYPOTHETICAL = re.compile(
    r"\b(?:if|whether|suppose|supposing|assume|assuming|unless)\b[^.\n]*$", re.IGNORECASE
)
_JOINED = re.compile(r"\b(?:and|both|neither|nor|not|or)\s*$", re.IGNORECASE)

_LATEX = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathbf|mathrm|mathit|mathsf|emph|bf|rm)\s*\{([^{}]*)\}"
)
_ANSWER_TAG = re.compile(r"<answer>", re.IGNORECASE)
_TAG = re.compile(r"</?(?:b|strong|i|em|code|p|span|answer|u)>", re.IGNORECASE)
_FENCE = re.compile(r"^ ?```\w* ?$", re.MULTILINE)
_UNDERLINES = re.compile(r"(?<![A-Za-z0-9])_{1,2}|_{1,2}(?![A-Za-z0-9])")
_QUOTED = re.compile(rf"[\"'“”‘’«»]({_LETTER})[\"'“”‘’«»]")
_MARKS = re.compile(r"\\[()\[\]]|[$`*]")
_SPACES = re.compile(r"\s+")
_LINE_MARKS = re.compile(r"^[ \t>#•-]+|^[ \t]*\d+[.)][ \t]+", re.MULTILINE)


def chosen_letter(text: str, letters: str, first: Sequence[Stage] = (Stage.ANSWER_LINE,)) -> Choice:
    """The choice that a text makes of `letters`, such as ABCD; `first` are the stages to try before the others."""
    shown = _plain(without_leaks(text[-_MOST_CHARACTERS:]))
    if not shown.strip():
        return Choice(None, reason="the answer is empty")
    outside = ""
    for stage in dict.fromkeys((*first, *Stage)):
        last: str | None = None
        for each in _mentions(stage, shown, letters):
            if each in letters or len(each) > 1:
                last = each
            else:
                outside = outside or each
        if last is not None and len(last) > 1:
            return Choice(None, reason=f"it names several choices: {', '.join(last)}")
        if last is not None:
            return Choice(last, stage)
    if outside:
        said = f"{outside} is none of the choices {letters[0]} to {letters[-1]}"
        return Choice(None, reason=said)
    return Choice(None, reason="it names no choice")


def _plain(text: str) -> str:
    """A text without markup, in letters of one width."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(each for each in text if unicodedata.category(each) != "Cf")
    text = _SPACES.sub(_one_space, text)
    text = _FENCE.sub("", text)
    text = _TAG.sub("", _ANSWER_TAG.sub("\nAnswer: ", text))
    for _ in range(3):
        text = _LATEX.sub(r"\1", text)
    text = _MARKS.sub("", text)
    text = _QUOTED.sub(r"\1", _UNDERLINES.sub("", text))
    # One space at most in a row: the patterns would try each way to share many of them out.
    return _LINE_MARKS.sub("", _SPACES.sub(_one_space, text))


def _one_space(found: re.Match[str]) -> str:
    return "\n" if "\n" in found.group() else " "


def _mentions(stage: Stage, text: str, letters: str) -> Iterator[str]:
    """Letters, in their order, and several in one string where they are named together."""
    match stage:
        case Stage.ANSWER_LINE:
            yield from _matched(_ANSWER_LINE, text)
        case Stage.BOXED:
            yield from _boxed(text)
        case Stage.ANSWER_IS:
            yield from _matched(_ANSWER_IS, text)
        case Stage.CORRECT_OPTION:
            yield from _matched(_CORRECT_OPTION, text)
        case Stage.LAST_LINE:
            yield from _last_line(text, letters)


def _matched(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for found in pattern.finditer(text):
        name = "letter" if found.group("letter") else "letter2"
        letter, end = found.group(name), found.end(name)
        before = text[max(0, found.start() - 80) : found.start()]
        if _HYPOTHETICAL.search(before):
            continue
        is_bracketed = bool(found.group("open" if name == "letter" else "open2"))
        rest = text[end + is_bracketed : end + 80]
        joined = _together(letter, rest)
        if len(joined) == 1 and pattern is _CORRECT_OPTION and _JOINED.search(before):
            # One of several, or denied.
            continue
        if len(joined) > 1 or is_bracketed or not _is_word(letter, rest):
            yield joined


def _together(letter: str, rest: str) -> str:
    """A letter, with those that are named after it as equals."""
    found = _latin(letter)
    while (more := _SEVERAL.match(rest)) is not None:
        if more.group("next") in _ARTICLES and more.group("word"):
            break
        found += more.group("next")
        rest = rest[more.end() :]
    return found


def _is_word(letter: str, rest: str) -> bool:
    """Whether it is the article or the pronoun, by what follows."""
    if letter not in _ARTICLES:
        return False
    word = _WORD.match(rest)
    return word is not None and word.group(1) not in _AFTER_CHOICE


def _boxed(text: str) -> Iterator[str]:
    for found in _BOXED.finditer(text):
        depth, place = 1, found.end()
        while place < min(len(text), found.end() + _MOST_BOXED) and depth:
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            place += 1
        alone = _ALONE.fullmatch(text[found.end() : place - 1].strip())
        if alone is not None:
            joined = _together(alone.group("letter"), alone.string[alone.end("letter") :])
            if len(joined) > 1 or not alone.group("text") or _is_marked(alone):
                yield joined


def _last_line(text: str, letters: str) -> Iterator[str]:
    alone = _ALONE.fullmatch(text.strip().rpartition("\n")[2].strip())
    if alone is None:
        return
    letter = _latin(alone.group("letter"))
    if not alone.group("text"):
        yield letter
    elif _is_marked(alone):
        # With the text of a choice after it, it may be the last of those that were repeated.
        others = "".join(each for each in letters if each != letter)
        if not re.search(rf"(?:^|[\s(])[{others}][.):]", text):
            yield letter


def _is_marked(alone: re.Match[str]) -> bool:
    """Whether a letter with a text after it stands apart from that, as the mark of a choice does."""
    return bool(alone.group("close")) or alone.group("text")[0] in ".:"


def _latin(letter: str) -> str:
    return _ALIKE.get(letter, letter).upper()
