"""The folder of a run: what was asked of whom, every answer and every grade, each kept before the next is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from gptoss.batch.journal import Journal
from gptoss.errors import EvalError, shown
from gptoss.evals.grade import Item
from gptoss.evals.kept import fields_of
from gptoss.evals.play import Exchange, Play, key_of
from gptoss.files.json_text import read_object
from gptoss.files.regular import open_regular
from gptoss.files.whole import is_partial, whole_file

_SETTINGS = "run.json"
_ANSWERS = "answers.jsonl"
_GRADES = "grades.jsonl"
SAMPLES = "samples.jsonl"
# Settings that change grades alone.
_OF_GRADES = ("version", "judge")
_MOST_BYTES = 1 << 24


class RunFolder:
    """One run's folder, which one program at a time has open.

    run.json       what was asked of whom, see `gptoss.evals.run.RunSettings`
    answers.jsonl  every answer, in the order in which they came
    grades.jsonl   the items of every sample that was played to its end
    samples.jsonl  both together, by sample: made anew when a run ends
    """

    def __init__(
        self, path: Path, settings: Mapping[str, object], *, regrades: bool = False
    ) -> None:
        """Begin a run, or go on with one of the same settings.

        regrades  grade the answers that are there again, also by another version or judge; the old grades are kept
                  beside the new ones

        Raises EvalError for a folder of another run, or one that is none; OutputError for what cannot be written.
        """
        self.path = path
        self.settings = dict(settings)
        self._make()
        # Its lock is held while settings are compared or written: of two programs that begin here, one does.
        self._answers = Journal(path / _ANSWERS)
        try:
            self._settle(regrades=regrades)
            self._grades = Journal(path / _GRADES)
        except BaseException:
            self._answers.close()
            raise

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._answers.close()
        self._grades.close()

    def exchange(self, key: str) -> Exchange | None:
        """A question that was asked, with the answer; None: it was not."""
        if key not in self._answers:
            return None
        kept = self._answers.get(key)
        try:
            return Exchange.from_dict(kept)
        except ValueError as error:
            raise self._damaged(_ANSWERS, key, error) from None

    def keep_exchange(self, key: str, exchange: Exchange) -> None:
        """Keep an answer, before it is graded."""
        self._answers.put(key, exchange.to_dict())

    def items(self, key: str) -> list[Item] | None:
        """The items of a sample that was played; None: it was not."""
        if key not in self._grades:
            return None
        kept = self._grades.get(key)
        try:
            return [Item.from_dict(each) for each in fields_of(kept, {"items": list})["items"]]
        except ValueError as error:
            raise self._damaged(_GRADES, key, error) from None

    def keep_items(self, key: str, items: Sequence[Item]) -> None:
        """Keep the items of a sample that was played to its end."""
        self._grades.put(key, {"items": [each.to_dict() for each in items]})

    def plays(self, samples: Sequence[str], repeats: int) -> Iterator[Play]:
        """Those that were played, sample by sample in the order given."""
        for sample in samples:
            for repeat in range(repeats):
                items = self.items(key_of(sample, repeat))
                if items is not None:
                    exchanges = tuple(self._exchanges(key_of(sample, repeat)))
                    yield Play(sample=sample, repeat=repeat, items=items, exchanges=exchanges)

    def write_samples(self, plays: Iterator[Play]) -> None:
        """Make the samples file anew. Raises OSError."""
        with whole_file(self.path / SAMPLES) as file:
            for play in plays:
                # Halves of surrogates, which no UTF-8 has, go as escapes.
                line = json.dumps(play.to_dict(), ensure_ascii=False)
                file.write(line.encode(errors="backslashreplace") + b"\n")

    def _exchanges(self, key: str) -> Iterator[Exchange]:
        step = 0
        while (found := self.exchange(f"{key}#{step}")) is not None:
            yield found
            step += 1

    def _make(self) -> None:
        """Make the folder, or see that it is a run's, or one that was only begun when its program was killed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            names = {each.name for each in self.path.iterdir() if not is_partial(each.name)}
            is_begun = names == {_ANSWERS} and not (self.path / _ANSWERS).stat().st_size
        except OSError as error:
            raise EvalError(f"cannot write {self.path}: {error.strerror}") from None
        if names and _SETTINGS not in names and not is_begun:
            raise EvalError(f"{self.path} is no run's folder, and not empty; choose a new one")

    def _settle(self, *, regrades: bool) -> None:
        """Keep the settings of a new run; see that those of an old one are the same, but for what grades."""
        if not (self.path / _SETTINGS).exists():
            self._write_settings()
            return
        kept = settings_of(self.path)
        if regrades:
            kept |= {name: self.settings.get(name) for name in _OF_GRADES}
        if differing := differences(kept, self.settings):
            raise EvalError(
                f"{self.path} holds another run: {'; '.join(differing)}. Choose another folder, or ask the same"
            )
        if regrades:
            self._write_settings()
            _set_aside(self.path / _GRADES)

    def _write_settings(self) -> None:
        text = json.dumps(self.settings, indent=2, ensure_ascii=False, sort_keys=True)
        try:
            with whole_file(self.path / _SETTINGS) as file:
                file.write(text.encode(errors="backslashreplace") + b"\n")
        except OSError as error:
            raise EvalError(f"cannot write {self.path}: {error.strerror}") from None

    def _damaged(self, name: str, key: str, error: Exception) -> EvalError:
        return EvalError(
            f"{self.path / name} holds {shown(key)} in another form ({error}); it is of another version, or damaged: "
            "begin anew in another folder"
        )


