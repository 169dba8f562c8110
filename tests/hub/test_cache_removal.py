"""A model is taken out of the hub's cache, and nothing that others need, or that lies elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir

from gptoss.errors import RemovalError
from gptoss.hub.cache import find_snapshot
from gptoss.hub.removal import commit_paths, file_paths, remove_paths, repo_paths
from tests.hub.conftest import Pull, facts
from tests.hub.standin import COMMIT, REPO, StandIn

OTHER = "f" * 40


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "models--openai--gpt-oss-20b"


def test_the_last_commit_takes_all_with_it(
    hub: StandIn, home: Path, pull: Pull, folder: Path
) -> None:
    said = facts(pull("--json"))
    (folder / "blobs" / f"{'0' * 64}.gptoss.incomplete").write_bytes(b"x" * 5000)
    (folder / ".no_exist" / COMMIT).mkdir(parents=True)
    beside = home / "models--openai--gpt-oss-120b"
    beside.mkdir()
    freed = remove_paths(commit_paths(REPO, folder / "snapshots" / COMMIT))
    assert freed >= said["fetched_bytes"]  # type: ignore[operator]
    assert not folder.exists()
    assert not (home / ".locks" / folder.name).exists()
    assert beside.is_dir()
    # And it can be fetched again.
    assert facts(pull("--json"))["fetched_bytes"] == said["fetched_bytes"]


def test_what_another_commit_needs_stays(
    hub: StandIn, home: Path, pull: Pull, folder: Path
) -> None:
    facts(pull("--json"))
    hub.commit = OTHER
    hub.files["chat_template.jinja"] = b"{{ newer }}" * 1000
    facts(pull("--json"))
    snapshot = folder / "snapshots" / OTHER
    freed = remove_paths(commit_paths(REPO, snapshot))
    assert 0 < freed < 100_000
    assert not snapshot.exists()
    assert not (folder / "refs" / "main").exists()
    # The other one is whole, as the hub's library sees it.
    (repo,) = scan_cache_dir(home).repos
    (revision,) = repo.revisions
    assert revision.commit_hash == COMMIT
    assert find_snapshot(REPO) == folder / "snapshots" / COMMIT
    assert all(path.exists() for path in (folder / "snapshots" / COMMIT).rglob("*"))
    assert len(list((folder / "blobs").iterdir())) == len(revision.files)


def test_what_is_half_fetched(hub: StandIn, home: Path, pull: Pull, folder: Path) -> None:
    hub.cuts = [1000, *[0] * 100]
    assert pull().exit_code
    assert find_snapshot(REPO) is None
    assert any(folder.rglob("*.gptoss.incomplete"))
    remove_paths(repo_paths(REPO))
    assert not folder.exists()


def test_one_file_of_several(home: Path, folder: Path) -> None:
    snapshot, older = (folder / "snapshots" / commit for commit in (COMMIT, OTHER))
    for name in ("a", "b", "c"):
        blob = folder / "blobs" / name
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(name.encode() * 5000)
        for each in (snapshot, older)[: 1 + (name == "b")]:
            each.mkdir(parents=True, exist_ok=True)
            (each / f"{name}.gguf").symlink_to(os.path.relpath(blob, each))
    remove_paths(file_paths(REPO, [snapshot / "a.gguf", snapshot / "b.gguf"]))
    assert sorted(path.name for path in snapshot.iterdir()) == ["c.gguf"]
    assert sorted(path.name for path in (folder / "blobs").iterdir()) == ["b", "c"]
    assert (older / "b.gguf").read_bytes() == b"b" * 5000


@pytest.mark.parametrize("others", [False, True])
def test_links_that_lead_elsewhere_are_not_followed(
    home: Path, folder: Path, tmp_path: Path, others: bool
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_bytes(b"years of work")
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(mine / "thesis.txt")
    (snapshot / "folder").symlink_to(mine)
    (folder / "refs").symlink_to(mine)
    if others:
        (folder / "snapshots" / OTHER).mkdir()
    remove_paths(commit_paths(REPO, snapshot))
    assert not snapshot.exists()
    assert (mine / "thesis.txt").read_bytes() == b"years of work"


def test_a_commit_that_is_a_link(home: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a").write_bytes(b"x")
    (folder / "snapshots" / OTHER).mkdir(parents=True)
    (folder / "snapshots" / COMMIT).symlink_to(tmp_path / "mine")
    remove_paths(commit_paths(REPO, folder / "snapshots" / COMMIT))
    assert not (folder / "snapshots" / COMMIT).is_symlink()
    assert (tmp_path / "mine" / "a").exists()


def test_a_repository_that_is_a_link_is_refused(home: Path, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "disk" / "snapshots" / COMMIT).mkdir(parents=True)
    home.mkdir(parents=True)
    folder.symlink_to(tmp_path / "disk")
    with pytest.raises(RemovalError, match=r"is a link to .*disk; remove what is there"):
        commit_paths(REPO, folder / "snapshots" / COMMIT)


def test_what_may_not_be_removed_is_said(home: Path, folder: Path) -> None:
    with pytest.raises(RemovalError, match="cannot remove /proc/self/stat: "):
        remove_paths([Path("/proc/self/stat")])
    assert remove_paths([folder / "gone", folder]) == 0
