"""`gptoss eval`: its subcommands, of which asking suites needs no name."""

from __future__ import annotations

import asyncio
import json as json_module
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from gptoss.cli import flags
from gptoss.cli.interruption import interruptible
from gptoss.cli.model_options import takes_model
from gptoss.cli.option_sources import SourcedCommand
from gptoss.errors import EvalError

if TYPE_CHECKING:
    from gptoss.cli.eval.wishes import Wishes
    from gptoss.evals.report import Evaluated
    from gptoss.runtime import ModelOptions

_RUN = "run"
# As `grep` says that it found nothing: samples that nobody answered.
_INCOMPLETE = 1


class _Suites(TyperGroup):
    """Takes `gptoss eval SUITE` for `gptoss eval run SUITE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name where only what it is asked for was said."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


evaluation = typer.Typer(
    cls=_Suites,
    no_args_is_help=True,
    help="Ask suites of questions, grade the answers and report, each figure with its interval. "
    "`gptoss eval SUITE` is `gptoss eval run SUITE`.",
)


@evaluation.command(_RUN, cls=SourcedCommand)
@takes_model()
def run(
    suites: Annotated[
        list[str],
        typer.Argument(metavar="SUITE...", help="Names as `gptoss eval list` shows them."),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SUITE=]PATH", help="A benchmark's file or folder; may be given several times."
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A benchmark's rules. Default: aa-v3."),
    ] = None,
    reasoning: Annotated[
        str,
        typer.Option(
            "--reasoning",
            "-r",
            metavar="LEVELS",
            help="low, medium, high, or several with commas between them.",
        ),
    ] = "medium",
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", help="Ask so many samples, spread over the categories."),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Default: the protocol's.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(metavar="N", help="Samples of a generated suite.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of samples, their order, and answers.")
    ] = 0,
    temperature: Annotated[
        float | None, typer.Option(metavar="T", help="Default: the protocol's.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", metavar="P", help="Default: the protocol's.")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="New tokens of an answer at most, reasoning included. Default: the protocol's.",
        ),
    ] = None,
    server: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Ask a server with an OpenAI-compatible API instead of a model in this process; "
            "several that answer alike share the work.",
        ),
    ] = None,
    server_model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="As the server calls it. Default: its first."),
    ] = None,
    key_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The server's API key. Default: $OPENAI_API_KEY."),
    ] = None,
    at_once: Annotated[
        int, typer.Option(min=1, max=1024, metavar="N", help="Questions open at a server.")
    ] = 16,
    judge: Annotated[
        str | None,
        typer.Option(
            metavar="URL|self", help="Who judges where programs cannot: a server, or the model."
        ),
    ] = None,
    judge_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="As the judge's server calls it.")
    ] = None,
    judge_key_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The judge's API key. Default: $JUDGE_API_KEY."),
    ] = None,
    sandbox_python: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="The Python whose packages generated code may use."),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option(
            metavar="subprocess|official",
            help="How LiveCodeBench's programs are run. Default: subprocess.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="LiveCodeBench's problems from this day on, like 2024-07-01. Default: the protocol's.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="And up to this one. Default: the protocol's."),
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="S",
            help="The processor's time for a test of LiveCodeBench, or all of a step of SciCode. "
            "Default: 6 and 1800 s.",
        ),
    ] = None,
    regrade: Annotated[
        bool,
        typer.Option(
            "--regrade", help="Grade the answers again that are there, such as by a newer version."
        ),
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Answers, grades, report. Default: evals/MODEL."),
    ] = None,
    json: flags.Json = False,
    *,
    options: ModelOptions,
) -> None:
    """Ask suites of a model, or of a server, and report the scores.

    Every answer is kept when it comes: after Ctrl-C, a crash or a power cut, the same command goes on. Exits with 1
    where samples were not answered.
    """
    from gptoss.cli.eval.readers import require_readers
    from gptoss.cli.eval.wishes import Wishes, data_of, efforts_of

    require_readers(
        suites,
        {
            "--data": data,
            "--protocol": protocol,
            "--size": size is not None,
            "--judge": judge,
            "--judge-model": judge_model,
            "--judge-key-file": judge_key_file,
            "--sandbox-python": sandbox_python,
            "--grader": grader,
            "--since": since,
            "--until": until,
            "--time-limit": time_limit is not None,
        },
    )
    wishes = Wishes(
        suites=list(dict.fromkeys(suites)),
        data=data_of(suites, data or ()),
        efforts=efforts_of(reasoning),
        protocol=protocol,
        limit=limit,
        repeats=repeats,
        size=size,
        seed=seed,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        judge=judge,
        judge_model=judge_model,
        judge_key_file=judge_key_file,
        sandbox_python=None if sandbox_python is None else Path(sandbox_python).expanduser(),
        grader=grader or "subprocess",
        since=since,
        until=until,
        time_limit_s=time_limit,
        regrades=regrade,
        out=None if out is None else Path(out).expanduser(),
    )
    with interruptible("the same command goes on"):
        if server:
            if options.model:
                raise EvalError(
                    "got --model and --server; name the server's model by --server-model, or leave one out"
                )
            asked = _ask_server(wishes, server, server_model, key_file, at_once, json)
            found = asyncio.run(asked)
        else:
            if server_model or key_file:
                raise EvalError("got --server-model or --key-file without --server; say which one")
            found = _ask_model(wishes, options, json)
    if json:
        from gptoss.evals.report import report_json

        print(json_module.dumps(report_json(found), ensure_ascii=False))
    if any(each.facts.failures for each in found):
        raise typer.Exit(_INCOMPLETE)


def _ask_model(wishes: Wishes, options: ModelOptions, json: bool) -> list[Evaluated]:
    from gptoss.cli.eval.session import Session
    from gptoss.cli.loading import announce, offer_pull, open_model
    from gptoss.cli.output import Screen
    from gptoss.evals.model_asker import ModelAsker

    offer_pull(options)
    with open_model(options) as model:
        announce(model, options)
        screen = None if json else Screen()
        session = Session(wishes, ModelAsker(model), model, screen, _command())
        return asyncio.run(session.run())


async def _ask_server(
    wishes: Wishes,
    urls: list[str],
    model: str | None,
    key_file: str | None,
    at_once: int,
    json: bool,
) -> list[Evaluated]:
    from gptoss.cli.eval.askers import server_asker
    from gptoss.cli.eval.session import Session
    from gptoss.cli.output import Screen

    asker = await server_asker(urls, model, key_file, at_once)
    try:
        session = Session(wishes, asker, None, None if json else Screen(), _command())
        return await session.run()
    finally:
        await asker.close()


def _command() -> str:
    """The command as it was typed."""
    return shlex.join(["gptoss", *sys.argv[1:]])


@evaluation.command("compare")
def compare(
    before: Annotated[str, typer.Argument(metavar="A", help="A folder of `gptoss eval`.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one, of the same suites.")],
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Although protocols, versions, judges or data differ.")
    ] = False,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where a report is written as well.")
    ] = None,
    json: flags.Json = False,
) -> None:
    """Compare two runs item by item: the difference, its interval, and whether chance alone would bring it."""
    from gptoss.cli.eval.compare import compare_folders, show

    paths = [Path(each).expanduser() for each in (before, after)]
    found = compare_folders(paths[0], paths[1], anyway=anyway)
    show(found, None if out is None else Path(out).expanduser(), json=json)


@evaluation.command("list")
def list_suites(json: flags.Json = False) -> None:
    """Show the suites: published benchmarks, for which you bring the data, and those that are made from a seed."""
    from gptoss.cli.output import Screen
    from gptoss.evals.catalogue import entries

    found = entries()
    if json:
        facts = [
            {"name": each.name, "needs_data": each.needs_data, "about": each.about}
            for each in found
        ]
        print(json_module.dumps({"suites": facts}))
        return
    screen = Screen()
    for needs_data, title in ((True, "with data that you bring"), (False, "made from a seed")):
        screen.write(f"{title}\n", "dim")
        for each in found:
            if each.needs_data is needs_data:
                screen.write(f"  {each.name:<16}", "bold")
                screen.write(f"{each.about}\n")


@evaluation.command("perplexity", cls=SourcedCommand)
@takes_model("max_batch", "prefix_cache")
def perplexity(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A file of UTF-8 text.")],
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|NAME",
            help="Another model, or the same at --reference-precision: KL from it, and how often both find the same "
            "token likeliest.",
        ),
    ] = None,
    reference_precision: Annotated[
        str | None,
        typer.Option(metavar="int8|bf16|float32", help="Of the reference. Default: float32."),
    ] = None,
    window: Annotated[int, typer.Option(metavar="N", help="Tokens that are read at once.")] = 1024,
    overlap: Annotated[
        int, typer.Option(metavar="N", help="Of them, read before and not counted.")
    ] = 512,
    json: flags.Json = False,
    *,
    options: ModelOptions,
) -> None:
    """Show a model's perplexity of a text, and what a precision or a quantised file costs against a reference."""
    from dataclasses import replace

    from gptoss.cli.eval.measuring import measure_perplexity
    from gptoss.evals.perplexity import Windows

    other = None
    if reference is not None or reference_precision is not None:
        precision = reference_precision or "float32"
        # Beside float32 all is as it is stored, unless the file itself is another.
        other = replace(
            options, model=reference or options.model, precision=precision, weights=None, kv=None
        )
    windows = Windows(size=window, overlap=overlap)
    measure_perplexity(Path(text).expanduser(), options, other, windows, json=json)


@evaluation.command("fingerprint", cls=SourcedCommand)
@takes_model("max_batch", "prefix_cache")
def fingerprint(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where it is written, as JSON.")],
    *,
    options: ModelOptions,
) -> None:
    """Keep what a model's arithmetic gives for some prompts, so that another build may be held against it."""
    from gptoss.cli.eval.measuring import take_fingerprint

    take_fingerprint(Path(file).expanduser(), options)


@evaluation.command("drift", cls=SourcedCommand)
@takes_model("max_batch", "prefix_cache")
def drift(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A fingerprint.")],
    json: flags.Json = False,
    *,
    options: ModelOptions,
) -> None:
    """Show how far a model is from a fingerprint: rounding, another precision, or another model."""
    from gptoss.cli.eval.measuring import show_drift

    show_drift(Path(file).expanduser(), options, json=json)