def _set_aside(path: Path) -> None:
    """Give a file another name, if it is there: the first of `NAME.1`, `NAME.2` that is free."""
    if path.exists():
        number = 1
        while (other := path.with_name(f"{path.name}.{number}")).exists():
            number += 1
        path.rename(other)


def settings_of(path: Path) -> dict[str, object]:
    """The settings of a run's folder. Raises EvalError for a folder that is none."""
    try:
        return read_object(path / _SETTINGS, most_bytes=_MOST_BYTES)
    except FileNotFoundError:
        raise EvalError(f"{path} is no run's folder: it has no {_SETTINGS}") from None
    except (OSError, ValueError) as error:
        raise EvalError(f"cannot read {path / _SETTINGS}: {error}") from None


def differences(
    kept: Mapping[str, object], wanted: Mapping[str, object], place: str = ""
) -> list[str]:
    """Where two runs' settings differ, each as `NAME was X, now Y`."""
    found = []
    for name in sorted({*kept, *wanted}):
        old, new, where = kept.get(name), wanted.get(name), f"{place}{name}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{where}.")
        elif old != new:
            found.append(f"{where} was {shown(old)}, now {shown(new)}")
    return found


def plays_of(path: Path) -> Iterator[Play]:
    """The plays of a run's folder, one by one from its samples file. Raises EvalError."""
    file = path / SAMPLES
    try:
        with open_regular(file) as descriptor, open(descriptor, "rb", closefd=False) as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield Play.from_dict(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise EvalError(
                        f"line {number} of {file} holds no play ({error}); run the same command again, which makes "
                        "the file anew"
                    ) from None
    except OSError as error:
        raise EvalError(f"cannot read {file}: {error.strerror or error}") from None


def is_run(path: Path) -> bool:
    """Whether a folder is that of a single run. Raises EvalError where nobody can know."""
    try:
        return (path / _SETTINGS).exists()
    except OSError as error:
        raise EvalError(f"cannot read {path}: {error.strerror}") from None


def runs_in(path: Path) -> dict[str, Path]:
    """The folders of runs in a folder, by their names; of a run's own folder, that alone under an empty name.

    Raises EvalError where there is none.
    """
    if is_run(path):
        return {"": path}
    if not path.is_dir():
        raise EvalError(f"there is no folder {path}; name one that gptoss eval wrote")
    found = {each.parent.name: each.parent for each in sorted(path.glob(f"*/{_SETTINGS}"))}
    if not found:
        raise EvalError(f"{path} holds no run; wanted a folder that gptoss eval wrote")
    return found
