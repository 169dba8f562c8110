"""`gptoss chat`: one answer, or a conversation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli import flags
from gptoss.cli.interruption import INTERRUPTED
from gptoss.cli.model_options import takes_model
from gptoss.cli.sampling_options import takes_sampling
from gptoss.cli.schema import STANDARD_INPUT
from gptoss.errors import MessageError, RequestError

if TYPE_CHECKING:
    from gptoss.chat import Chat
    from gptoss.cli.tools import Person, Toolbox
    from gptoss.engine import SamplingParams
    from gptoss.runtime import LoadedModel, ModelOptions


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
    tools: Annotated[
        list[str] | None,
        typer.Option(metavar="python", help="Let the model run Python in a sandbox."),
    ] = None,
    tools_module: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A Python file whose functions the model may call."),
    ] = None,
    approval: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TOOL=]allow|ask|deny", help="What calls that change something need."
        ),
    ] = None,
    save_to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where pictures that tools make are put.")
    ] = None,
    grammar: flags.Grammar = True,
    options: ModelOptions,
) -> None:
    """Talk to the model."""
    from gptoss.cli.loading import announce, announce_tools, offer_pull, open_model
    from gptoss.cli.schema import response_format
    from gptoss.cli.tools import Person, open_tools
    from gptoss.tools.chosen import ToolOptions

    is_conversation = prompt is None and sys.stdin.isatty() and not json
    question = None if is_conversation else _question(prompt, is_read=schema == STANDARD_INPUT)
    answer_format = None if schema is None else response_format(schema)
    with open_tools(ToolOptions(tools or (), tools_module, approval or ())) as box:
        if save_to is not None and not box.tools:
            raise RequestError("got --save-to without tools, wanted --tools or --tools-module")
        offer_pull(options)
        loaded = open_model(options)
        if not json:
            announce(loaded, options)
            announce_tools(box)
        person = Person()
        talk = _chat(
            loaded,
            box,
            person,
            reasoning=reasoning,
            system=system,
            sampling=sampling,
            max_tokens=max_tokens,
            reasoning_tokens=reasoning_tokens,
            stop=stop or (),
            response_format=answer_format,
            grammar=grammar,
        )
        _talk(
            talk,
            question,
            json=json,
            show_reasoning=show_reasoning,
            save_to=save_to,
            on_new=person.forget,
        )


def _chat(loaded: LoadedModel, box: Toolbox, person: Person, **options: Any) -> Chat:
    from dataclasses import replace

    from gptoss.chat import Chat

    talk = Chat(loaded, tools=box.tools, approve=person.approve, **options)
    talk.policy = replace(talk.policy, floor=box.floor)
    return talk


def _talk(
    talk: Chat,
    question: str | None,
    *,
    json: bool,
    show_reasoning: bool | None,
    save_to: Path | None,
    on_new: Callable[[], None],
) -> None:
    from gptoss.cli.answer import show_answer
    from gptoss.cli.conversation import converse
    from gptoss.cli.output import Screen
    from gptoss.cli.pictures import Pictures
    from gptoss.cli.tool_prints import told_by_tools
    from gptoss.engine import FinishReason

    screen = Screen()
    if question is None:
        shows = show_reasoning is not False
        converse(screen, talk, show_reasoning=shows, save_to=save_to, on_new=on_new)
    elif json:
        with told_by_tools():
            reply = talk.send(question)
        pictures = Pictures(save_to)
        for run in reply.tool_runs:
            pictures.keep(run.result)
        print(reply.to_json())
    else:
        reply = show_answer(
            screen, talk, question, show_reasoning=bool(show_reasoning), save_to=save_to
        )
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
