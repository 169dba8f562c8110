"""Pictures that a cell leaves: matplotlib's open figures, as PNG files."""

from __future__ import annotations

import io
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# As they begin, now and before matplotlib 3.8.
_WARNINGS = ("FigureCanvasAgg is non-interactive", "Matplotlib is currently using agg")
MAGIC = b"\x89PNG\r\n\x1a\n"
# Few bytes can spell any size; whoever shows a picture takes four bytes for each of these.
_MOST_PIXELS = 1 << 26


def prepare() -> None:
    """Showing a figure is leaving it open here, and no fault."""
    # Read when warnings is first imported, as those of the command line are.
    sys.warnoptions += [f"ignore:{each}" for each in _WARNINGS]


def take(most: int, most_bytes: int) -> tuple[list[bytes], list[str]]:
    """The pictures, and a line for each one that is left out; the figures are closed."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return [], []
    taken: list[bytes] = []
    said: list[str] = []
    try:
        for number in pyplot.get_fignums():
            if len(taken) == most:
                said.append(f"figure {number} is left out: {most} pictures are the most of a cell")
                continue
            file = io.BytesIO()
            try:
                pyplot.figure(number).savefig(file, format="png", bbox_inches="tight")
            except Exception as error:
                said.append(f"figure {number} cannot be drawn: {type(error).__name__}: {error}")
                continue
            _keep(file.getvalue(), f"figure {number}", most_bytes, taken, said)
    finally:
        pyplot.close("all")
    return taken, said


def of_value(value: object, most_bytes: int) -> tuple[list[bytes], list[str]]:
    """The picture that a cell's last value is, such as one of Pillow's."""
    draw = getattr(type(value), "_repr_png_", None)
    taken: list[bytes] = []
    said: list[str] = []
    if draw is not None:
        data = draw(value)
        if isinstance(data, bytes) and data.startswith(MAGIC):
            _keep(data, "the picture", most_bytes, taken, said)
    return taken, said


def _keep(data: bytes, name: str, most_bytes: int, taken: list[bytes], said: list[str]) -> None:
    fault = fault_of(data)
    if len(data) > most_bytes:
        fault = f"it has {len(data):,} bytes, {most_bytes:,} are the most"
    if fault:
        said.append(f"{name} is left out: {fault}")
    else:
        taken.append(data)


def fault_of(data: bytes) -> str:
    """Why a picture is none to show; empty where it is one."""
    if data[:8] != MAGIC or data[12:16] != b"IHDR" or len(data) < 33:
        return "it is no PNG file"
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    if width * height > _MOST_PIXELS:
        return f"it has {width:,} x {height:,} pixels, {_MOST_PIXELS:,} in all are the most"
    return ""
