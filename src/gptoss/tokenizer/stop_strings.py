"""Finds the strings that end a text, wherever its pieces were cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from gptoss.errors import RequestError, shown

MAX_STRINGS = 16
MAX_CHARACTERS = 1024


@dataclass(eq=False, slots=True)
class _State:
    """The longest last characters of a text that a stop string begins with, and how a further one changes them.

    length   how many they are
    ends     the longest stop string that they end with
    shorter  the next longest such characters
    """

    length: int = 0
    ends: str | None = None
    shorter: _State | None = None
    following: dict[str, _State] = field(default_factory=dict)


class StopStrings:
    """Lets text through up to the first of some strings, and holds back what may become one.

    Each character is looked at once, however many strings there are (Aho and Corasick 1975).

    Raises RequestError for an empty string, one that is too long, or too many.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        if isinstance(strings, str):
            strings = [strings]
        if len(strings) > MAX_STRINGS:
            raise RequestError(f"got {len(strings)} stop strings, wanted at most {MAX_STRINGS}")
        for string in strings:
            if not isinstance(string, str) or not 1 <= len(string) <= MAX_CHARACTERS:
                raise RequestError(
                    f"got the stop string {shown(string, 50)}, wanted 1 to {MAX_CHARACTERS} characters"
                )
        self._start = _states(strings)
        self._state = self._start
        self._held = ""
        self.found: str | None = None

    def feed(self, text: str) -> str:
        """More text; what of it, and of what was held back, is sure to stay. Nothing once a string was found."""
        if self.found is not None:
            return ""
        if not self._start.following:
            return text
        start, state = self._start, self._state
        for at, character in enumerate(text):
            while character not in state.following and state.shorter is not None:
                state = state.shorter
            state = state.following.get(character, start)
            if state.ends is not None:
                # Of strings that are complete together it is the longest, which began first.
                self.found = state.ends
                whole = self._held + text[: at + 1]
                self._held = ""
                return whole[: len(whole) - len(state.ends)]
        self._state = state
        whole = self._held + text
        cut = len(whole) - state.length
        self._held = whole[cut:]
        return whole[:cut]

    def finish(self) -> str:
        """What is still held back: the text has ended without becoming a stop string."""
        held, self._held = self._held, ""
        self._state = self._start
        return held


def _states(strings: Sequence[str]) -> _State:
    """That of no characters, from which all others are reached."""
    start = _State()
    for string in strings:
        state = start
        for length, character in enumerate(string, 1):
            state = state.following.setdefault(character, _State(length))
        state.ends = string
    waiting = deque([start])
    while waiting:
        state = waiting.popleft()
        for character, longer in state.following.items():
            shorter = state.shorter
            while shorter is not None and character not in shorter.following:
                shorter = shorter.shorter
            longer.shorter = start if shorter is None else shorter.following[character]
            longer.ends = longer.ends or longer.shorter.ends
            waiting.append(longer)
    return start
