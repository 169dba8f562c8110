"""How files get damaged, or are made to harm: bytes changed, numbers made huge, pieces put in, left out or cut off."""

from __future__ import annotations

from hypothesis import strategies as st

_BYTES = st.sampled_from([0, 1, 2, 4, 8, 9, 31, 32, 39, 0x61, 0x7F, 0x80, 0xFF])
_NUMBERS = st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1])
_SHORT = st.binary(min_size=1, max_size=16)


@st.composite
def mutated(draw: st.DrawFn, content: bytes, end: int | None = None) -> bytes:
    """The content after some changes before `end`, where there is one."""
    changed = bytearray(content)
    kind = draw(st.sampled_from(["bytes", "bytes", "numbers", "more", "fewer", "cut"]))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(changed), end or len(changed)) - 1))
        match kind:
            case "bytes":
                changed[at] = draw(_BYTES)
            case "numbers":
                changed[at : at + 8] = draw(_NUMBERS).to_bytes(8, "little")
            case "more":
                changed[at:at] = draw(_SHORT)
            case "fewer":
                del changed[at : at + draw(st.integers(1, 16))]
            case "cut":
                del changed[at + 1 :]
    return bytes(changed)
