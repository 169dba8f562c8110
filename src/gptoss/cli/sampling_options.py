"""How tokens are chosen, as the commands that write take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli.widening import Command, option, widened

if TYPE_CHECKING:
    from gptoss.engine import SamplingParams

_FLAGS = (
    option(
        "seed",
        Annotated[
            int | None, typer.Option(metavar="N", help="The same seed gives the same answer.")
        ],
    ),
    option(
        "temperature",
        Annotated[
            float,
            typer.Option(metavar="T", help="Divides the logits; 0 takes the most likely token."),
        ],
        1.0,
    ),
    option(
        "top_p",
        Annotated[
            float, typer.Option("--top-p", metavar="P", help="Nucleus sampling; 1 keeps all.")
        ],
        1.0,
    ),
    option(
        "top_k",
        Annotated[
            int, typer.Option("--top-k", metavar="K", help="Most likely tokens kept; 0: all.")
        ],
        0,
    ),
    option(
        "min_p",
        Annotated[
            float,
            typer.Option(
                "--min-p", metavar="P", help="Share of the most likely token's probability."
            ),
        ],
        0.0,
    ),
)


def takes_sampling(command: Command) -> Command:
    """Give a command these options in the place of its parameter `sampling`, a SamplingParams."""
    return widened(command, "sampling", {flag.name: flag for flag in _FLAGS}, _params)


def _params(given: dict[str, Any]) -> SamplingParams:
    from gptoss.engine import SamplingParams

    return SamplingParams(**given)
