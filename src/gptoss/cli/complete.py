"""`gptoss complete`: a raw continuation, no harmony."""

from __future__ import annotations

import json as json_module
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gptoss.cli import flags
from gptoss.cli.model_options import takes_model
from gptoss.cli.sampling_options import takes_sampling
from gptoss.cli.schema import STANDARD_INPUT
from gptoss.errors import RequestError

if TYPE_CHECKING:
    from gptoss.engine import Generation, SamplingParams
    from gptoss.runtime import LoadedModel, ModelOptions


@takes_sampling
@takes_model(max_batch=1)
def complete(
    prompt: Annotated[
        str | None, typer.Argument(help="Text to continue; `-`: what is piped in.")
    ] = None,
    tokens: Annotated[
        str | None, typer.Option(metavar="1,2,3", help="Token ids to continue instead.")
    ] = None,
    json: flags.Json = False,
    *,
    sampling: SamplingParams,
    max_tokens: flags.MaxTokens = 128,
    options: ModelOptions,
) -> None:
    """Continue text or token ids as they are, without the chat format."""
    from gptoss.cli.loading import announce, offer_pull, open_model
    from gptoss.cli.output import Screen, read_piped_text

    if prompt is not None and tokens is not None:
        raise RequestError("got both PROMPT and --tokens, wanted one of them")
    if prompt is None and tokens is None:
        if sys.stdin.isatty():
            raise RequestError("got neither PROMPT nor --tokens nor piped text, wanted one of them")
        prompt = STANDARD_INPUT
    if prompt == STANDARD_INPUT:
        prompt = read_piped_text()
    wanted = _parse_ids(tokens) if tokens is not None else None
    offer_pull(options)
    loaded = open_model(options)
    if not json:
        announce(loaded, options)
    ids = loaded.tokenizer.encode(prompt or "") if wanted is None else wanted
    generation = loaded.submit(ids, sampling, max_tokens=max_tokens)
    if json:
        _print_json(loaded, generation)
        return
    screen, detokenizer = Screen(), loaded.tokenizer.detokenizer()
    try:
        for token_id in generation:
            if token_id not in generation.request.stop_ids:
                screen.write(detokenizer.feed(token_id))
    except KeyboardInterrupt:
        generation.cancel()
    screen.write(detokenizer.finish() + "\n")


def _print_json(loaded: LoadedModel, generation: Generation) -> None:
    new = list(generation)
    text = [token_id for token_id in new if token_id not in generation.request.stop_ids]
    timings = generation.timings
    result = {
        "content": loaded.tokenizer.decode(text),
        "tokens": new,
        "finish_reason": generation.finish_reason,
        "usage": {
            "prompt_tokens": timings.prompt_tokens,
            "completion_tokens": timings.completion_tokens,
        },
        "timings": timings.to_dict(),
        "seed": generation.seed,
    }
    print(json_module.dumps(result, ensure_ascii=False))


def _parse_ids(text: str) -> list[int]:
    try:
        ids = [int(part) for part in text.split(",")]
    except ValueError:
        raise RequestError(
            f"got --tokens {text!r}, wanted whole numbers with commas between them"
        ) from None
    too_large = [token_id for token_id in ids if abs(token_id) >= 2**31]
    if too_large:
        raise RequestError(f"got token id {too_large[0]}, wanted one of the model's vocabulary")
    return ids
