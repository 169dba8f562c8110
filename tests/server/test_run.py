"""The program `gptoss serve`, as a process of its own: its start, its end, and what it refuses."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gptoss.server.run import _listen
from gptoss.server.settings import ServerSettings

KEY = "a-key-that-is-long-enough"
LONG = {
    "messages": [{"role": "user", "content": "12345 + 67890"}],
    "reasoning_effort": "high",
    "stream": True,
    # Never ends by itself.
    "response_format": {"type": "regex", "regex": "[a-z]{3000}"},
    "max_tokens": 3500,
}


@contextmanager
def serving(
    *options: str,
    log: Path,
    num_files: int | None = None,
    program: str = "gptoss",
    **variables: str,
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a server that is ready, and its process; which may have so many files open.

    program  the module that is run
    """

    def limit() -> None:
        if num_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (num_files, num_files))

    command = [sys.executable, "-m", program, "serve", "--port", "0", *options]
    environment = {**os.environ, **variables}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, env=environment, preexec_fn=limit)
    try:
        latest = time.monotonic() + 60
        while "is ready" not in log.read_text() and time.monotonic() < latest:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        address = log.read_text().partition("gptoss: ")[2].partition("/v1")[0]
        yield address, process
    finally:
        process.kill()
        process.wait()


def test_a_signal_lets_answers_end(tmp_path: Path) -> None:
    with serving("--drain", "0.2", log=tmp_path / "log") as (address, process):
        events = []
        with httpx.stream("POST", f"{address}/v1/chat/completions", json=LONG, timeout=30) as reply:
            for line in reply.iter_lines():
                if not events:
                    process.send_signal(signal.SIGTERM)
                events += [line] if line.startswith("data: ") else []
        assert events[-1] == "data: [DONE]"
        last = json.loads(events[-2].removeprefix("data: "))
        assert last["choices"][0]["finish_reason"] == "length"
        assert process.wait(timeout=20) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_while_it_drains_nothing_new_is_taken(tmp_path: Path) -> None:
    with (
        serving("--drain", "20", log=tmp_path / "log") as (address, process),
        httpx.stream("POST", f"{address}/v1/chat/completions", json=LONG, timeout=30) as reply,
    ):
        lines = reply.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        while httpx.get(f"{address}/ready", timeout=60).status_code == 200:
            time.sleep(0.02)
        refused = httpx.post(f"{address}/v1/chat/completions", json=LONG, timeout=60)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert httpx.get(f"{address}/health", timeout=60).status_code == 200
        # A second one does not wait.
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        events = [line for line in lines if line.startswith("data: ")]
        assert events[-1] == "data: [DONE]"
        assert process.wait(timeout=20) == 0
        assert time.monotonic() - began < 10
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_options_from_a_file_and_the_environment(tmp_path: Path) -> None:
    keys, config = tmp_path / "keys", tmp_path / "config.toml"
    keys.write_text(f"# the first\n{KEY}\n")
    config.write_text('served-name = ["gpt-oss-20b"]\nlog = "warning"\ncontext = 1024\n')
    variables = {"GPTOSS_API_KEY_FILE": str(keys)}
    with serving("--config", str(config), log=tmp_path / "log", **variables) as (address, _):
        assert httpx.get(f"{address}/v1/models", timeout=60).status_code == 401
        headers = {"Authorization": f"Bearer {KEY}"}
        models = httpx.get(f"{address}/v1/models", headers=headers, timeout=60).json()["data"]
        assert [model["id"] for model in models] == ["nano", "gpt-oss-20b"]
        assert models[0]["max_model_len"] == 1024
        body = {**LONG, "model": "gpt-oss-20b", "stream": False, "max_tokens": 5}
        answer = httpx.post(
            f"{address}/v1/chat/completions", json=body, headers=headers, timeout=60
        )
        assert answer.json()["model"] == "gpt-oss-20b"
        secret = httpx.post(
            f"{address}/v1/chat/completions",
            json=LONG,
            headers={"x-api-key": "no"},
            timeout=60,
        )
        assert secret.status_code == 401
    said = (tmp_path / "log").read_text()
    # Neither keys nor what was asked.
    assert KEY not in said
    assert "12345" not in said


def test_no_part_of_a_reply_waits_for_another() -> None:
    """As it does by default, for 40 ms, until the client acknowledges the part before."""
    with (
        _listen(ServerSettings(port=0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "without an API key"),
        (["--api-key-file", "/nope"], "cannot read the API keys in /nope"),
        (["--config", "/nope"], "cannot read the configuration /nope"),
        (["--model", "/nope"], "there is no model '/nope'"),
        (["--log", "loud"], "got the log level 'loud'"),
        (["--memory", "1M"], "memory"),
        (["--host", "192.0.2.1", "--api-key-file", "KEYS"], "cannot listen on 192.0.2.1"),
    ],
)
def test_what_is_refused(options: list[str], said: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(KEY)
    command = [sys.executable, "-m", "gptoss", "serve", "--port", "0", *options]
    command = [str(keys) if part == "KEYS" else part for part in command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["max-bach = 8", "not toml", "config = 'a'"])
def test_configurations_that_are_none(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    command = [sys.executable, "-m", "gptoss", "serve", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def num_heaps_of_threads(pid: int) -> int:
    """Of a process: glibc's are 64 MiB each at a multiple of that, of which the first part can be used."""
    size = 64 << 20
    parts = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    parts = [(*(int(edge, 16) for edge in part[0].split("-")), part[1]) for part in parts]
    return sum(
        start % size == 0
        and rest_end - start == size
        and (end, rights, rest_rights) == (rest, "rw-p", "---p")
        for (start, end, rights), (rest, rest_end, rest_rights) in itertools.pairwise(parts)
    )


@pytest.mark.skipif(sys.platform != "linux", reason="of the memory of a process on Linux")
def test_threads_have_one_heap(tmp_path: Path) -> None:
    with serving(log=tmp_path / "log") as (address, process):
        body = {**LONG, "stream": False, "max_tokens": 20}
        assert (
            httpx.post(f"{address}/v1/chat/completions", json=body, timeout=60).status_code == 200
        )
        assert num_heaps_of_threads(process.pid) == 0
