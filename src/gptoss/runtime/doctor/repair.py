"""Makes a mended copy of a model's folder: links to what is right, and new files for what can be mended."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from gptoss.errors import RequestError
from gptoss.files.pickled import is_called_pickle
from gptoss.files.whole import whole_folder
from gptoss.model.safetensors_writer import cannot_write
from gptoss.runtime.doctor.finding import Finding, Level, Mending
from gptoss.runtime.doctor.shards import MOST_ENTRIES
from gptoss.runtime.doctor.subject import TOKENIZER, TOKENIZER_CONFIG, Subject
from gptoss.runtime.doctor.template import FILE as TEMPLATE

GROUP = "repair"
# Left behind: what no model needs.
_LEFT = (".incomplete", ".partial", ".part", ".tmp")
_MANIFEST = "manifest.json"


def write_repaired(
    subject: Subject, findings: Iterable[Finding], folder: Path
) -> Iterator[Finding]:
    """Make the folder, if anything can be mended, and say what became of each finding. The model's own stays as it is.

    Raises RequestError where something is at the folder's place, or it is inside the model's own, OutputError where it
    cannot be written.
    """
    require_new(folder)
    _require_outside(folder, subject)
    wrong = [each for each in findings if each.level in (Level.WARNING, Level.ERROR)]
    mendings = {each.mending.file: each.mending for each in wrong if each.mending is not None}
    if not mendings:
        what = "nothing of it can be mended" if wrong else "nothing is to be mended"
        yield Finding(GROUP, "folder", Level.NOTE, f"{what}; {folder} was not made")
        return
    try:
        with whole_folder(folder) as partial:
            how = _fill(subject, mendings, partial)
    except OSError as error:
        raise cannot_write(folder, error) from None
    for mending in mendings.values():
        yield Finding(GROUP, "new file", Level.OK, mending.said)
    yield Finding(GROUP, "folder", Level.OK, f"{folder}, with {how} to the other files")


def require_new(folder: Path) -> None:
    """Raises RequestError where something is there."""
    if os.path.lexists(folder):
        raise RequestError(
            f"there is {folder} already, wanted a new folder for --repair; name another"
        )


def _require_outside(folder: Path, subject: Subject) -> None:
    """Raises RequestError for a folder inside the model's own."""
    model = (subject.folder.parent if subject.is_original else subject.folder).resolve()
    if not subject.is_gguf and model in (folder.absolute().parent.resolve() / folder.name).parents:
        raise RequestError(
            f"{folder} lies inside the model {model}, whose files nothing is put among; name another folder"
        )


def _fill(subject: Subject, mendings: dict[str, Mending], partial: Path) -> str:
    """Put everything into the new folder; how the other files came there."""
    hows = set()
    for path in _files(subject):
        if path.name not in mendings:
            hows.add(_bring(path, partial / path.name))
    for mending in mendings.values():
        (partial / mending.file).write_bytes(mending.data)
    return " and ".join(sorted(hows)) or "nothing"


def _files(subject: Subject) -> Iterator[Path]:
    """The files of the model's folder, and its tokenizer from the folder above where it lies there."""
    with os.scandir(subject.folder) as entries:
        found = sorted(entry.name for entry in itertools.islice(entries, MOST_ENTRIES))
    for name in found:
        # A manifest's hashes are not those of what is mended.
        if not name.startswith(".") and not name.endswith(_LEFT) and name != _MANIFEST:
            path = subject.folder / name
            if path.is_file() and not is_called_pickle(path):
                yield path
    if subject.text_folder != subject.folder:
        for name in (TOKENIZER, TOKENIZER_CONFIG, TEMPLATE):
            if name not in found and (subject.text_folder / name).is_file():
                yield subject.text_folder / name


def _bring(path: Path, place: Path) -> str:
    """Link to a file, or copy it where the disk takes no links."""
    target = path.resolve()
    try:
        place.symlink_to(target)
        return "links"
    except OSError:
        pass
    try:
        os.link(target, place)
        return "hard links"
    except OSError:
        shutil.copyfile(target, place)
        return "copies"
