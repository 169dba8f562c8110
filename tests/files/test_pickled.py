"""Nothing of a model is executed: pickles are refused by name and by content, and code beside weights is not run."""

from __future__ import annotations

import ast
import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gptoss.errors import CheckpointError
from gptoss.files.gguf import GgufFile
from gptoss.model.checkpoint import open_checkpoint
from gptoss.model.layouts import PACKED
from gptoss.model.safetensors import SafetensorsFile
from tests.model.random_model import SMALL, RandomModel

SOURCES = Path(__file__).parents[2] / "src" / "gptoss"
SANDBOX = SOURCES / "tools" / "sandbox"
MODEL = RandomModel.of(SMALL, 0)


class Runs:
    """Makes a file when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.marker),)


def pickled(marker: Path, protocol: int) -> bytes:
    return pickle.dumps([Runs(marker), "x" * 100], protocol)


def zipped(marker: Path) -> bytes:
    """As torch.save writes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(marker, 2))
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "ran"
    yield path
    assert not path.exists()


CONTENTS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    **{
        f"protocol {number}": (lambda path, number=number: pickled(path, number), "a pickle file")  # type: ignore[misc]
        for number in (2, 3, 4, 5)
    },
    "archive": (zipped, "an archive of pickle files"),
}


@pytest.mark.parametrize("kind", CONTENTS)
class TestByContent:
    def test_renamed_to_safetensors(self, kind: str, marker: Path, tmp_path: Path) -> None:
        make, said = CONTENTS[kind]
        folder = MODEL.write(tmp_path / "model", PACKED)
        path = folder / "model.safetensors"
        path.write_bytes(make(marker))
        for read in (lambda: SafetensorsFile(path), lambda: open_checkpoint(folder)):
            with pytest.raises(CheckpointError, match=said):
                read()

    @pytest.mark.parametrize("name", ["model.gguf", "sha256-0123", "model.safetensors"])
    def test_given_as_a_file(self, kind: str, name: str, marker: Path, tmp_path: Path) -> None:
        make, said = CONTENTS[kind]
        path = tmp_path / name
        path.write_bytes(make(marker))
        with pytest.raises(CheckpointError, match=said):
            open_checkpoint(path)
        with pytest.raises(CheckpointError, match=said):
            GgufFile(path)


@pytest.mark.parametrize(
    "name",
    ["x.bin", "x.pt", "x.pth", "x.ckpt", "x.pkl", "x.pickle", "X.BIN", "consolidated.00.pth"],
)
def test_by_name(name: str, marker: Path, tmp_path: Path) -> None:
    """Whatever is in it, by itself or in a folder."""
    (tmp_path / "config.json").write_text("{}")
    for content in (pickled(marker, 5), b""):
        (tmp_path / name).write_bytes(content)
        for path in (tmp_path, tmp_path / name):
            with pytest.raises(CheckpointError, match=r"is a pickle file.*wanted safetensors"):
                open_checkpoint(path)


def test_a_length_that_looks_like_one(tmp_path: Path) -> None:
    """A header of 0x280 bytes begins with the same two as a pickle."""
    text = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.ljust(0x280)
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\1")
    assert path.read_bytes()[:2] == b"\x80\x02"
    assert SafetensorsFile(path).read("a") == [1]


CODE = "import os; os.mkdir({!r})\n"
TEMPLATE = "{{{{ cycler.__init__.__globals__.os.mkdir({!r}) }}}}"
LOAD = """
import sys, gptoss
with gptoss.load(sys.argv[1], threads=1) as model:
    gptoss.Chat(model, max_tokens=2).send("hello")
    assert not {"jinja2", "torch", "transformers"} & set(sys.modules), sorted(sys.modules)
    assert not [name for name in sys.modules if "modeling_" in name or "transformers_modules" in name]
"""


def test_code_beside_the_weights_is_not_run(
    tiny_directory: Path, marker: Path, tmp_path: Path
) -> None:
    """Neither modules that a configuration names, nor templates."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in tiny_directory.iterdir():
        (folder / path.name).symlink_to(path)
    config = json.loads((folder / "config.json").read_text())
    maps = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(
        json.dumps(config | {"auto_map": maps, "trust_remote_code": True})
    )
    for name in ("evil", "modeling_gpt_oss", "__init__", "sitecustomize", "conftest", "numpy"):
        (folder / f"{name}.py").write_text(CODE.format(str(marker)))
    template = TEMPLATE.format(str(marker))
    (folder / "chat_template.jinja").write_text(template)
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    said = {"chat_template": template, "auto_map": maps, "tokenizer_class": "evil.Tokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    subprocess.run([sys.executable, "-c", LOAD, str(folder)], check=True, timeout=120)


# Sent into the sandbox as text, and never imported by whoever reads.
_INSIDE = (SANDBOX / "inside", SOURCES / "evals" / "code" / "inside")


def test_nothing_here_can_execute_what_it_reads() -> None:
    """No module that makes code of bytes is imported, and nothing is called that does, outside of the sandbox.

    What runs inside of it is made by `bundle`, which only writes such bytes.
    """
    modules = {"pickle", "marshal", "shelve", "dill", "joblib", "runpy", "code", "jinja2", "yaml"}
    found = [
        f"{path}:{node.lineno}"
        for path in SOURCES.rglob("*.py")
        if path != SANDBOX / "bundle.py" and path.parent not in _INSIDE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.stmt | ast.expr) and _executes(node, modules)
    ]
    assert found == []


def _executes(node: ast.AST, modules: set[str]) -> bool:
    match node:
        case ast.Import(names=names):
            return any(alias.name.partition(".")[0] in modules for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            return module.partition(".")[0] in modules
        case ast.Call(func=ast.Name(id="eval" | "exec" | "compile" | "__import__")):
            return True
        case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="np"))):
            return True
        case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="torch")), keywords=words):
            # The trainer reads its own state so.
            return not any(
                w.arg == "weights_only" and ast.unparse(w.value) == "True" for w in words
            )
        case ast.Call(keywords=keywords):
            return any(word.arg == "allow_pickle" for word in keywords)
    return False
