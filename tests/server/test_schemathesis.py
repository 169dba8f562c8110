"""schemathesis, all of whose checks are on, against a server of its own, with a key and without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.schemathesis_hooks import KEY_VARIABLE
from tests.server.test_run import KEY, serving

ROOT = Path(__file__).parents[2]
CONFIG = "tests/server/schemathesis.toml"


@pytest.mark.slow
@pytest.mark.parametrize("has_key", [False, True], ids=["without a key", "with a key"])
def test_every_check_holds(has_key: bool, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(KEY)
    options = ["--api-key-file", str(keys)] if has_key else []
    header = ["--header", f"Authorization: Bearer {KEY}"] if has_key else []
    log = tmp_path / "log"
    with serving(*options, "--tools", "python", log=log) as (address, process):
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", CONFIG, "run"]
        command += [f"{address}/openapi.json", "--checks", "all", "--max-examples", "25"]
        # A fixed seed, so that what fails once fails again; the schemas' edges are tried in full whatever it is.
        command += ["--seed", "1", *header]
        environment = {**os.environ, KEY_VARIABLE: KEY}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        assert process.poll() is None
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert "Tested: 36" in done.stdout
    assert "Traceback" not in log.read_text()
