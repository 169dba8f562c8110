"""The command `gptoss`: its subcommands, and how errors reach a person."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Annotated, TextIO

import typer

import gptoss
from gptoss.cli.bench import bench
from gptoss.cli.cache import cache
from gptoss.cli.chat import chat
from gptoss.cli.complete import complete
from gptoss.cli.doctor import doctor
from gptoss.cli.eval.command import evaluation
from gptoss.cli.export import export
from gptoss.cli.finetune.command import finetune
from gptoss.cli.fit import fit
from gptoss.cli.info import info
from gptoss.cli.models import models
from gptoss.cli.notice import notice
from gptoss.cli.option_sources import SourcedCommand, forget_service_links, unknown_variables
from gptoss.cli.pull import pull
from gptoss.cli.sandbox import sandbox
from gptoss.cli.serve import serve
from gptoss.cli.synth import synth
from gptoss.errors import GptossError

# What a user can put right; also what argparse and click use for bad usage.
USER_ERROR = 2
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

app = typer.Typer(
    name="gptoss",
    help="GPT-OSS 20B on your own machine: offline, no GPU, no key.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS = (
    *(chat, complete, serve, pull, doctor, export, info, fit, bench),
    *(sandbox, synth, finetune),
)
for command in _COMMANDS:
    app.command(cls=SourcedCommand)(command)
app.add_typer(evaluation, name="eval")
app.add_typer(models, name="models")
app.add_typer(cache, name="cache")


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"gptoss {gptoss.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    if forget_service_links():
        notice(
            "GPTOSS_PORT is Kubernetes' own here, and not read; --port, or enableServiceLinks: false"
        )
    told = unknown_variables(context.command.commands.values())  # type: ignore[attr-defined]
    if told:
        notice(told)


def _take_any_text(stream: TextIO) -> None:
    """Have a stream write out what its encoding cannot say, such as a file's name that is no text."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")


def run() -> None:
    """Run the command line; an error of the user's is one line on stderr and exit status 2."""
    _take_any_text(sys.stdout)
    try:
        try:
            app()
        finally:
            # What cannot be written is known here, and not after the exit status is decided.
            sys.stdout.flush()
    except GptossError as error:
        notice(error)
        sys.exit(USER_ERROR)
    except MemoryError:
        notice("there is not enough memory for that; give it a smaller --context")
        sys.exit(USER_ERROR)
    except BrokenPipeError:
        # Whoever read our output has left.
        _discard_output()
        sys.exit(1)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _discard_output()
        notice(f"cannot write the output: {error.strerror}; write it where there is room")
        sys.exit(USER_ERROR)


def _discard_output() -> None:
    """The interpreter must not flush on its way out into what takes nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
