"""A mirror for machines without a network: written with its manifest, and pulled from, as a folder and over HTTP."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants, snapshot_download

from gptoss.hub.cache import find_snapshot
from tests.hub.conftest import Pull, facts, refusal
from tests.hub.standin import COMMIT, REPO, StandIn, sha256
from tests.hub.test_hub_faults import LARGE, assert_nothing, assert_whole
from tests.hub.test_pull import ORIGINAL, WANTED, files_of, snapshot_of


@pytest.fixture
def mirror(hub: StandIn, home: Path, pull: Pull) -> Path:
    """A mirror, on a machine that has nothing else and no hub."""
    folder = home.parent.parent / "mirror"
    said = facts(pull("--manifest", str(folder), "--json"))
    assert said["mirror"] == str(folder)
    assert said["manifest_sha256"] == sha256((folder / "manifest.json").read_bytes())
    shutil.rmtree(home)
    hub.requests.clear()
    return folder


def served(mirror: Path) -> StandIn:
    return StandIn(files_of(mirror))


def test_a_mirror_is_plain_files(hub: StandIn, mirror: Path) -> None:
    found = files_of(mirror)
    manifest = json.loads(found.pop("manifest.json"))
    assert found == {name: hub.files[name] for name in WANTED}
    assert not any(path.is_symlink() for path in mirror.rglob("*"))
    assert (manifest["repo"], manifest["revision"], manifest["commit"]) == (REPO, "main", COMMIT)
    assert {entry["name"]: entry["sha256"] for entry in manifest["files"]} == {
        name: sha256(data) for name, data in found.items()
    }


@pytest.mark.parametrize("name", ["config.json", LARGE, "manifest.json"])
def test_no_file_of_a_person_is_overwritten(
    hub: StandIn, home: Path, pull: Pull, tmp_path: Path, name: str
) -> None:
    mine = tmp_path / "mine" / name
    mine.parent.mkdir()
    for data in (b"{}", hub.files.get(name, b"[]")[:-1] + b"?"):
        mine.write_bytes(data)
        said = refusal(pull("--manifest", str(mine.parent)))
        assert f"{mine} is there already, and not a mirror's" in said
        assert mine.read_bytes() == data
    # Before anything is fetched.
    assert_nothing(home)
    mine.unlink()
    mine.mkdir()
    assert "cannot write the mirror" in refusal(pull("--manifest", str(mine.parent)))
    assert [path.name for path in mine.parent.iterdir()] == [name]


def test_a_mirror_that_was_cut_or_is_older_is_written_anew(
    hub: StandIn, pull: Pull, mirror: Path
) -> None:
    (mirror / "manifest.json").unlink()
    facts(pull("--manifest", str(mirror), "--json"))
    (mirror / LARGE).write_bytes(b"of an older commit")
    facts(pull("--manifest", str(mirror), "--json"))
    assert (mirror / LARGE).read_bytes() == hub.files[LARGE]


def test_from_a_folder(
    hub: StandIn, home: Path, pull: Pull, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    said = facts(pull("--from", str(mirror), "--json"))
    assert (said["model"], said["revision"], said["commit"]) == (REPO, "main", COMMIT)
    assert_whole(hub, home)
    assert snapshot_download(REPO, cache_dir=home) == str(snapshot_of(home))
    assert hub.requests == []


def test_from_an_address_without_a_token(
    hub: StandIn, home: Path, pull: Pull, mirror: Path
) -> None:
    with served(mirror) as server:
        server.cuts = [1000, 200_000, 100_000]
        facts(pull("--from", f"{server.url}/", "--json"))
        assert not any("authorization" in request.headers for request in server.requests)
        assert any(request.begins for request in server.requests)
    assert_whole(hub, home)
    assert hub.requests == []


def test_the_original_layout(hub: StandIn, home: Path, pull: Pull, tmp_path: Path) -> None:
    folder = tmp_path / "original mirror"
    facts(pull("--original", "--manifest", str(folder), "--json"))
    shutil.rmtree(home)
    facts(pull("--from", str(folder), "--json"))
    assert files_of(snapshot_of(home)) == {name: hub.files[name] for name in ORIGINAL}


def test_the_model_and_revision_must_be_the_mirrors(pull: Pull, mirror: Path) -> None:
    facts(pull("gpt-oss-20b", "--revision", COMMIT, "--from", str(mirror), "--json"))
    assert "is of openai/gpt-oss-20b" in refusal(pull("gpt-oss-120b", "--from", str(mirror)))
    assert "is of the revision main" in refusal(pull("--revision", "v2", "--from", str(mirror)))


@pytest.mark.parametrize("name", [LARGE, "config.json"])
def test_damage(home: Path, pull: Pull, mirror: Path, name: str) -> None:
    data = (mirror / name).read_bytes()
    (mirror / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert f"{name} is not what was promised" in refusal(pull("--from", str(mirror)))
    assert_nothing(home)
    (mirror / name).write_bytes(data[:-1])
    assert "by its manifest" in refusal(pull("--from", str(mirror)))
    (mirror / name).unlink()
    assert "No such file" in refusal(pull("--from", str(mirror)))
    assert_nothing(home)
    with served(mirror) as server:
        assert "answers 404" in refusal(pull("--from", server.url))
    assert_nothing(home)


def test_both_hashes_of_a_small_file_are_checked(home: Path, pull: Pull, mirror: Path) -> None:
    """Its blob's name is a SHA-1, which somebody who made the file could have made to fit."""
    manifest = json.loads((mirror / "manifest.json").read_text())
    entry = next(entry for entry in manifest["files"] if entry["name"] == "config.json")
    entry["sha256"] = "0" * 64
    (mirror / "manifest.json").write_text(json.dumps(manifest))
    assert "wanted 0000" in refusal(pull("--from", str(mirror)))
    assert_nothing(home)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", "x", "has the format 'x'"),
        ("repo", "../x", "is of '../x'"),
        ("repo", "gpt-oss-20b", "is of 'gpt-oss-20b'"),
        ("revision", "a/../b", "is of the revision 'a/../b'"),
        ("commit", "../..", "names the commit '../..'"),
        ("files", None, "lists no files"),
        ("files", [], "lacks config.json"),
        ("name", "../../config.json", "no file of a model"),
        ("name", "/etc/passwd", "no file of a model"),
        ("name", "tokenizer.json", "twice"),
        ("size", 1 << 60, "has the size"),
        ("size", True, "has the size True"),
        ("blob", "x", "has the hash 'x'"),
        ("sha256", None, "has no sha256"),
        ("sha256", "x", "has the sha256 'x'"),
    ],
)
def test_hostile_manifests(
    home: Path, pull: Pull, mirror: Path, key: str, value: object, said: str
) -> None:
    manifest = json.loads((mirror / "manifest.json").read_text())
    (manifest if key in manifest else manifest["files"][0])[key] = value
    (mirror / "manifest.json").write_text(json.dumps(manifest))
    assert said in refusal(pull("--from", str(mirror)))
    assert_nothing(home)


