"""What goes wrong on the way, on demand: nothing half-written or wrong is ever taken for a model."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from gptoss.hub import store
from gptoss.hub.cache import find_snapshot
from tests.hub.conftest import Pull, facts, refusal
from tests.hub.standin import COMMIT, REPO, StandIn, sha256
from tests.hub.test_pull import WANTED, files_of, snapshot_of

LARGE = "model-00000-of-00001.safetensors"


def assert_whole(hub: StandIn, home: Path) -> None:
    found = files_of(snapshot_of(home))
    assert {name: sha256(data) for name, data in found.items()} == {
        name: sha256(hub.files[name]) for name in WANTED
    }
    assert left(home) == []


def assert_nothing(home: Path) -> None:
    """No model, and no blob that is not what its name says."""
    assert find_snapshot(REPO) is None
    assert not snapshot_of(home).exists()
    for path in (home / "models--openai--gpt-oss-20b" / "blobs").glob("?" * 64):
        assert sha256(path.read_bytes()) == path.name


def left(home: Path) -> list[Path]:
    """What is under way."""
    return sorted((home / "models--openai--gpt-oss-20b" / "blobs").glob("*.incomplete"))


def bytes_left(home: Path) -> list[int]:
    """The sizes of what is under way, while it is."""
    sizes = []
    for path in left(home):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return sizes


def test_cut_ten_times_within_a_run(hub: StandIn, home: Path, pull: Pull) -> None:
    cuts = random.Random(1)
    hub.cuts = [cuts.randrange(1, 60_000) for _ in range(10)]
    facts(pull("--json"))
    assert hub.cuts == []
    assert_whole(hub, home)
    # Each byte once: every request goes on where the one before ended.
    begins = [request.begins for request in hub.asked(LARGE)]
    assert begins == sorted(set(begins))


def test_cut_ten_times_between_runs(
    hub: StandIn, home: Path, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The program gives up at once, as if it had been ended.
    monkeypatch.setattr(store, "MOST_TRIES", 0)
    cuts = random.Random(2)
    for _ in range(10):
        # The first may be at the end of a file, and do nothing.
        hub.cuts = [cuts.randrange(1, 40_000) for _ in range(3)]
        assert "run the command again" in refusal(pull())
        assert_nothing(home)
        assert len(left(home)) == 1
    hub.cuts = []
    facts(pull("--json"))
    assert_whole(hub, home)
    # Each run but the first goes on where the one before was cut.
    assert sum(request.begins > 0 for request in hub.requests) == 10


def test_a_hub_that_knows_no_ranges(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.has_ranges = False
    hub.cuts = [10_000, 20_000, 30_000]
    facts(pull("--json"))
    assert_whole(hub, home)


def test_a_hub_that_never_goes_on(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.cuts = [0] * 100
    assert "was cut at 0 of 55,920 bytes" in refusal(pull())
    assert len(hub.asked("tokenizer.json")) == store.MOST_TRIES
    assert_nothing(home)


def test_a_killed_program(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.gate, hub.before_gate = threading.Event(), 20_000
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    running = subprocess.Popen(
        [sys.executable, "-m", "gptoss", "pull"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while bytes_left(home) != [20_000]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        running.kill()
        running.wait(10)
        hub.gate.set()
    assert running.returncode == -signal.SIGKILL
    assert_nothing(home)
    assert len(left(home)) == 1
    facts(pull("--json"))
    assert_whole(hub, home)
    assert [request.begins for request in hub.asked("tokenizer.json")] == [0, 20_000]


def test_two_pulls_at_once(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.gate = threading.Event()
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    command = [sys.executable, "-m", "gptoss", "pull"]
    logs = [home.parent / "log0", home.parent / "log1"]
    home.parent.mkdir()
    with logs[0].open("wb") as log0, logs[1].open("wb") as log1:
        both = [
            subprocess.Popen(command, env=environment, stderr=log, stdout=subprocess.PIPE)
            for log in (log0, log1)
        ]
    try:
        # One waits for the first large file, the other for the one.
        deadline = time.monotonic() + 60
        while not any("another program" in log.read_text() for log in logs):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        hub.gate.set()
        said = [process.communicate(timeout=60)[0] for process in both]
    finally:
        hub.gate.set()
        for process in both:
            process.kill()
            process.communicate()
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1]
    assert_whole(hub, home)
    assert hub.counts()[LARGE] == 1


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("change", [-7, 7])
def test_wrong_lengths(hub: StandIn, home: Path, pull: Pull, change: int, chunked: bool) -> None:
    """A file of another length than the listing says, with and without a Content-Length that tells."""
    data = hub.files[LARGE]
    hub.instead[LARGE] = [data[:change] if change < 0 else data + bytes(change)] * 50
    hub.chunked = chunked
    said = refusal(pull())
    assert LARGE in said
    assert_nothing(home)
    hub.instead.clear()
    facts(pull("--json"))
    assert_whole(hub, home)


def test_a_length_that_is_not_kept(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.length_error = 5
    assert "bytes, wanted" in refusal(pull())
    assert_nothing(home)


def test_wrong_bytes(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.instead[LARGE] = [bytes(len(hub.files[LARGE]))]
    assert f"wanted {sha256(hub.files[LARGE])}" in refusal(pull())
    assert_nothing(home)
    assert left(home) == []


def test_a_small_file_is_checked_as_well(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.instead["LICENSE"] = [b"apache"]
    assert "LICENSE is not what was promised" in refusal(pull())
    assert_nothing(home)


def test_a_file_that_changes_between_its_parts(hub: StandIn, home: Path, pull: Pull) -> None:
    other = bytes(len(hub.files[LARGE]))
    hub.instead[LARGE] = [other]
    # The tokenizer and the smaller shard come before it.
    hub.cuts = [1 << 30, 1 << 30, 250_000]
    facts(pull("--json"))
    assert_whole(hub, home)
    assert [request.begins for request in hub.asked(LARGE)] == [0, 250_000, 0]


def test_packed_bytes_are_not_unpacked(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.files[LARGE] = bytes(50_000_000)
    hub.packed = True
    assert "packed ('gzip')" in refusal(pull())
    assert_nothing(home)


def test_a_packed_listing_is_not_unpacked(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.refusals = [("/api/", 200, {"Content-Encoding": "gzip"})]
    assert "packed ('gzip')" in refusal(pull())


def test_a_listing_without_end(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.listing = b" " * (17 << 20)
    assert "more than 16,777,216 bytes" in refusal(pull())


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        (b"[]", "wanted an object"),
        (b"<html>", "no listing"),
        (b'{"sha": "x", "siblings": []}', "commit 'x'"),
        (b'{"sha": "%s"}' % (b"0" * 40), "wanted siblings"),
        (b'{"sha": "%s", "siblings": []}' % (b"0" * 40), "holds no gpt-oss model"),
        (
            b'{"sha": "%s", "siblings": [{"rfilename": "config.json", "size": -1, "blobId": "x"}]}'
            % (b"0" * 40),
            "has the size -1",
        ),
        (
            b'{"sha": "%s", "siblings": [{"rfilename": "config.json", "size": 1, "blobId": "../x"}]}'
            % (b"0" * 40),
            "has the hash '../x'",
        ),
    ],
)
def test_listings_that_are_none(hub: StandIn, pull: Pull, listing: bytes, said: str) -> None:
    hub.listing = listing
    assert said in refusal(pull())


def test_a_disk_without_room(
    hub: StandIn, home: Path, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    said = refusal(pull())
    assert "has 1.0 kB free" in said
    assert "HF_HOME" in said
    # Not a byte of a file was asked for.
    assert len(hub.requests) == 1
    assert not home.exists()


def test_a_disk_that_fills_up(
    hub: StandIn, home: Path, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [400_000]
    write = os.write

    def write_while_there_is_room(descriptor: int, data: bytes) -> int:
        if not str(os.readlink(f"/proc/self/fd/{descriptor}")).endswith(".incomplete"):
            return write(descriptor, data)
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = write(descriptor, data[: room[0]])
        room[0] -= count
        return count

    monkeypatch.setattr(os, "write", write_while_there_is_room)
    assert "is full" in refusal(pull())
    assert_nothing(home)
    (partial,) = left(home)
    came = partial.stat().st_size
    assert came
    monkeypatch.setattr(os, "write", write)
    hub.requests.clear()
    facts(pull("--json"))
    assert_whole(hub, home)
    assert came in [request.begins for request in hub.asked(".safetensors")]


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {}, "does not take the token"),
        (403, {"X-Error-Code": "GatedRepo"}, "accept them on"),
        (404, {"X-Error-Code": "RepoNotFound"}, "see its spelling"),
        (410, {}, "answers 410"),
    ],
)
@pytest.mark.parametrize("part", ["/api/", "/resolve/"])
def test_refusals(
    hub: StandIn,
    home: Path,
    pull: Pull,
    part: str,
    status: int,
    headers: dict[str, str],
    said: str,
) -> None:
    hub.refusals = [(part, status, headers)]
    assert said in refusal(pull())
    assert_nothing(home)


def test_a_repository_that_is_private_or_not_there(
    hub: StandIn, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    said = refusal(pull("someone/private"))
    assert "no someone/private for everybody (401)" in said
    assert "HF_TOKEN" in said


def test_a_refusal_for_a_while(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.refusals = [("/api/", 503, {}), (LARGE, 429, {"Retry-After": "0"}), (LARGE, 502, {})]
    facts(pull("--json"))
    assert_whole(hub, home)


def test_what_came_is_kept_when_the_hub_refuses(hub: StandIn, home: Path, pull: Pull) -> None:
    """Such as for a token that has ended meanwhile."""
    # The tokenizer and the smaller shard come before it.
    hub.cuts = [1 << 30, 1 << 30, 250_000]
    hub.has_ended_token = True
    assert "does not take the token" in refusal(pull())
    (partial,) = left(home)
    assert partial.stat().st_size == 250_000


def test_nobody_answers(
    hub: StandIn, home: Path, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert "cannot reach the hub" in refusal(pull())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refusal(pull())


def test_a_hub_that_stops_in_the_middle(
    hub: StandIn, home: Path, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    hub.gate = threading.Event()
    said = refusal(pull())
    assert "timed out" in said
    assert "run the command again" in said
    hub.gate.set()
    assert_nothing(home)


def test_redirects_without_end(hub: StandIn, home: Path, pull: Pull) -> None:
    again = {"Location": f"{hub.url}/{REPO}/resolve/{COMMIT}/LICENSE"}
    hub.refusals = [("LICENSE", 302, again)] * 30
    assert "redirect" in refusal(pull()).lower()
    assert_nothing(home)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://"])
def test_redirects_to_what_is_no_address(
    hub: StandIn, home: Path, pull: Pull, location: str
) -> None:
    hub.refusals = [("LICENSE", 302, {"Location": location})] * 30
    assert "LICENSE" in refusal(pull())
    assert_nothing(home)


def test_what_an_address_hides_is_not_said(hub: StandIn, home: Path, pull: Pull) -> None:
    """Storage is led to with a signature, with which anybody could read."""
    with StandIn(hub.files) as storage:
        hub.storage = storage
        storage.refusals = [("tokenizer.json", 410, {})]
        done = pull()
        said = refusal(done)
        assert f"{storage.url}/tokenizer.json answers 410" in said
        assert "secret" not in said + done.output
        assert_nothing(home)


def test_another_kind_of_model(hub: StandIn, home: Path, pull: Pull) -> None:
    """It is refused by its configuration, before its weights."""
    hub.files["config.json"] = b'{"model_type": "llama"}'
    assert "is no gpt-oss model" in refusal(pull())
    assert hub.asked(".safetensors") == []
    assert_nothing(home)


def test_a_link_in_place_of_what_is_under_way(hub: StandIn, home: Path, pull: Pull) -> None:
    victim = home.parent / "victim"
    home.parent.mkdir(exist_ok=True)
    victim.write_bytes(b"mine")
    blobs = home / "models--openai--gpt-oss-20b" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{sha256(hub.files[LARGE])}.gptoss.incomplete").symlink_to(victim)
    assert "cannot keep" in refusal(pull())
    assert victim.read_bytes() == b"mine"
