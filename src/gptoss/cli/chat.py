"""`gptoss chat`: one answer, or a conversation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from gptoss.cli import flags
from gptoss.cli.interruption import INTERRUPTED
from gptoss.cli.model_options import takes_model
from gptoss.cli.sampling_options import takes_sampling
from gptoss.cli.schema import STANDARD_INPUT
from gptoss.errors import MessageError

if TYPE_CHECKING:
    from gptoss.engine import SamplingParams
    from gptoss.runtime import ModelOptions


@takes_sampling
@takes_model(max_batch=1)
def chat(
    prompt: Annotated[
        str | None,
        typer.Argument(
            help="One question, what is piped in behind it; without it, or for `-`, what is piped in; "
            "else a conversation."
        ),
    ] = None,
    reasoning: flags.Reasoning = "medium",
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
    json: flags.Json = False,
    *,
    sampling: SamplingParams,
    max_tokens: flags.MaxTokens = None,
    reasoning_tokens: flags.ReasoningTokens = None,
    stop: flags.Stop = None,
    schema: flags.Schema = None,
    grammar: flags.Grammar = True,
    options: ModelOptions,
) -> None:
    """Talk to the model."""
    from gptoss.chat import Chat
    from gptoss.cli.answer import show_answer
    from gptoss.cli.conversation import converse
    from gptoss.cli.loading import announce, offer_pull, open_model
    from gptoss.cli.output import Screen
    from gptoss.cli.schema import response_format
    from gptoss.engine import FinishReason

    is_conversation = prompt is None and sys.stdin.isatty() and not json
    question = None if is_conversation else _question(prompt, is_read=schema == STANDARD_INPUT)
    answer_format = None if schema is None else response_format(schema)
    offer_pull(options)
    loaded = open_model(options)
    if not json:
        announce(loaded, options)
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


def _question(prompt: str | None, *, is_read: bool) -> str:
    """What is asked: the prompt, and behind it what is piped in.

    is_read  whether standard input has been something else
    """
    from gptoss.cli.output import has_piped_text, read_piped_text

    if prompt is None or prompt == STANDARD_INPUT:
        if is_read:
            raise MessageError("got the schema on standard input and no question, wanted PROMPT")
        return read_piped_text()
    piped = read_piped_text() if not is_read and has_piped_text() else ""
    return f"{prompt}\n\n{piped}" if piped else prompt
