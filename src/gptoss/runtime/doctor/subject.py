"""The model that is looked at: what it is called, where its files lie, and how they are got again."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptoss.errors import CheckpointError
from gptoss.files.gguf import SUFFIX, is_gguf
from gptoss.files.json_text import read_object
from gptoss.hub.cache import MAIN, find_snapshot, repo_of_snapshot
from gptoss.hub.released import short_name
from gptoss.model.checkpoint_files import ORIGINAL_FOLDER, locate
from gptoss.runtime.locating import locate_model

CONFIG, GENERATION = "config.json", "generation_config.json"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
# Of a small JSON file of a checkpoint; a chat template may stand in one.
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Subject:
    """A model on this machine.

    name    what it is called
    option  as `--model` takes it
    path    its folder, or GGUF file
    folder  where the files of its weights lie: `path`, `original/` inside it, or the folder of the GGUF file
    """

    name: str
    option: str
    path: Path
    folder: Path
    is_gguf: bool

    @property
    def is_original(self) -> bool:
        """Whether it is the folder `original/` of a published model."""
        return self.folder.name == ORIGINAL_FOLDER

    @property
    def _top(self) -> Path:
        """The whole model's folder."""
        return self.folder.parent if self.is_original else self.folder

    @property
    def text_folder(self) -> Path:
        """Where its tokenizer and what belongs to that lie: above an `original/` folder."""
        if self.is_original and not os.path.lexists(self.folder / TOKENIZER):
            return self.folder.resolve().parent
        return self.folder

    @property
    def command_option(self) -> str:
        """The option of a command line that names it."""
        return f"--model {shlex.quote(self.option)}"

    def repair_command(self) -> str:
        """The command that mends it into a new folder, as a message quotes it."""
        return f"`gptoss doctor {shlex.quote(self.option)} --repair DIR`"

    def pull_command(self) -> str | None:
        """The command that fetches what is missing of it; None for what did not come from the hub."""
        repo = repo_of_snapshot(self._top)
        if repo is None:
            return None
        words = ["gptoss pull", short_name(repo)]
        if find_snapshot(repo, MAIN) != self._top:
            words += ["--revision", self._top.name]
        return " ".join([*words, *(["--original"] if self.is_original else [])])

    def got_again(self, path: Path | None = None) -> str:
        """How to get a file again, that at `path` in place of a damaged one."""
        command = self.pull_command()
        if command is None:
            return "get it again from where the model came from"
        if path is None or not path.is_file():
            return f"`{command}` fetches it"
        # What has the right size counts as here. A link may lead to a file that is nobody's to delete.
        target = path.resolve()
        is_blob = target.parent == (self._top.parents[1] / "blobs").resolve()
        return f"delete {target if is_blob else path.absolute()}, then `{command}`"

    def read_json(self, name: str) -> dict[str, Any] | None:
        """A small JSON file of it; None where there is none, or none that can be read."""
        folder = self.text_folder if name == TOKENIZER_CONFIG else self.folder
        try:
            return read_object(folder / name, most_bytes=_MOST_BYTES)
        except (OSError, ValueError):
            return None


def find_subject(model: str | Path | None) -> Subject:
    """The model of that name or path; None: the one that commands take without one.

    Raises CheckpointError where there is none, or its folder has no weights in a form that is read.
    """
    name, path = locate_model(model)
    option = str(path if model is None else model)
    try:
        if not path.is_dir() and (path.suffix == SUFFIX or (path.is_file() and is_gguf(path))):
            return Subject(name, option, path, path.parent, True)
        return Subject(name, option, path, locate(path), False)
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror or error}; wanted the folder of a checkpoint, or a GGUF file"
        ) from None
