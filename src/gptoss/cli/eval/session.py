"""Runs what was asked for, one suite and effort after the other, and writes a report of each."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from gptoss.cli.eval.askers import JUDGE_KEY, server_asker
from gptoss.cli.eval.progress import RunProgress
from gptoss.cli.eval.wishes import SELF, Wishes
from gptoss.cli.notice import escaped, notice
from gptoss.cli.output import Screen
from gptoss.errors import EvalError
from gptoss.evals.asker import Asker, Sampling
from gptoss.evals.catalogue import SuiteOptions, open_suite
from gptoss.evals.evaluation import Evaluation, write_report
from gptoss.evals.folder import RunFolder, is_run
from gptoss.evals.forecast import Forecast, forecast
from gptoss.evals.judging import KeptJudge
from gptoss.evals.report import Evaluated
from gptoss.evals.run import Run, Unwatched
from gptoss.evals.statistics import detectable_between
from gptoss.evals.suite import Suite
from gptoss.runtime import LoadedModel

_KNOWN = {
    True: "the published file",
    False: "not the published file",
    None: "and no published one to hold it against",
}
_NOT_IN_NAMES = re.compile(r"[^\w.@+-]+")


@dataclass(slots=True)
class Session:
    """Everything that one command asks for.

    model    whose answers are judged, where it is in this process; its tokenizer counts
    screen   where people read; None: nobody does, as with `--json`
    command  as it was typed, for the report
    """

    wishes: Wishes
    asker: Asker
    model: LoadedModel | None
    screen: Screen | None
    command: str
    _folder: Path = field(default_factory=Path)

    async def run(self) -> list[Evaluated]:
        """Run all, and give what was found. Raises GptossError."""
        if is_run(self.out):
            # Otherwise all would be asked again, in a folder beneath it.
            raise EvalError(
                f"{self.out} is the folder of one run; name the folder that it is in: --out {self.out.parent}"
            )
        judge, close = await self._judge()
        try:
            suites = [self._open(name, judge) for name in self.wishes.suites]
            found = []
            for suite in suites:
                for effort in self.wishes.efforts:
                    found.append(await self._run_one(suite, effort))
                    if judge is not None:
                        judge.close()
            if len(found) > 1:
                write_report(self.out, found)
                if self.screen is not None:
                    self.screen.write(f"all of them: {escaped(self.out / 'report.html')}\n", "dim")
            return found
        finally:
            if judge is not None:
                judge.close()
            await close()

    @property
    def out(self) -> Path:
        """The folder of the runs' folders."""
        if self.wishes.out is not None:
            return self.wishes.out
        identity = self.asker.identity
        # A model here and one of the same name at a server are two.
        name = identity.get("model") or f"{identity['server_model']}-server"
        return Path("evals", _file_name(str(name)))

    async def _judge(self) -> tuple[KeptJudge | None, Callable[[], Awaitable[None]]]:
        """Whoever judges, and what lets go of it in the end."""
        wishes, wanted = self.wishes, self.wishes.judge
        if wanted is None:
            return None, _nothing
        asker, name, close = self.asker, SELF, _nothing
        if wanted != SELF:
            asker = await server_asker(
                [wanted],
                wishes.judge_model,
                wishes.judge_key_file,
                self.asker.at_once,
                key_variable=JUDGE_KEY,
            )
            name, close = str(asker.identity["server_model"]), asker.close
        # Judges are asked for the likeliest judgement, with an effort that lets them compare.
        sampling = Sampling(effort="medium", temperature=0.0, seed=self.wishes.seed)
        return KeptJudge(asker, name, sampling, lambda: self._folder), close

    def _open(self, name: str, judge: KeptJudge | None) -> Suite:
        wishes, model = self.wishes, self.model
        counting: dict[str, object] = {}
        if model is not None:
            tokenizer = model.tokenizer
            counting = {
                "count_tokens": lambda text: len(tokenizer.encode(text)),
                "context": model.context,
            }
        return open_suite(
            name,
            SuiteOptions(
                data=wishes.data,
                protocol=wishes.protocol,
                seed=wishes.seed,
                size=wishes.size,
                judge=judge,
                judge_name="" if judge is None else judge.name,
                sandbox_python=wishes.sandbox_python,
                grader=wishes.grader,
                since=wishes.since,
                until=wishes.until,
                time_limit_s=wishes.time_limit_s,
                **counting,  # type: ignore[arg-type]
            ),
        )

    async def _run_one(self, suite: Suite, effort: str) -> Evaluated:
        wishes = self.wishes
        evaluation = Evaluation(
            suite=suite,
            asker=self.asker,
            effort=effort,
            limit=wishes.limit,
            repeats=wishes.repeats,
            seed=wishes.seed,
            temperature=wishes.temperature,
            top_p=wishes.top_p,
            max_tokens=wishes.max_tokens,
            command=self.command,
        )
        self._folder = self.out / _file_name(f"{suite.name}-{suite.card.name}-{effort}")
        settings = evaluation.settings.to_dict()
        with RunFolder(self._folder, settings, regrades=wishes.regrades) as folder:
            run = evaluation.open(folder, Unwatched())
            try:
                await self._play(run, evaluation.num_plays, f"{suite.name} {effort}")
            finally:
                found = evaluation.evaluated(run)
                self._show(found, self._folder)
            return found

    async def _play(self, run: Run, total: int, title: str) -> None:
        left = run.num_left()
        self._announce(run, title, total, left)
        with RunProgress(title, total, total - left) as progress:
            run.watcher = progress
            await run.play()

    def _announce(self, run: Run, title: str, total: int, left: int) -> None:
        """Say what is about to be asked, how long it takes, and what it can show."""
        if self.screen is None:
            return
        card, screen = run.suite.card, self.screen
        screen.write(f"{title}  ", "bold")
        screen.write(f"{escaped(card.name)} {escaped(card.version)}, {total:,} plays", "dim")
        screen.write(f", {total - left:,} of them there\n" if left < total else "\n", "dim")
        for source in run.suite.sources:
            rows = f"{source.rows:,} rows, " if source.rows else ""
            screen.write(
                f"  {escaped(source.name)}: {rows}sha256 {source.sha256[:16]}, {_KNOWN[source.known]}\n",
                "dim",
            )
        for reason, count in run.suite.skipped.items():
            screen.write(f"  left out: {count:,} {escaped(reason)}\n", "yellow")
        screen.write(f"  can show: {detectable_between(total, len(run.samples))}\n", "dim")
        if self.model is not None and left:
            told = forecast(self.model, card, run.settings.sampling.effort, left)
            screen.write(f"  about {_duration(told)}\n", "dim")

    def _show(self, found: Evaluated, folder: Path) -> None:
        if self.screen is None:
            return
        summary, screen = found.summary, self.screen
        screen.write(f"{summary.score or 'no graded item'}\n", "bold")
        for outcome, share in summary.outcomes.items():
            if share.mean:
                screen.write(f"  {outcome:<10} {share}\n")
        if found.facts.failures:
            notice(
                f"{len(found.facts.failures):,} plays were not answered; the same command asks them again"
            )
        screen.write(f"  {escaped(folder / 'report.html')}\n", "dim")


async def _nothing() -> None:
    """Nothing is to be let go of: whoever is asked stays its caller's."""


def _duration(told: Forecast) -> str:
    hours, seconds = divmod(round(told.seconds), 3600)
    minutes = seconds // 60
    if hours >= 48:
        length = f"{hours / 24:,.1f} days"
    elif hours:
        length = f"{hours} h {minutes:02} min"
    else:
        length = f"{minutes} min" if minutes else f"{max(1, seconds)} s"
    return (
        f"{length} at {told.tokens_per_second:,.0f} tokens/s and {told.tokens:,} tokens an answer, "
        "prompts not counted"
    )


def _file_name(text: str) -> str:
    return _NOT_IN_NAMES.sub("_", text).strip(".") or "_"
