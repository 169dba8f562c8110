"""Writes an opened checkpoint in another form: whole or not at all, and never in the place of anything."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gptoss.errors import CheckpointError, OutputError, listed
from gptoss.export.folder import Folder
from gptoss.export.forms import Form
from gptoss.export.gguf_file import GgufOut
from gptoss.export.parts import Parts, Values
from gptoss.export.text_files import TextFiles, read_text_files
from gptoss.files.room import require_room
from gptoss.files.whole import whole_folder
from gptoss.model.checkpoint import Checkpoint
from gptoss.model.checkpoint_files import ORIGINAL_FOLDER
from gptoss.model.safetensors_writer import cannot_write
from gptoss.tokenizer import Tokenizer

# What was read is given back to the system after so many bytes: a whole model would seem to be in memory.
_RELEASED = 1 << 28
# For the small files that are made last, and what a file system takes for itself.
_SURPLUS = 8 << 20


@dataclass(frozen=True)
class Export:
    """What will be written where; `notes` say what will not be as it is in the source."""

    checkpoint: Checkpoint
    out: Path
    form: Form
    planned: Folder | GgufOut
    notes: tuple[str, ...]

    @classmethod
    def plan(cls, name: str, checkpoint: Checkpoint, out: Path, form: Form) -> Export:
        """The export of a model of that name. Nothing is written.

        Raises OutputError for a place that is taken or has no room, TokenizerError for a model without a tokenizer,
        ConfigError for one that the form cannot say.
        """
        # Without the links that lead there, but not through one that it is itself.
        out = out.absolute()
        try:
            out = out.parent.resolve() / out.name
            _require_free(out, checkpoint)
        except OSError as error:
            raise cannot_write(out, error) from None
        text = read_text_files(checkpoint)
        Tokenizer(text.vocabulary).check_fits(checkpoint.config.vocab_size)
        known = checkpoint.config.eos_token_ids
        config = replace(checkpoint.config, eos_token_ids=text.stop_ids(known))
        parts = Parts(config, checkpoint.weights)
        planned: Folder | GgufOut
        if form is Form.GGUF:
            planned = GgufOut.plan(name, config, parts, text)
        else:
            planned = Folder.plan(form, config, parts, text)
        try:
            require_room(out, planned.num_bytes + _SURPLUS)
        except OSError as error:
            raise cannot_write(out, error) from None
        return cls(
            checkpoint,
            out,
            form,
            planned,
            tuple(_notes(checkpoint, config.eos_token_ids, parts, text)),
        )

    @property
    def num_bytes(self) -> int:
        """What `write` tells of in all."""
        return self.planned.tensor_bytes

    def write(self, advance: Callable[[int], object] = lambda _: None) -> None:
        """Write it; `advance` hears of bytes written.

        Raises OutputError when it cannot be written, CheckpointError for weights that the form cannot say, or that
        change meanwhile.
        """
        values = self._told(self.planned.values, advance)
        try:
            self.out.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(self.planned, GgufOut):
                self.planned.write(self.out, values)
            else:
                with whole_folder(self.out) as partial:
                    self.planned.write(partial, values)
        except OSError as error:
            raise cannot_write(self.out, error) from None

    def _told(self, values: Values, advance: Callable[[int], object]) -> Values:
        """The same values, each piece told of once it is written."""
        unreleased = 0

        def told(tensor: Any) -> Iterator[NDArray[Any]]:
            nonlocal unreleased
            for piece in values(tensor):
                yield piece
                advance(piece.nbytes)
                unreleased += piece.nbytes
                if unreleased >= _RELEASED:
                    unreleased = 0
                    for file in self.checkpoint.files:
                        file.release()
            # The last tensor is told of before anything appears under its name.
            self._require_unchanged()

        return told

    def _require_unchanged(self) -> None:
        """Raises CheckpointError for a source of which one part may be of before and one of after."""
        for file in self.checkpoint.files:
            if file.has_changed():
                raise CheckpointError(
                    f"{file.path} was written to while it was read; export it again when nothing writes to it"
                )


def _require_free(out: Path, checkpoint: Checkpoint) -> None:
    """Raises OutputError where something is in the place of OUT, or OUT would be taken for a part of the model."""
    is_empty_folder = out.is_dir() and not out.is_symlink() and not any(out.iterdir())
    if os.path.lexists(out) and not is_empty_folder:
        raise OutputError(
            f"{out} is there already; choose a new name, so that nothing is overwritten"
        )
    if is_empty_folder and (out.is_mount() or out.samefile(Path.cwd())):
        raise OutputError(
            f"{out} is where a disk is mounted, or the folder that this runs in, whose place nothing can take; name a "
            "new folder inside it"
        )
    model = checkpoint.location
    if model.name == ORIGINAL_FOLDER:
        model = model.parent
    if model.is_dir() and model in out.parents:
        raise OutputError(
            f"{out} lies inside the model {model}, whose files nothing is put among; choose another folder"
        )


def _notes(
    checkpoint: Checkpoint, stop_ids: tuple[int, ...], parts: Parts, text: TextFiles
) -> Iterator[str]:
    encodings = parts.encodings()
    if encodings:
        yield (
            f"matrices that are {listed(encodings)} in the source are decoded and rounded to bfloat16"
        )
    known = checkpoint.config.eos_token_ids
    missing = [str(token_id) for token_id in stop_ids if token_id not in known]
    if known and missing:
        yield f"the source does not say that the tokens {listed(missing)} end a turn; it is written"
    if text.template is None:
        yield "the source has no chat template, and none is written"
