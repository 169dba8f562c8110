"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="DIR|NAME",
        help="A checkpoint's folder, or nano. Default: $GPTOSS_MODEL, else nano.",
    ),
]
Reasoning = Annotated[
    str, typer.Option("--reasoning", "-r", metavar="low|medium|high", help="How much to reason.")
]
Temperature = Annotated[
    float, typer.Option(metavar="T", help="Divides the logits; 0 takes the most likely token.")
]
TopP = Annotated[float, typer.Option("--top-p", metavar="P", help="Nucleus sampling; 1 keeps all.")]
TopK = Annotated[int, typer.Option("--top-k", metavar="K", help="Most likely tokens kept; 0: all.")]
MinP = Annotated[
    float,
    typer.Option("--min-p", metavar="P", help="Share of the most likely token's probability."),
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same answer.")]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="N", help="New tokens at most, reasoning included.")
]
Context = Annotated[
    int | None, typer.Option(metavar="N", help="Tokens of a conversation. Default: the model's.")
]
Threads = Annotated[int | None, typer.Option(metavar="N", help="Default: all cores.")]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="int8|bf16|float32", help="What matrix inputs are rounded to. Default: int8."
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="stored|int8",
        help="Attention and head. Default: int8 at precision int8.",
    ),
]
Kv = Annotated[
    str | None,
    typer.Option("--kv", metavar="bf16|int8", help="How keys and values are kept. Default: bf16."),
]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="What all may take, like 16G. Default: what the machine can give.",
    ),
]
MaxBatch = Annotated[
    int | None, typer.Option("--max-batch", metavar="N", help="Sequences at once. Default: 16.")
]
Cache = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Where weights laid out for this program are kept. Default: $GPTOSS_CACHE, else ~/.cache/gptoss.",
    ),
]
CacheDir = Annotated[
    str | None,
    typer.Option(
        "--cache-dir",
        metavar="DIR",
        help="Where what was computed of conversations is kept, so that the next run need not. Default: nowhere.",
    ),
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
        "--schema", metavar="FILE", help="A JSON Schema; the answer is JSON that matches it."
    ),
]
Grammar = Annotated[
    bool,
    typer.Option(
        "--grammar/--no-grammar",
        help="Hold answers to the chat format and the schema. --no-grammar is for experiments.",
    ),
]
Lock = Annotated[
    bool,
    typer.Option("--lock", help="Keep the weights in memory, where nothing takes their place."),
]
Isa = Annotated[
    str | None,
    typer.Option(
        "--isa", metavar="NAME", help="Instruction set. Default: the best of this machine."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
