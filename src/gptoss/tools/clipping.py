"""Long results cut in the middle, so that one cannot fill the context."""

from __future__ import annotations

from collections.abc import Callable

from gptoss.tokenizer import Tokenizer

# No token stands for more than so many characters of ordinary text, as far as counting goes.
_MOST_CHARACTERS = 8
_HEAD_SHARE = 2 / 3
_CUT_CHARACTER = "\ufffd"
_NOWHERE = "ask for less at a time to see them"


def is_too_long(text: str, tokenizer: Tokenizer, max_tokens: int) -> bool:
    """Whether a text has more tokens than that."""
    if len(text) > max_tokens * _MOST_CHARACTERS:
        return True
    return len(tokenizer.encode(text)) > max_tokens


def clipped(
    text: str,
    tokenizer: Tokenizer,
    max_tokens: int,
    hint: Callable[[int], str] = lambda _: _NOWHERE,
) -> str:
    """The text, or its head and its tail with a line between them, in at most `max_tokens` tokens.

    hint  what the line says of how to see the rest, of the number of characters that stand before it
    """
    if not is_too_long(text, tokenizer, max_tokens):
        return text

    def line(num_before: int, num_shown: int) -> str:
        left_out = max(len(text) - num_shown, 0)
        return f"\n[{left_out:,} characters are left out here; {hint(num_before)}]\n"

    # No number in it is longer than the text's own length.
    room = max(max_tokens - len(tokenizer.encode(line(len(text), 0))), 0)
    head = _first(text, tokenizer, int(room * _HEAD_SHARE))
    tail = _last(text, tokenizer, room - int(room * _HEAD_SHARE))
    return head + line(len(head), len(head) + len(tail)) + tail


def page(text: str, start: int, tokenizer: Tokenizer, max_tokens: int) -> str:
    """The text from a place on, in at most `max_tokens` tokens, and a line that says where it goes on."""
    rest = text[start:]
    if not is_too_long(rest, tokenizer, max_tokens):
        return rest

    def line(end: int, left: int) -> str:
        return f"\n[{left:,} characters are left; go on with start {end}]"

    room = max(max_tokens - len(tokenizer.encode(line(len(text), len(text)))), 0)
    # One at least: whoever reads on gets to the end.
    shown = _first(rest, tokenizer, room) or rest[:1]
    end = start + len(shown)
    return shown + line(end, len(text) - end)


def _first(text: str, tokenizer: Tokenizer, num: int) -> str:
    ids = tokenizer.encode(text[: num * _MOST_CHARACTERS])[:num]
    return tokenizer.decode(ids).rstrip(_CUT_CHARACTER)


def _last(text: str, tokenizer: Tokenizer, num: int) -> str:
    if not num:
        return ""
    ids = tokenizer.encode(text[-num * _MOST_CHARACTERS :])[-num:]
    return tokenizer.decode(ids).lstrip(_CUT_CHARACTER)
