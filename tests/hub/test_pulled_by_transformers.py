"""A pulled model is one for transformers as well, by its name and without the hub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gptoss import nano
from tests.hub.conftest import Pull, facts
from tests.hub.standin import REPO, StandIn

CODE = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
ids = tokenizer("12 + 34", return_tensors="pt")
print(model(**ids).logits.shape[-1], model.config.num_hidden_layers)
"""


@pytest.mark.torch
@pytest.mark.thorough
def test_transformers_opens_it_by_its_name(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.files = {path.name: path.read_bytes() for path in nano.checkpoint_path().iterdir()}
    facts(pull("--json"))
    hub.requests.clear()
    # The endpoint is still there: it would be seen if it were asked.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_ENDPOINT": hub.url}
    done = subprocess.run(
        [sys.executable, "-c", CODE, REPO],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    vocabulary, layers = map(int, done.stdout.split())
    assert (vocabulary > 200, layers) == (True, 5)
    assert hub.requests == []
