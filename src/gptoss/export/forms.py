"""The forms in which a model is written."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from gptoss.errors import OutputError, listed, shown
from gptoss.files.gguf import SUFFIX
from gptoss.files.gguf_parts import is_part_name


class Form(StrEnum):
    """What OUT becomes, by the name that `--as` takes."""

    MXFP4 = "mxfp4"
    BF16 = "bf16"
    ORIGINAL = "original"
    GGUF = "gguf"

    @classmethod
    def of(cls, name: str | None, out: Path) -> Form:
        """The form of that name; of none, the one that the name of `out` is for.

        Raises OutputError for an unknown name, or one that `out` does not fit.
        """
        is_file = out.suffix == SUFFIX
        if name is None:
            form = cls.GGUF if is_file else cls.MXFP4
        elif name in list(cls):
            form = cls(name)
        else:
            raise OutputError(f"got the form {shown(name)}, wanted one of {listed(cls)}")
        if (form is cls.GGUF) != is_file:
            wanted = f"a file that ends in {SUFFIX}" if form is cls.GGUF else "the name of a folder"
            raise OutputError(f"cannot write {out} as {form}: wanted {wanted}")
        if is_file and is_part_name(out.name):
            raise OutputError(
                f"cannot write {out}: its name is that of a part of a model, wanted another for all of it"
            )
        return form
