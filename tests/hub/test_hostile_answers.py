"""What a hub, a mirror or somebody on the way may say to do harm, and what lies where files are to be kept."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gptoss.errors import PullError
from gptoss.hub.hub import read_listing
from tests.hub.conftest import Pull, facts, refusal
from tests.hub.standin import COMMIT, REPO, StandIn, sha256
from tests.hub.test_hub_faults import LARGE, assert_nothing, assert_whole, left
from tests.hub.test_pull import WANTED, files_of, snapshot_of

SHA1 = "a" * 40
# No file of a model: it is not asked for, and is nowhere written.
ELSEWHERE = (
    *("../x.safetensors", "../../config.json", "/etc/passwd", "original/../../tokenizer.json"),
    *(
        "model\0.safetensors",
        "model\n.safetensors",
        "model-\x1b[2J.safetensors",
        "\ud800",
        "..",
        ".",
    ),
    *("model/../x.safetensors", "model-\u202e.safetensors", "MODEL.SAFETENSORS", "a" * 5000),
    *("original/model/../../../x.safetensors", "~/x", "C:\\x", "config.json/", "./config.json"),
)


def listing_with(hub: StandIn, *names: str) -> bytes:
    found: dict[str, Any] = json.loads(hub.info())
    found["siblings"] += [{"rfilename": name, "size": 3, "blobId": SHA1} for name in names]
    return json.dumps(found).encode()


@pytest.mark.wide(5)
@pytest.mark.parametrize("name", ELSEWHERE, ids=ascii)
def test_names_that_lead_elsewhere(hub: StandIn, home: Path, pull: Pull, name: str) -> None:
    hub.listing = listing_with(hub, name)
    facts(pull("--json"))
    assert_whole(hub, home)
    assert {request.path.rpartition("/")[2] for request in hub.requests[1:]} == set(WANTED)
    assert set(files_of(snapshot_of(home))) == set(WANTED)
    # Nothing lies beside the cache either.
    assert [path.name for path in home.parent.iterdir()] == ["hub"]


@pytest.mark.parametrize("name", ELSEWHERE, ids=ascii)
def test_names_in_messages_are_one_line(name: str) -> None:
    siblings = [{"rfilename": name, "size": 3, "blobId": SHA1}]
    data = json.dumps({"sha": COMMIT, "siblings": siblings}).encode()
    with pytest.raises(PullError, match="holds no gpt-oss model") as caught:
        read_listing(data, REPO, "main", "hub").wanted(original=False)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_name_as_long_as_a_folder_takes(hub: StandIn, home: Path, pull: Pull) -> None:
    """One that is longer cannot be kept, and says so."""
    name = f"model-{'a' * 300}.safetensors"
    hub.files[name] = b"abc"
    assert "File name too long" in refusal(pull())
    assert_nothing_to_load(home)


def assert_nothing_to_load(home: Path) -> None:
    """A snapshot without its configuration is taken for no model."""
    assert not (snapshot_of(home) / "config.json").exists()


def test_names_that_differ_by_case(hub: StandIn, home: Path, pull: Pull) -> None:
    """On some systems they are one file, which then would be either."""
    hub.files["model-00000-of-00001.SAFETENSORS".lower().replace("of", "OF")] = b"abc"
    assert "differ by case alone" in refusal(pull())
    assert_nothing(home)


def test_a_million_files(hub: StandIn, home: Path, pull: Pull) -> None:
    """As many as fit into the bytes that are read, and then more values than are parsed."""
    hub.listing = b'{"siblings": [' + b'{"a":1},' * 1_000_000 + b'{}], "sha": "x"}'
    assert "more than 1,048,576 values" in refusal(pull())
    entry = b'{"rfilename":"%d","size":1,"blobId":"' + SHA1.encode() + b'"},'
    many = b"".join(entry % number for number in range(100_000))
    hub.listing = b'{"sha": "%s", "siblings": [%s{}]}' % (COMMIT.encode(), many)
    assert "lists a file without a name" in refusal(pull())
    hub.listing = b'{"sha": "%s", "siblings": [%s]}' % (COMMIT.encode(), many[:-1])
    assert "lists 100,000 files" in refusal(pull())
    assert_nothing(home)


def test_a_resumed_part_that_is_packed(hub: StandIn, home: Path, pull: Pull) -> None:
    hub.cuts = [1 << 30, 1 << 30, 250_000]
    hub.packs_rest = True
    assert "packed ('gzip')" in refusal(pull())
    (partial,) = left(home)
    assert partial.read_bytes() == hub.files[LARGE][:250_000]
    assert_nothing(home)


@pytest.mark.parametrize("wait", ["9" * 5000, "-1", "1e9", "\u0663".encode().decode("latin-1"), ""])
def test_waits_that_are_no_numbers(hub: StandIn, home: Path, pull: Pull, wait: str) -> None:
    hub.refusals = [(LARGE, 503, {"Retry-After": wait})]
    if wait.startswith("9"):
        # Thousands of digits are no number of seconds, and not waited for.
        assert len(wait) > sys.get_int_max_str_digits()
    facts(pull("--json"))
    assert_whole(hub, home)


def test_a_disk_that_takes_no_more(hub: StandIn, home: Path) -> None:
    """As the system says it: no file may be longer than that."""
    limit = 400_000

    def with_small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "gptoss", "pull"]
    environment = {**os.environ, "HF_ENDPOINT": hub.url}
    done = subprocess.run(
        command,
        env=environment,
        preexec_fn=with_small_files,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert f"cannot keep {LARGE}" in done.stderr
    assert "Traceback" not in done.stderr
    assert_nothing(home)
    (partial,) = left(home)
    assert partial.stat().st_size == limit
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    assert_whole(hub, home)
    assert hub.asked(LARGE)[-1].begins == limit


class TestWhatIsNoFile:
    """A FIFO or a folder where a file should be ends in a line, and is not waited for."""

    @pytest.mark.parametrize("kind", ["FIFO", "folder"])
    @pytest.mark.parametrize("name", ["manifest.json", LARGE, "config.json"])
    def test_in_a_mirror(
        self, hub: StandIn, home: Path, pull: Pull, tmp_path: Path, name: str, kind: str
    ) -> None:
        mirror = tmp_path / "mirror"
        facts(pull("--manifest", str(mirror), "--json"))
        home.rename(home.with_name("old"))
        (mirror / name).unlink()
        put(mirror / name, kind)
        assert name in refusal(pull("--from", str(mirror)))
        assert_nothing(home)

    @pytest.mark.parametrize("kind", ["FIFO", "folder"])
    @pytest.mark.parametrize("ending", ["", ".gptoss.incomplete"])
    def test_in_the_cache(
        self, hub: StandIn, home: Path, pull: Pull, kind: str, ending: str
    ) -> None:
        blobs = home / "models--openai--gpt-oss-20b" / "blobs"
        blobs.mkdir(parents=True)
        put(blobs / f"{sha256(hub.files[LARGE])}{ending}", kind)
        if kind == "FIFO" and not ending:
            # It has the size of no model's file, and gives way to one.
            facts(pull("--json"))
            assert_whole(hub, home)
            return
        assert f"cannot keep {LARGE}" in refusal(pull())
        assert_nothing_to_load(home)

    def test_as_a_branch(self, hub: StandIn, home: Path, pull: Pull) -> None:
        refs = home / "models--openai--gpt-oss-20b" / "refs"
        refs.mkdir(parents=True)
        put(refs / "main", "FIFO")
        facts(pull("--json"))
        assert_whole(hub, home)


def put(path: Path, kind: str) -> None:
    if kind == "FIFO":
        os.mkfifo(path)
    else:
        path.mkdir()
