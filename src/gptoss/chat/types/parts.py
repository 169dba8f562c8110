"""What parts of messages have in all APIs, and what stands in the place of those that the model cannot read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import WithJsonSchema

from gptoss.errors import shortened
from gptoss.forms import Ignored, Unread

_LONGEST_KIND = 40
PART_UNREAD: Mapping[str, Unread] = {
    "prompt_cache_breakpoint": Ignored("every prompt is cached, for as long as there is room"),
    "cache_control": Ignored("every prompt is cached, for as long as there is room"),
    "annotations": Ignored("sources of a text are no part of it"),
    "citations": Ignored("sources of a text are no part of it"),
    "logprobs": Ignored("the model reads words, not how likely they were"),
}


def none_of(*kinds: str) -> WithJsonSchema:
    """An annotation for the type of what cannot be read: a document that describes it says any but these."""
    return WithJsonSchema({"not": {"enum": [None, *kinds]}})


def joined(texts: Iterable[str]) -> str:
    """The text of what is said to the model in parts: they stand in lines of their own, unless they end in a space."""
    made: list[str] = []
    for text in filter(None, texts):
        if made and not (made[-1][-1].isspace() or text[0].isspace()):
            made.append("\n")
        made.append(text)
    return "".join(made)


def placeholder(kind: object) -> str:
    """What the model reads where something else than text stood."""
    return (
        f"[{shortened(str(kind), _LONGEST_KIND)}: this model reads text alone, and cannot see it]"
    )
