"""`gptoss complete`: a raw continuation, no harmony."""

from __future__ import annotations

import json as json_module
from typing import Annotated

import typer

from gptoss.cli import options
from gptoss.errors import RequestError


def complete(
    prompt: Annotated[str | None, typer.Argument(help="Text to continue.")] = None,
    tokens: Annotated[
        str | None, typer.Option(metavar="1,2,3", help="Token ids to continue instead.")
    ] = None,
    model: options.Model = None,
    json: options.Json = False,
    seed: options.Seed = None,
    temperature: options.Temperature = 1.0,
    top_p: options.TopP = 1.0,
    top_k: options.TopK = 0,
    min_p: options.MinP = 0.0,
    max_tokens: options.MaxTokens = 128,
    threads: options.Threads = None,
    precision: options.Precision = "bf16",
    isa: options.Isa = None,
) -> None:
    """Continue text or token ids as they are, without the chat format."""
    from gptoss.chat import load
    from gptoss.cli.output import Screen
    from gptoss.engine import SamplingParams

    if (prompt is None) == (tokens is None):
        raise RequestError("got neither or both of PROMPT and --tokens, wanted one of them")
    sampling = SamplingParams(
        temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, seed=seed
    )
    wanted = _parse_ids(tokens) if tokens is not None else None
    loaded = load(model, precision, threads, isa=isa)
    ids = loaded.tokenizer.encode(prompt or "") if wanted is None else wanted
    generation = loaded.submit(ids, sampling, max_tokens=max_tokens)
    if json:
        new = list(generation)
        result = {
            "content": loaded.tokenizer.decode(new),
            "tokens": new,
            "finish_reason": generation.finish_reason,
        }
        print(json_module.dumps(result, ensure_ascii=False))
        return
    screen, detokenizer = Screen(), loaded.tokenizer.detokenizer()
    try:
        for token_id in generation:
            screen.write(detokenizer.feed(token_id))
    except KeyboardInterrupt:
        generation.cancel()
    screen.write(detokenizer.finish() + "\n")


def _parse_ids(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise RequestError(
            f"got --tokens {text!r}, wanted whole numbers with commas between them"
        ) from None
