"""OpenAI's compatibility test for servers of GPT-OSS, a Node program, if it is there.

    COMPATIBILITY_TEST=DIR pytest -m slow tests/server/test_compatibility.py

DIR is `compatibility-test` of openai/gpt-oss after `npm install` and `npm install tsx`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import gptoss
from gptoss.kernels import Float32
from tests.server.conftest import MakeServer

DIRECTORY = os.environ.get("COMPATIBILITY_TEST")
PROVIDERS = """
export const PROVIDERS: any = {
  gptoss: {
    apiBaseUrl: "%s/v1", apiKey: "none", apiType: ["responses", "chat"], modelName: "nano", providerDetails: {},
  },
};
"""


@pytest.mark.slow
@pytest.mark.skipif(DIRECTORY is None, reason="COMPATIBILITY_TEST names no folder")
def test_no_reply_is_invalid(make_server: MakeServer, tmp_path: Path) -> None:
    """nano, made to begin each turn with some thought, which the test wants to see."""
    assert DIRECTORY is not None
    with gptoss.load("nano") as model:
        special, encode = model.tokenizer.special_id, model.tokenizer.encode
        channel, start = special("<|channel|>"), special("<|start|>")
        user, analysis = encode("user")[0], encode("analysis")[0]

        def think(token_ids: Sequence[int], logits: Float32) -> Float32:
            ids = list(token_ids)
            if ids[-1] == channel:
                last = max(n for n in range(len(ids) - 1) if ids[n : n + 2] == [start, user])
                if analysis not in ids[last:]:
                    logits[analysis] += 200
            return logits

        model.__dict__["_processors"] = (*model._processors, think)
        server = make_server(model=model)
        folder = tmp_path / "compatibility-test"
        shutil.copytree(DIRECTORY, folder, symlinks=True)
        (folder / "providers.ts").write_text(PROVIDERS % server.url)
        command = ["npx", "tsx", "index.ts", "--provider", "gptoss", "-k", "3"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "Total runs: 180" in done.stdout, done.stdout[-2000:]
    assert "Invalid Responses API responses: 0 (out of 90)" in done.stdout
    assert "Invalid Chat Completions API responses: 0 (out of 90)" in done.stdout
