"""Regular expressions of schemas as the compiler takes them."""

from __future__ import annotations


def ascii_space(pattern: str) -> str:
    """A pattern in which `\\s` is ASCII's space: Rust and ECMAScript differ in what else they take for it."""
    out, is_class, at = [], False, 0
    while at < len(pattern):
        two = pattern[at : at + 2]
        if two == "\\s":
            out.append(r" \t\n\r\f\v" if is_class else r"[ \t\n\r\f\v]")
        elif two[0] == "\\":
            out.append(two)
        else:
            is_class = (is_class or two[0] == "[") and two[0] != "]"
            out.append(two[0])
            at -= 1
        at += 2
    return "".join(out)
