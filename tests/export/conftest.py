"""Random models on the disk, in every form that is read, with a tokenizer beside or inside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from gguf import GGMLQuantizationType as Type

from gptoss.export.exporting import Export
from gptoss.export.forms import Form
from gptoss.model.checkpoint import open_checkpoint
from gptoss.tokenizer.tokenizer_json import tokenizer_json
from gptoss.tokenizer.vocabulary import PATTERNS, Vocabulary
from tests.model.gguf_model import DIALECTS, write_gguf
from tests.model.random_model import LAYOUTS, SMALL, RandomModel

SPECIALS = ("startoftext", "endoftext", "return", "start", "end", "message", "channel", "call")
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
LICENCE = "Apache License, Version 2.0\n"

# The stop ids of the tokenizer below, in the order of the published ones.
STOP_IDS = (260, 259, 265)


def vocabulary() -> Vocabulary:
    """256 bytes, two merges and the special tokens that give a conversation its structure."""
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256, b"abc": 257}
    specials = {f"<|{name}|>": 258 + at for at, name in enumerate(SPECIALS)}
    return Vocabulary(ranks, specials, PATTERNS[0])


@pytest.fixture(scope="session")
def model() -> RandomModel:
    """Two layers, with some rows more than the tokenizer has ids.

    The largest magnitude of each block is 6, as rounding by the format's rule makes it 4 or 6: otherwise several blocks
    have the same values.
    """
    made = RandomModel.of(replace(SMALL, vocab_size=300), 5)
    for (part, _), values in made.tensors.items():
        if part.endswith(".blocks"):
            values[..., 0] |= 7
    return made


Sources = Callable[[str], Path]
SOURCES = (*LAYOUTS, *DIALECTS)


@pytest.fixture(scope="session")
def source(model: RandomModel, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The model's folder or file, in one of SOURCES; made once."""
    made: dict[str, Path] = {}
    root = tmp_path_factory.mktemp("sources")

    def give(name: str) -> Path:
        if name not in made:
            folder = root / str(len(made))
            if name in LAYOUTS:
                made[name] = model.write(folder, LAYOUTS[name])
            else:
                folder.mkdir()
                made[name] = write_gguf(model, folder / "model.gguf", DIALECTS[name])
            write_text_files(folder)
        return made[name]

    return give


@pytest.fixture
def rounded(model: RandomModel, tmp_path: Path) -> Path:
    """A GGUF file whose matrices are Q8_0."""
    folder = tmp_path / "rounded"
    folder.mkdir()
    write_text_files(folder)
    return write_gguf(model, folder / "model.gguf", kind=Type.Q8_0)


def write_text_files(folder: Path) -> None:
    (folder / "tokenizer.json").write_bytes(tokenizer_json(vocabulary()))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|return|>"}))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    (folder / "LICENSE").write_text(LICENCE)


def exported(path: Path, out: Path, form: str) -> Path:
    """The model at a path in a form; returns where it is."""
    Export.plan("model", open_checkpoint(path), out, Form.of(form, out)).write()
    return out


def out_for(folder: Path, form: str) -> Path:
    """A name that the form takes."""
    return folder / f"{form}.gguf" if form == "gguf" else folder / form


def content(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of all files of a folder, by name."""
    paths = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return {str(each.relative_to(path.parent)): each.read_bytes() for each in paths}
