"""Drawings of the committed figures, for the guides."""

from __future__ import annotations

import matplotlib

from benchmarks.record import RESULTS

matplotlib.use("svg")
from matplotlib import pyplot as plt

from benchmarks.figures import Figures

PEERS, CONTEXT = RESULTS / "peers.svg", RESULTS / "context.svg"
# The same figures give the same file.
matplotlib.rcParams["svg.hashsalt"] = "gptoss"


def draw_peers(bars: list[tuple[str, float]], machine: str) -> None:
    """Ratios as bars, llama.cpp as a line at 1."""
    figure, axes = plt.subplots(figsize=(8, 0.4 * len(bars) + 1.2))
    names, ratios = [name for name, _ in bars], [ratio for _, ratio in bars]
    drawn = axes.barh(names, ratios, color="#2a7f9e")
    axes.bar_label(drawn, fmt="%.2f", padding=3)
    axes.axvline(1, color="#b8860b", label="llama.cpp")
    axes.set(
        xlabel="tokens/s as a multiple of llama.cpp's", title=machine, xlim=(0, max(ratios) * 1.1)
    )
    axes.invert_yaxis()
    axes.legend()
    figure.tight_layout()
    figure.savefig(PEERS, metadata={"Date": None})


def draw_context(kinds: dict[str, Figures], depths: list[int], machine: str) -> None:
    """Decode speed by the tokens before, one line for each kind of cache."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for kind, figures in kinds.items():
        speeds = [1 / figures[f"depth{depth}_over_depth0"] for depth in depths]
        axes.plot(depths, speeds, marker="o", label=kind)
    axes.set_xscale("symlog", linthresh=4096)
    axes.set_xticks(depths, [f"{depth // 1024}k" for depth in depths])
    axes.set(
        xlabel="tokens before", ylabel="decode speed, short sequence = 1", title=machine, ylim=0
    )
    axes.legend()
    figure.tight_layout()
    figure.savefig(CONTEXT, metadata={"Date": None})