def test_no_mirror(pull: Pull, tmp_path: Path) -> None:
    assert "wanted a folder that" in refusal(pull("--from", str(tmp_path)))
    (tmp_path / "manifest.json").write_text("<html>")
    assert "is no manifest" in refusal(pull("--from", str(tmp_path)))
    (tmp_path / "manifest.json").write_bytes(bytes(2 << 20))
    assert "more than 1,048,576 bytes" in refusal(pull("--from", str(tmp_path)))
    assert "cannot reach the mirror" in refusal(pull("--from", "http://127.0.0.1:1/x"))


def test_no_mirror_of_a_damaged_cache(hub: StandIn, home: Path, pull: Pull, tmp_path: Path) -> None:
    facts(pull("--json"))
    blob = (snapshot_of(home) / LARGE).resolve()
    blob.write_bytes(bytes(len(hub.files[LARGE])))
    assert f"{blob} is damaged" in refusal(pull("--manifest", str(tmp_path / "mirror")))
    assert not (tmp_path / "mirror" / "manifest.json").exists()
    assert not (tmp_path / "mirror" / LARGE).exists()


def test_a_mirror_that_cannot_be_written(pull: Pull, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot write the mirror" in refusal(pull("--manifest", str(tmp_path / "file")))


def test_another_program_still_finds_a_model_in_its_cache(
    home: Path, pull: Pull, mirror: Path
) -> None:
    facts(pull("--from", str(mirror), "--json"))
    assert find_snapshot(REPO) == find_snapshot(REPO, "main") == find_snapshot(REPO, COMMIT)
