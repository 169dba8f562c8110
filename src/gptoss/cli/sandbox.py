"""`gptoss sandbox`: runs a program exactly as the model's Python runs, and says where and within what."""

from __future__ import annotations

import base64
import json as json_module
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli import flags
from gptoss.cli.notice import notice
from gptoss.errors import RequestError, shown

if TYPE_CHECKING:
    from gptoss.tools.sandbox import Interruption, Limits, Output, Session

# As `timeout` and a shell report such ends.
_TIMED_OUT, _INTERRUPTED, _ENDED = 124, 130, 137
_STATUS = {"finished": 0, "error": 1, "timeout": _TIMED_OUT, "interrupted": _INTERRUPTED}
_MOST_CODE = 1 << 20
_LOOK_S = 0.1


def sandbox(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="A Python program; `-`: what is piped in.")
    ],
    rung: Annotated[
        str | None,
        typer.Option(
            metavar="bubblewrap|landlock",
            help="How the sandbox is built. Default: the strongest way that this machine has.",
        ),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Until it is stopped. Default: 120.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="What it may take. Default: 2G.")
    ] = None,
    json: flags.Json = False,
) -> None:
    """Run a program as the model's Python runs: without network, other processes or this machine's files.

    The rung, the limits and what it was refused are said on standard error. Exits as the program does: with 1 where it
    fails, 124 where it is stopped for its time, 137 where it is ended for what it takes.
    """
    from gptoss.tools.sandbox import Session, choose_rung

    limits = _limits(timeout, memory)
    code = _code(file)
    with Session(choose_rung(rung), limits) as session:
        output = _run(session, code)
    if json:
        print(json_module.dumps(_facts(output, limits), ensure_ascii=False))
    else:
        _show(output)
        _say(output, limits)
    raise typer.Exit(_STATUS.get(output.reason, _ENDED))


def _limits(timeout: float | None, memory: str | None) -> Limits:
    from gptoss.tools.sandbox import Limits

    wanted: dict[str, Any] = {}
    if timeout is not None:
        wanted["wall_s"] = timeout
    if memory is not None:
        # Not before it is needed: it brings the kernels with it.
        from gptoss.runtime.machine_memory import parse_bytes

        wanted["memory_bytes"] = parse_bytes(memory)
    return Limits(**wanted)


def _code(file: str) -> str:
    from gptoss.cli.output import read_piped_text
    from gptoss.files.regular import read_file

    if file == "-":
        return read_piped_text()
    try:
        return read_file(Path(file).expanduser(), _MOST_CODE).decode()
    except UnicodeDecodeError as error:
        raise RequestError(
            f"{file} is not UTF-8 text: {error.reason} at byte {error.start}; save it as UTF-8"
        ) from None
    except OSError as error:
        raise RequestError(
            f"cannot read {shown(file)}: {error.strerror or error}; name a file of Python"
        ) from None


def _run(session: Session, code: str) -> Output:
    """Run it on a thread, so that Ctrl-C goes to the program first, and to this command only after it has ended."""
    from gptoss.tools.sandbox import Interruption

    interruption: Interruption = Interruption()
    with ThreadPoolExecutor(1, "sandbox") as thread:
        work = thread.submit(session.run, code, interruption=interruption)
        while True:
            try:
                # By looks: a signal that another thread was given does not end a wait.
                return work.result(_LOOK_S)
            except TimeoutError:
                continue
            except KeyboardInterrupt:
                interruption.set()
            finally:
                if work.done():
                    interruption.close()


def _show(output: Output) -> None:
    from gptoss.cli.output import Screen

    screen = Screen()
    for text in (str(output.stdout), output.value):
        if text:
            screen.write(text if text.endswith("\n") else f"{text}\n")
    if output.stderr.head:
        text = str(output.stderr)
        sys.stderr.write(text if text.endswith("\n") else f"{text}\n")


def _say(output: Output, limits: Limits) -> None:
    for note in output.notes:
        notice(note.strip("()"))
    for each in output.refused:
        notice(f"refused: {each}")
    if output.images:
        count = len(output.images)
        notice(f"it drew {count} picture{'s' * (count != 1)}; --json has them")
    if output.files:
        notice(f"it wrote {', '.join(output.files)} in /mnt/data, which is gone now")
    notice(f"ran in the rung {output.rung}, {described(limits)}")


def described(limits: Limits) -> str:
    """Limits in words."""
    from gptoss.files.sizes import memory_size

    return (
        f"{limits.wall_s:g} s, {memory_size(limits.memory_bytes)} of memory, {memory_size(limits.data_bytes)} of "
        "/mnt/data, one process, no network"
    )


def _facts(output: Output, limits: Limits) -> dict[str, Any]:
    return {
        "reason": str(output.reason),
        "stdout": str(output.stdout),
        "stderr": str(output.stderr),
        "value": output.value,
        "images": [base64.b64encode(data).decode() for data in output.images],
        "files": list(output.files),
        "refused": list(output.refused),
        "notes": list(output.notes),
        "text": output.text(),
        "duration_s": round(output.duration_s, 4),
        "rung": str(output.rung),
        "limits": {name: getattr(limits, name) for name in limits.__slots__},
    }
