"""`gptoss export`: a model as files for other programs."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gptoss.cli import flags
from gptoss.cli.interruption import interruptible
from gptoss.cli.notice import notice
from gptoss.files.sizes import disk_size

if TYPE_CHECKING:
    from gptoss.export.exporting import Export


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="What --model takes: a folder, a file, a name.")
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="The folder to make, or a file that ends in .gguf."),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="mxfp4|bf16|original|gguf",
            help="The form. Default: mxfp4, or gguf for a file.",
        ),
    ] = None,
    json: flags.Json = False,
) -> None:
    """Write a model for other programs: the released layout, bfloat16, original/, or GGUF.

    OUT appears when all of it is written, and is never put in the place of anything.
    """
    with interruptible("nothing of it is left"):
        _export(model, out, form, json)


def _export(model: str, out: Path, form: str | None, json: bool) -> None:
    from gptoss.cli.pull_progress import PullProgress
    from gptoss.export.exporting import Export
    from gptoss.export.forms import Form
    from gptoss.model.checkpoint import open_checkpoint
    from gptoss.runtime.locating import locate_model

    out = out.expanduser()
    wanted = Form.of(form, out)
    name, path = locate_model(model)
    planned = Export.plan(name, open_checkpoint(path), out, wanted)
    for note in planned.notes:
        notice(note)
    with PullProgress("writing", planned.num_bytes) as progress:
        planned.write(progress.moved)
    if json:
        print(json_module.dumps(_facts(name, planned)))
    else:
        notice(f"{name} as {wanted}, {disk_size(planned.num_bytes)} of weights")
        print(planned.out)


def _facts(name: str, planned: Export) -> dict[str, object]:
    return {
        "model": name,
        "layout": planned.checkpoint.layout.title,
        "as": str(planned.form),
        "out": str(planned.out),
        "weight_bytes": planned.num_bytes,
        "notes": list(planned.notes),
    }
