"""`gptoss eval perplexity`, `fingerprint` and `drift`: what rounding, a file or a build changes, without a question."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gptoss.cli.loading import offer_pull, open_model
from gptoss.cli.notice import escaped
from gptoss.cli.output import Screen, progress_bar
from gptoss.errors import EvalError
from gptoss.evals.drift import drift
from gptoss.evals.fingerprint import Fingerprint
from gptoss.evals.perplexity import Windows, measure
from gptoss.files.regular import read_file

if TYPE_CHECKING:
    from gptoss.runtime import ModelOptions

_MOST_TEXT_BYTES = 1 << 28


def measure_perplexity(
    file: Path,
    options: ModelOptions,
    reference: ModelOptions | None,
    windows: Windows,
    *,
    json: bool,
) -> None:
    """Print what a model makes of a text, and how far it is from a reference. Raises EvalError for what is no text."""
    try:
        text = read_file(file, _MOST_TEXT_BYTES).decode()
    except OSError as error:
        raise EvalError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise EvalError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    offer_pull(options)
    with open_model(options) as model, progress_bar() as bar:
        task = bar.add_task("measuring", total=None)

        def show(done: int, count: int) -> None:
            bar.update(task, completed=done, total=count)

        if reference is None:
            found = measure(model, text, windows=windows, on_tokens=show)
        else:
            with open_model(reference) as other:
                found = measure(model, text, reference=other, windows=windows, on_tokens=show)
    _tell(found.to_dict(), found.lines(), json=json)


def take_fingerprint(file: Path, options: ModelOptions) -> None:
    """Write a model's fingerprint. Raises EvalError where something is in its place."""
    if file.exists():
        raise EvalError(f"{file} is there already; choose a new name")
    offer_pull(options)
    with open_model(options) as model:
        Fingerprint.of(model).write(file)
    Screen().write(f"{escaped(file)}\n")


def show_drift(file: Path, options: ModelOptions, *, json: bool) -> None:
    """Print how far a model is from a fingerprint."""
    kept = Fingerprint.read(file)
    offer_pull(options)
    with open_model(options) as model:
        found = drift(kept, model)
    _tell(found.to_dict(), found.lines(), json=json)


def _tell(data: dict[str, object], lines: Sequence[str], *, json: bool) -> None:
    if json:
        print(json_module.dumps(data, ensure_ascii=False))
        return
    screen = Screen()
    for line in lines:
        screen.write(f"{escaped(line)}\n")
