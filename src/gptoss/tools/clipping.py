"""Long results cut in the middle, so that one cannot fill the context."""

from __future__ import annotations

from gptoss.tokenizer import Tokenizer

# No token stands for more than so many characters of ordinary text, as far as counting goes.
_MOST_CHARACTERS = 8
_HEAD_SHARE = 2 / 3
_CUT_CHARACTER = "\ufffd"
# For the line that says what is left out.
_LINE_TOKENS = 48


def clipped(text: str, tokenizer: Tokenizer, max_tokens: int, whole: str | None = None) -> str:
    """The text, or its head and its tail with a line between them, in at most `max_tokens` tokens.

    whole  where all of it is to be found, as the line says it; None: nowhere
    """
    if len(text) <= max_tokens:
        # A token has a character at least, but for those of several bytes.
        ids = tokenizer.encode(text)
        if len(ids) <= max_tokens:
            return text
    elif len(text) <= max_tokens * _MOST_CHARACTERS and len(tokenizer.encode(text)) <= max_tokens:
        return text
    room = max(max_tokens - _LINE_TOKENS, 0)
    head = _first(text, tokenizer, int(room * _HEAD_SHARE))
    tail = _last(text, tokenizer, room - int(room * _HEAD_SHARE))
    left_out = max(len(text) - len(head) - len(tail), 0)
    hint = f"the whole is in {whole}" if whole else "ask for less at a time to see them"
    return f"{head}\n[{left_out:,} characters are left out here; {hint}]\n{tail}"


def _first(text: str, tokenizer: Tokenizer, num: int) -> str:
    ids = tokenizer.encode(text[: num * _MOST_CHARACTERS])[:num]
    return tokenizer.decode(ids).rstrip(_CUT_CHARACTER)


def _last(text: str, tokenizer: Tokenizer, num: int) -> str:
    if not num:
        return ""
    ids = tokenizer.encode(text[-num * _MOST_CHARACTERS :])[-num:]
    return tokenizer.decode(ids).lstrip(_CUT_CHARACTER)
