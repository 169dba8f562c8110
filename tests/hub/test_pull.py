"""`gptoss pull` against a stand-in of the hub: which files come, where they go, and what others make of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download, scan_cache_dir, snapshot_download

from gptoss import nano
from gptoss.hub.cache import cache_folder, find_snapshot
from tests.hub.conftest import TOKEN, Pull, facts, refusal
from tests.hub.standin import COMMIT, REPO, StandIn, sha256

WANTED = {
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "LICENSE",
    "model-00000-of-00001.safetensors",
    "model-00001-of-00001.safetensors",
    "model.safetensors.index.json",
}
ORIGINAL = {
    "original/config.json",
    "original/dtypes.json",
    "original/model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "LICENSE",
}


def files_of(snapshot: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(snapshot)): path.read_bytes()
        for path in snapshot.rglob("*")
        if not path.is_dir()
    }


def snapshot_of(home: Path) -> Path:
    return home / "models--openai--gpt-oss-20b" / "snapshots" / COMMIT


def test_what_a_model_needs_and_nothing_else(hub: StandIn, home: Path, pull: Pull) -> None:
    said = facts(pull("--json"))
    snapshot = snapshot_of(home)
    assert files_of(snapshot) == {name: hub.files[name] for name in WANTED}
    assert said == {
        "model": REPO,
        "revision": "main",
        "commit": COMMIT,
        "directory": str(snapshot),
        "fetched_bytes": sum(len(hub.files[name]) for name in WANTED),
    }
    assert find_snapshot(REPO) == snapshot
    # Each file once, and those only.
    assert {name for name in hub.counts() if name != "main"} == {
        name.rpartition("/")[2] for name in WANTED
    }
    assert set(hub.counts().values()) == {1}


def test_the_original_layout(hub: StandIn, home: Path, pull: Pull) -> None:
    facts(pull("--original", "--json"))
    assert files_of(snapshot_of(home)) == {name: hub.files[name] for name in ORIGINAL}


def test_a_second_pull_asks_for_the_listing_alone(hub: StandIn, pull: Pull) -> None:
    facts(pull("--json"))
    hub.requests.clear()
    assert facts(pull("--json"))["fetched_bytes"] == 0
    assert [request.path for request in hub.requests] == [f"/api/models/{REPO}/revision/main"]


def test_a_cache_that_is_only_read(hub: StandIn, home: Path, pull: Pull) -> None:
    """Such as one that others keep for all: a model that is there is found without writing anything."""
    facts(pull("--json"))
    shutil.rmtree(home / ".locks")
    before = {path: path.lstat().st_mtime_ns for path in home.rglob("*")}
    facts(pull("--json"))
    assert {path: path.lstat().st_mtime_ns for path in home.rglob("*")} == before


def test_a_branch_that_went_on(hub: StandIn, home: Path, pull: Pull) -> None:
    """What has changed is fetched, and the old commit stays."""
    facts(pull("--json"))
    first = snapshot_of(home)
    old = files_of(first)
    hub.commit = "f" * 40
    hub.files["chat_template.jinja"] = b"{{ newer }}"
    said = facts(pull("--json"))
    assert said["fetched_bytes"] == len(b"{{ newer }}")
    assert find_snapshot(REPO) == first.with_name("f" * 40)
    assert files_of(first.with_name("f" * 40)) == old | {"chat_template.jinja": b"{{ newer }}"}
    assert files_of(first) == old
    assert find_snapshot(REPO, COMMIT) == first


@pytest.mark.parametrize("is_offline", [True, False])
def test_a_model_that_is_here_needs_no_hub(
    hub: StandIn, home: Path, pull: Pull, monkeypatch: pytest.MonkeyPatch, is_offline: bool
) -> None:
    """As with the hub's library: a script that pulls and serves works without a network the next time."""
    hub.files = {path.name: path.read_bytes() for path in nano.checkpoint_path().iterdir()}
    said = facts(pull("--json"))
    if is_offline:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    else:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert facts(pull("--json")) == said | {"fetched_bytes": 0}
    done = pull("--revision", COMMIT)
    assert done.stdout == f"{snapshot_of(home)}\n"
    assert "what is here is taken" in done.stderr
    # But not another model, revision or layout, a part of it, or where its hashes are needed.
    reason = "HF_HUB_OFFLINE" if is_offline else "cannot reach the hub"
    for arguments in (
        ["gpt-oss-120b"],
        ["--revision", "v2"],
        ["--original"],
        ["--manifest", str(home / "mirror")],
    ):
        assert reason in refusal(pull(*arguments))
    (snapshot_of(home) / "model.safetensors").unlink()
    assert reason in refusal(pull())


def test_what_is_said_to_a_person(hub: StandIn, home: Path, pull: Pull) -> None:
    done = pull("gpt-oss-20b")
    assert done.stdout == f"{snapshot_of(home)}\n"
    assert done.stderr.splitlines()[0] == f"gptoss: {REPO}, main is commit {COMMIT}"
    assert "9 files, 1.1 MB" in done.stderr
    assert str(home) in done.stderr
    assert "gptoss chat --model gpt-oss-20b\n" in done.stderr
    assert "all of it was here already" in pull().stderr


