"""HTML that is escaped by being made: what is no `Markup` is text."""

from __future__ import annotations

import html

from gptoss.errors import shortened

_VOID = {"meta", "br", "line", "circle", "rect"}
# Of names that come from data, answers or servers.
_MOST_CHARACTERS = 120


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str | float) -> Markup:
    """An element; `class_` is the attribute `class`, and `_` in other names is `-`."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(_number(value))}"'
        for key, value in attributes.items()
    )
    if name in _VOID:
        return Markup(f"<{name}{said}>" if name in ("meta", "br") else f"<{name}{said}/>")
    return Markup(f"<{name}{said}>{joined(*children)}</{name}>")


def joined(*parts: str) -> Markup:
    """Parts one after the other, escaped where they are text."""
    return Markup(
        "".join(part if isinstance(part, Markup) else html.escape(seen(part)) for part in parts)
    )


def plain(text: object, most: int = _MOST_CHARACTERS) -> str:
    """Text of others in one line, without its middle if it is long."""
    return shortened(seen(str(text)), most)


def seen(text: str) -> str:
    """Text in one line that shows all that it has: what would end, turn or hide it is a replacement character."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\ufffd" for each in " ".join(text.split()))


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(value, 3):g}"


def figure(text: str) -> Markup:
    """A figure as its type tells it, with what is before its interval in bold."""
    told, bracket, around = text.partition(" (")
    return joined(tag("b", told), f"{bracket}{around}")
