"""Takes a chain of thought out of a text that should be an answer alone, as servers without a parser give it."""

from __future__ import annotations

import re

_FINAL = re.compile(r"<\|channel\|>final[^<]{0,200}<\|message\|>|assistantfinal")
_CHANNEL = re.compile(r"<\|channel\|>(?:analysis|commentary)")
# Special tokens that a server left out leave their names behind, with no space between them and the text.
_BARE_CHANNEL = re.compile(r"\s*analysis(?=[A-Z\"'(])")
_TOKEN = re.compile(r"<\|[a-z_]{1,20}\|>|</s>")


def without_leaks(text: str) -> str:
    """The answer in a text; empty where all of it is a chain of thought."""
    finals = list(_FINAL.finditer(text))
    if finals:
        text = text[finals[-1].end() :]
    elif _CHANNEL.search(text) or _BARE_CHANNEL.match(text):
        return ""
    # Its beginning may have been part of the prompt.
    _, _, text = text.rpartition("</think>")
    text, _, _ = text.partition("<think>")
    return _TOKEN.sub("", text)
