"""`gptoss doctor`: what is wrong with this machine or a model, and what to do about it."""

from __future__ import annotations

import json as json_module
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gptoss.cli import flags
from gptoss.cli.interruption import interruptible
from gptoss.cli.model_options import Model, WeightsCache
from gptoss.errors import RequestError

if TYPE_CHECKING:
    from gptoss.cli.doctor_report import Report
    from gptoss.cli.pull_progress import PullProgress
    from gptoss.runtime.doctor import Examination, Finding

# Below, reading takes no time that a person would notice.
_LEAST_SHOWN_BYTES = 256 << 20
# By the worst finding: warnings end as `fit` does, errors as whatever a user can put right.
STATUS = {"ok": 0, "note": 0, "warning": 1, "error": 2}


def doctor(
    named: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A checkpoint's folder, a GGUF file, a pulled model's name, or nano. Default: that of --model.",
        ),
    ] = None,
    model: Model = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Leave out what reads all weights: their hashes and values."),
    ] = False,
    repair: Annotated[
        Path | None,
        typer.Option(
            "--repair",
            metavar="DIR",
            help="Make a mended copy of the model in a new folder: index and end tokens, links to all else.",
        ),
    ] = None,
    weights_cache: WeightsCache = None,
    json: flags.Json = False,
) -> None:
    """Look at this machine and a model: what is right, what is not, and what to do about it.

    Exits with 1 where there are warnings, and with 2 where the model does not run or would answer wrongly.
    """
    from gptoss.cli.doctor_report import Report
    from gptoss.runtime.doctor.repair import require_new

    if named is not None and model is not None and named != model:
        raise RequestError(f"got the models {named!r} and {model!r}, wanted one; leave one out")
    if repair is not None:
        repair = repair.expanduser()
        require_new(repair)
    report = Report(is_shown=not json)
    with interruptible("what was found until then holds"):
        examination = _examine(report, named if model is None else model, quick, weights_cache)
        facts = _facts(examination)
        if repair is not None:
            _repair(examination, repair, report, facts)
    if json:
        print(json_module.dumps(facts))
    else:
        report.end(facts["worst"])
    raise typer.Exit(STATUS[facts["worst"]])


def _examine(
    report: Report, model: str | None, quick: bool, weights_cache: str | None
) -> Examination:
    """Show each finding as it comes, and a bar while weights are read."""
    from gptoss.cli.sandbox_findings import look_at_sandboxes
    from gptoss.runtime.doctor import Examination

    with ExitStack() as stack:
        bar = _Reading(stack)
        examination = Examination(
            model, quick=quick, weights_cache=weights_cache, on_reading=bar.show
        )
        for finding in examination.run():
            stack.close()
            report.add(finding)
        for finding in look_at_sandboxes():
            examination.findings.append(finding)
            report.add(finding)
    return examination


class _Reading:
    """A bar while weights are read."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bar: PullProgress | None = None
        self._done = 0

    def show(self, done: int, total: int) -> None:
        """So many bytes of all are read."""
        from gptoss.cli.pull_progress import PullProgress

        if total < _LEAST_SHOWN_BYTES:
            return
        if self._bar is None:
            self._bar = self._stack.enter_context(PullProgress("reading", total))
        self._bar.moved(done - self._done)
        self._done = done


def _repair(examination: Examination, folder: Path, report: Report, facts: dict[str, Any]) -> None:
    """Make the mended copy, and look at it: what is still wrong there is what counts."""
    from gptoss.runtime.doctor import Examination, Level, worst_of, write_repaired

    subject = examination.subject
    if subject is None:
        return
    for finding in write_repaired(subject, examination.findings, folder):
        report.add(finding)
    if not folder.is_dir():
        return
    # Of the machine and the weights, which are the same, enough is known.
    found = [
        each for each in examination.findings if each.group in ("machine", "weights", "sandbox")
    ]
    found += Examination(folder, quick=True).of_model()
    left = [each for each in found if each.level in (Level.WARNING, Level.ERROR)]
    report.begin_again(f"still wrong in {folder}" if left else None)
    for finding in left:
        report.add(finding)
    facts |= {"repaired": str(folder), "left": [_of(each) for each in left]}
    facts["worst"] = str(worst_of(left))


def _facts(examination: Examination) -> dict[str, Any]:
    subject = examination.subject
    return {
        "model": None if subject is None else subject.name,
        "findings": [_of(finding) for finding in examination.findings],
        "worst": str(examination.worst),
    }


def _of(finding: Finding) -> dict[str, str | None]:
    return {
        "group": finding.group,
        "name": finding.name,
        "level": str(finding.level),
        "said": finding.said,
        "remedy": finding.remedy or None,
        "mends": None if finding.mending is None else finding.mending.file,
    }
