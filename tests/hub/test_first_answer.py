"""The path of a new user: two commands from a bare machine to an answer, as the guide on models shows them."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss.model.config import alternating_layers
from gptoss.model.layouts import PACKED
from tests import o200k
from tests.hub.conftest import model_files
from tests.hub.standin import StandIn
from tests.model.random_model import SMALL, RandomModel

GUIDE = Path(__file__).parents[2] / "docs" / "models.md"
BLOCK = re.compile(r"<!-- run by tests/hub/test_first_answer.py -->\n```\n(.*?)```\n", re.DOTALL)
COMMAND = re.compile(r"^\$ gptoss (.*)$", re.MULTILINE)
# What differs from machine to machine, and what a model of random weights says.
VARIES = [
    (r"\d[\d.]* GB free", "52.3 GB free"),
    (r"int8, \w+, \d+ threads", "int8, avx2, 8 threads"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small random model in the released layout, with the released vocabulary."""
    config = dataclasses.replace(
        SMALL,
        vocab_size=o200k.VOCAB_SIZE,
        layer_types=alternating_layers(2),
        eos_token_ids=(200002, 199999, 200012),
    )
    folder = RandomModel.of(config, 0).write(tmp_path_factory.mktemp("model"), PACKED)
    beside = {name: data for name, data in model_files().items() if "model" not in name}
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    return beside | written | {"tokenizer.json": o200k.tokenizer_json()}


def run(line: str, environment: dict[str, str]) -> tuple[str, str]:
    """What a line of the guide says, on both streams."""
    command = f"{sys.executable} -m gptoss {line}"
    done = subprocess.run(
        command,
        shell=True,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_two_commands(files: dict[str, bytes], home: Path, tmp_path: Path) -> None:
    shown = BLOCK.search(GUIDE.read_text("utf-8"))
    assert shown is not None
    pull, chat = COMMAND.findall(shown[1])
    environment = {**os.environ, "HOME": str(tmp_path), "GPTOSS_MODEL": "", "COLUMNS": "100"}
    with StandIn(files) as hub:
        folder, told = run(pull, environment | {"HF_ENDPOINT": hub.url})
        assert (Path(folder.strip()) / "model.safetensors").read_bytes() == files[
            "model.safetensors"
        ]
        num_requests = len(hub.requests)
        # Only seconds of noise: what it says is not looked at, but that it answers.
        answer, said = run(f"{chat} --max-tokens 24 --reasoning-tokens 2", environment)
        assert len(hub.requests) == num_requests
    assert answer.strip()
    said = said.replace("(cut off: no more tokens; see --max-tokens and --context)\n", "")
    found = f"$ gptoss {pull}\n{told}{folder}$ gptoss {chat}\n{said}"
    for pattern, same in VARIES:
        found = re.sub(pattern, same, found)
    found = found.replace(str(home), "/home/you/.cache/huggingface/hub")
    assert shown[1].startswith(found), f"the guide should begin with:\n{found}"
