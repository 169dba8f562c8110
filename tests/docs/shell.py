"""A shell in which a page's blocks run as a reader would run them, with `gptoss` on the path."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# A server goes on beside what follows, on a port of its own: pages name the default one, which others may have. What is
# not marked is run, so that a block of gigabytes or of downloads must fail and not fill the disk.
PRELUDE = """
set -eo pipefail
ulimit -f 200000
gptoss() {
    if [[ $1 != serve ]]; then
        command gptoss "$@"
        return
    fi
    [[ -z ${SERVER-} ]] || { kill -9 "$SERVER"; wait "$SERVER"; } 2> /dev/null || true
    : > "$LOG"
    command gptoss "$@" --port 0 > "$LOG" 2>&1 &
    SERVER=$!
    until grep -q 'is ready' "$LOG"; do
        kill -0 "$SERVER" || { cat "$LOG"; return 1; }
        sleep 0.05
    done
    ADDRESS=$(sed -n '1s|^gptoss: http://\\(.*\\)/v1 .*|\\1|p' "$LOG")
}
curl() {
    command curl --silent --show-error --fail-with-body "${@//127.0.0.1:8000/$ADDRESS}"
}
"""
# Of a block. The slowest loads a model.
TIMEOUT_S = 120


class Shell:
    """One for all blocks of a page: what one of them exports, writes or starts is there for the next."""

    def __init__(self, process: subprocess.Popen[str], beside: Path) -> None:
        self._process = process
        self._beside = beside
        self._tell(PRELUDE)

    def run(self, code: str) -> str:
        """What a block prints, on both streams. Fails if one of its commands does."""
        script, out = self._beside / "block.sh", self._beside / "out"
        script.write_text(code, "utf-8")
        ends = threading.Timer(TIMEOUT_S, os.killpg, (self._process.pid, signal.SIGKILL))
        ends.start()
        try:
            # A block whose command fails ends the shell, and nothing comes back.
            self._tell(f". {script} < /dev/null > {out} 2>&1; echo done\n")
            ended = self._process.stdout.readline()  # type: ignore[union-attr]
        finally:
            ends.cancel()
        printed = out.read_text("utf-8")
        assert ended == "done\n", f"a command failed, or took {TIMEOUT_S} s:\n{code}\n{printed}"
        return printed

    def _tell(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()


@contextmanager
def shell(folder: Path, beside: Path, variables: Mapping[str, str]) -> Iterator[Shell]:
    """A shell in that folder. What it needs for itself lies beside; all that it has started ends with it."""
    programs = Path(sys.executable).parent
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GPTOSS_")},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(beside),
        "LOG": str(beside / "log"),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        **variables,
    }
    process = subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Shell(process, beside)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
