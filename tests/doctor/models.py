"""A small model that nothing is wrong with, and what a doctor finds wrong with a changed one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typer.main import get_command

from gptoss import nano
from gptoss.cli.main import app
from gptoss.hub.listing import HubFile, Listing
from gptoss.hub.manifest import NAME as MANIFEST
from gptoss.hub.manifest import write_manifest
from gptoss.model.config_writer import write_config
from gptoss.model.layouts import PACKED
from gptoss.model.safetensors_writer import write_arrays
from gptoss.runtime.doctor import Examination, Finding, Level
from tests.model.random_model import SMALL, RandomModel

TEMPLATE = Path(__file__).parents[1] / "golden" / "harmony" / "chat_template.jinja"
# Of nano's vocabulary: the end of an answer, of a text, of a call.
ENDS = (1017, 1016, 1023)
CONFIG = dataclasses.replace(SMALL, vocab_size=1024, eos_token_ids=ENDS)
SHARDS = ("model-00000-of-00001.safetensors", "model-00001-of-00001.safetensors")
INDEX = "model.safetensors.index.json"
COMMAND = re.compile(r"`([^`]+)`")
Arrays = dict[str, tuple[str, NDArray[Any]]]


def make_model(folder: Path, tensors: Callable[[Arrays], object] = lambda _: None) -> Path:
    """A random model in two files with an index, and nano's tokenizer; `tensors` may change its arrays before."""
    folder.mkdir(parents=True)
    write_config(folder, CONFIG)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(nano.checkpoint_path() / name, folder / name)
    shutil.copyfile(TEMPLATE, folder / "chat_template.jinja")
    arrays = RandomModel.of(CONFIG, 0).named(PACKED)
    tensors(arrays)
    names = list(arrays)
    parts = (names[: len(names) // 2], names[len(names) // 2 :])
    for shard, part in zip(SHARDS, parts, strict=True):
        write_arrays(folder / shard, {name: arrays[name] for name in part})
    size = sum(array.nbytes for _, array in arrays.values())
    weight_map = {name: shard for shard, part in zip(SHARDS, parts, strict=True) for name in part}
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / INDEX).write_text(json.dumps(index))
    return folder


def publish(folder: Path) -> None:
    """Write a mirror's manifest of the files as they are now."""
    files = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        is_large = path.suffix == ".safetensors"
        files.append(HubFile(path.name, len(data), sha256 if is_large else git, sha256))
    listing = Listing("someone/small", "main", "1" * 40, tuple(files))
    (folder / MANIFEST).write_bytes(write_manifest(listing))


def change(path: Path, **fields: object) -> None:
    """Change fields of a JSON file; None takes one out."""
    data = json.loads(path.read_text("utf-8")) | fields
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def found_in(model: Path, **options: Any) -> list[Finding]:
    """All findings about a model, without the machine's; none of them may be a failure of the doctor's own."""
    findings = list(Examination(model, **options).of_model())
    for finding in findings:
        require_commands(finding)
        assert "failed by itself" not in finding.said, finding
        assert "\n" not in finding.said + finding.remedy
        assert finding.said
    return findings


def require_commands(finding: Finding) -> None:
    """Every command that a finding names is one, with these options."""
    for words in map(shlex.split, COMMAND.findall(finding.remedy)):
        if words[0] != "gptoss":
            assert words[:2] in (["hf", "cache"], ["unset", words[1]]), words
            continue
        command = get_command(app).commands[words[1]]  # type: ignore[attr-defined]
        rest = words[2:]
        if hasattr(command, "commands") and rest:
            command, rest = command.commands[words[2]], words[3:]
        if hasattr(command, "commands"):
            # `gptoss models` by itself lists them.
            assert command.invoke_without_command
            continue
        # Parsed as a shell would hand it over, without running anything.
        command.make_context(words[1], rest)


def wrong_with(model: Path, **options: Any) -> list[Finding]:
    """What is not right; that nothing is known of a folder's hashes counts as right."""
    return [
        each
        for each in found_in(model, **options)
        if each.level is not Level.OK and not each.said.startswith("not compared for")
    ]


def one_wrong(model: Path, **options: Any) -> Finding:
    """The only thing that is not right."""
    (finding,) = wrong_with(model, **options)
    return finding


def poisoned(name: str, value: int) -> Callable[[Arrays], None]:
    """Puts a value, as its bits, into a tensor."""

    def change_it(arrays: Arrays) -> None:
        kind, array = arrays[name]
        changed = np.array(array)
        changed.reshape(-1)[1] = value
        arrays[name] = (kind, changed)

    return change_it
