"""Finds the strings that end a text, wherever its pieces were cut."""

from __future__ import annotations

from collections.abc import Sequence

from gptoss.errors import RequestError

MAX_STRINGS = 16
MAX_CHARACTERS = 1024


class StopStrings:
    """Lets text through up to the first of some strings, and holds back what may become one.

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
                    f"got the stop string {str(string)[:50]!r}, wanted 1 to {MAX_CHARACTERS} characters"
                )
        self._strings = tuple(strings)
        self._held = ""
        self.found: str | None = None

    def feed(self, text: str) -> str:
        """More text; what of it, and of what was held back, is sure to stay. Nothing once a string was found."""
        if self.found is not None:
            return ""
        text = self._held + text
        # The one that is complete first; of those that are complete together, the one that began first.
        ends = [
            (text.index(string) + len(string), text.index(string), string)
            for string in self._strings
            if string in text
        ]
        if ends:
            _, begin, self.found = min(ends)
            self._held = ""
            return text[:begin]
        keep = max((_overlap(text, string) for string in self._strings), default=0)
        cut = len(text) - keep
        self._held = text[cut:]
        return text[:cut]

    def finish(self) -> str:
        """What is still held back: the text has ended without becoming a stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, string: str) -> int:
    """How many last characters of the text are the first of the string."""
    for count in range(min(len(text), len(string) - 1), 0, -1):
        if text.endswith(string[:count]):
            return count
    return 0