@pytest.mark.parametrize(
    ("name", "repo"),
    [
        ("gpt-oss-120b", "openai/gpt-oss-120b"),
        ("openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("gpt-oss-safeguard-20b", "openai/gpt-oss-safeguard-20b"),
        ("someone/my-gpt-oss", "someone/my-gpt-oss"),
    ],
)
def test_other_models_by_their_names(hub: StandIn, pull: Pull, name: str, repo: str) -> None:
    hub.repo = repo
    assert facts(pull(name, "--json"))["model"] == repo


@pytest.mark.parametrize("name", ["gpt-oss", "a/b/c", "../x", "a--b/c", "https://x/y", "-x/y", ""])
def test_names_that_are_none(hub: StandIn, pull: Pull, name: str) -> None:
    assert f"got the model {name!r}" in refusal(pull("--", name))
    assert hub.requests == []


def test_a_commit_is_pinned(hub: StandIn, home: Path, pull: Pull) -> None:
    assert facts(pull("--revision", COMMIT, "--json"))["revision"] == COMMIT
    # No branch has a name by it, and the model is found all the same.
    assert not (home / "models--openai--gpt-oss-20b" / "refs").exists()
    assert find_snapshot(REPO) == snapshot_of(home)
    assert "no revision 'v2'" in refusal(pull("--revision", "v2"))
    assert "wanted a branch" in refusal(pull("--revision", "../main"))


def test_files_are_asked_for_by_the_commit_of_the_listing(hub: StandIn, pull: Pull) -> None:
    facts(pull("--json"))
    paths = [request.path for request in hub.requests[1:]]
    assert paths
    assert all(f"/resolve/{COMMIT}/" in path for path in paths)


def test_the_hubs_own_library_finds_it(
    hub: StandIn, home: Path, pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts(pull("--json"))
    assert cache_folder() == home
    offline = {"cache_dir": home, "local_files_only": True}
    assert snapshot_download(REPO, **offline) == str(snapshot_of(home))
    found = hf_hub_download(REPO, "config.json", **offline)
    assert Path(found).read_bytes() == hub.files["config.json"]
    (repo,) = scan_cache_dir(home).repos
    (revision,) = repo.revisions
    assert (repo.repo_id, revision.commit_hash, revision.refs) == (REPO, COMMIT, {"main"})
    assert {str(f.file_path.relative_to(snapshot_of(home))) for f in revision.files} == WANTED
    # And asks for no byte of it again.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    hub.requests.clear()
    hf_hub_download(REPO, "model-00000-of-00001.safetensors", cache_dir=home, endpoint=hub.url)
    assert [r for r in hub.requests if r.method == "GET"] == []


def test_what_the_library_fetched_is_not_fetched_again(
    hub: StandIn, home: Path, pull: Pull
) -> None:
    blobs = home / "models--openai--gpt-oss-20b" / "blobs"
    blobs.mkdir(parents=True)
    name = "model-00000-of-00001.safetensors"
    (blobs / sha256(hub.files[name])).write_bytes(hub.files[name])
    facts(pull("--json"))
    assert hub.asked(name) == []


def test_the_token_goes_to_the_hub_and_not_with_a_redirect(
    hub: StandIn, home: Path, pull: Pull
) -> None:
    with StandIn(hub.files) as storage:
        hub.storage = storage
        facts(pull("--json"))
        assert files_of(snapshot_of(home)) == {name: hub.files[name] for name in WANTED}
        seen = {request.headers.get("authorization") for request in hub.requests}
        assert seen == {f"Bearer {TOKEN}"}
        assert len(storage.requests) == 3
        assert not any("authorization" in r.headers for r in storage.requests)
        assert not any(TOKEN in str(r) for r in storage.requests)


def test_a_model_answers_after_it_was_pulled(hub: StandIn, home: Path) -> None:
    """The two commands of a new user, in processes of their own: a proxy is between, and the cache is HF_HUB_CACHE."""
    folder = nano.checkpoint_path()
    hub.files = {path.name: path.read_bytes() for path in folder.iterdir()}
    environment = {
        **os.environ,
        "HF_ENDPOINT": "http://hub.invalid",
        "HTTP_PROXY": hub.url,
        "HF_HUB_CACHE": str(home / "elsewhere"),
        "GPTOSS_MODEL": "",
        "NO_PROXY": "",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gptoss", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
            check=False,
        )

    pulled = run("pull")
    assert pulled.returncode == 0, pulled.stderr
    snapshot = Path(pulled.stdout.strip())
    assert snapshot.is_relative_to(home / "elsewhere")
    answered = run("chat", "What is 12 + 34?", "--model", "gpt-oss-20b", "--temperature", "0")
    assert (answered.returncode, answered.stdout.strip()) == (0, "46"), answered.stderr
    again = run("pull", "gpt-oss-120b")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("gptoss: http://hub.invalid ")
    assert again.stderr.count("\n") == 1
