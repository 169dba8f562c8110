"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Reasoning = Annotated[
    str, typer.Option("--reasoning", "-r", metavar="low|medium|high", help="How much to reason.")
]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="N", help="New tokens at most, reasoning included.")
]
ReasoningTokens = Annotated[
    int | None,
    typer.Option(
        "--reasoning-tokens",
        metavar="N",
        help="Tokens of the chain of thought at most, after which the answer begins; 0: none.",
    ),
]
Stop = Annotated[
    list[str] | None,
    typer.Option("--stop", metavar="TEXT", help="Ends the answer; may be given several times."),
]
Schema = Annotated[
    str | None,
    typer.Option(
        "--schema",
        metavar="FILE",
        help="A JSON Schema, in a file or, for `-`, piped in; the answer is JSON that matches it.",
    ),
]
Grammar = Annotated[
    bool,
    typer.Option(
        "--grammar/--no-grammar",
        help="Hold answers to the chat format and the schema. --no-grammar is for experiments.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
