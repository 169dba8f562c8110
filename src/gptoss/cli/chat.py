"""`gptoss chat`: one answer, or a conversation."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gptoss.cli import options

# As a shell reports a program that Ctrl-C ended.
INTERRUPTED = 130


def chat(
    prompt: Annotated[
        str | None,
        typer.Argument(help="One question; without it, a conversation, or what is piped in."),
    ] = None,
    model: options.Model = None,
    reasoning: options.Reasoning = "medium",
    system: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Instructions to the model.")
    ] = None,
    show_reasoning: Annotated[
        bool | None,
        typer.Option(
            "--show-reasoning/--hide-reasoning",
            help="Print the chain of thought. Default: in a conversation only.",
        ),
    ] = None,
    json: options.Json = False,
    seed: options.Seed = None,
    temperature: options.Temperature = 1.0,
    top_p: options.TopP = 1.0,
    top_k: options.TopK = 0,
    min_p: options.MinP = 0.0,
    max_tokens: options.MaxTokens = None,
    reasoning_tokens: options.ReasoningTokens = None,
    stop: options.Stop = None,
    schema: options.Schema = None,
    grammar: options.Grammar = True,
    context: options.Context = None,
    threads: options.Threads = None,
    precision: options.Precision = None,
    weights: options.Weights = None,
    kv: options.Kv = None,
    memory: options.Memory = None,
    isa: options.Isa = None,
    cache: options.Cache = None,
    cache_dir: options.CacheDir = None,
    lock: options.Lock = False,
) -> None:
    """Talk to the model."""
    from gptoss.chat import Chat
    from gptoss.cli.answer import show_answer
    from gptoss.cli.conversation import converse
    from gptoss.cli.loading import open_model
    from gptoss.cli.output import Screen, read_piped_text
    from gptoss.cli.schema import response_format
    from gptoss.engine import FinishReason, SamplingParams

    sampling = SamplingParams(
        temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, seed=seed
    )
    is_conversation = prompt is None and sys.stdin.isatty() and not json
    question = prompt if prompt is not None or is_conversation else read_piped_text()
    answer_format = None if schema is None else response_format(schema)
    loaded = open_model(
        model,
        precision=precision,
        threads=threads,
        weights=weights,
        kv=kv,
        memory=memory,
        isa=isa,
        cache=cache,
        prefix_directory=cache_dir,
        lock=lock,
        context=context,
    )
    talk = Chat(
        loaded,
        reasoning,
        system=system,
        sampling=sampling,
        max_tokens=max_tokens,
        reasoning_tokens=reasoning_tokens,
        stop=stop or (),
        response_format=answer_format,
        grammar=grammar,
    )
    screen = Screen()
    if question is None:
        converse(screen, talk, show_reasoning=show_reasoning is not False)
    elif json:
        print(talk.send(question).to_json())
    else:
        reply = show_answer(screen, talk, question, show_reasoning=bool(show_reasoning))
        if reply.finish_reason is FinishReason.CANCELLED:
            raise typer.Exit(INTERRUPTED)
