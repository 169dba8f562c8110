"""The files of the chat page over HTTP; what the page does with them is tested in `page/`."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gptoss.server.page import docs_files, page_files
from tests.server.conftest import KEY, MakeClient, keys_of

ROOT = Path(__file__).parents[2]


def test_every_file_is_the_bundle_s(client: TestClient) -> None:
    folder = ROOT / "src/gptoss/server/static"
    paths = {f"/{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file()}
    indexes = {"/": "/index.html", "/docs": "/docs/index.html"}
    found = {*page_files(), *docs_files()}
    assert found == paths - {*indexes.values()} | {*indexes}
    for path in found:
        reply = client.get(path)
        assert reply.status_code == 200
        name = indexes.get(path, path)[1:]
        assert reply.content == (folder / name).read_bytes()
        assert client.head(path).headers["etag"] == reply.headers["etag"]


def test_page_names_only_its_own_files(client: TestClient) -> None:
    named = re.findall(r'(?:src|href)="\.(/[^"]+)"', client.get("/").text)
    assert len(named) == 4
    assert set(named) <= set(page_files())
    for path, file in page_files().items():
        if path.endswith(".css"):
            assert b"url(" not in file.plain
            assert b"@import" not in file.plain


def test_headers(client: TestClient) -> None:
    for path in {**page_files(), **docs_files()}:
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_packed_and_unchanged(client: TestClient) -> None:
    path = next(path for path in page_files() if path.endswith(".js"))
    with client.stream("GET", path, headers={"accept-encoding": "gzip"}) as reply:
        raw = b"".join(reply.iter_raw())
    assert gzip.decompress(raw) == page_files()[path].plain
    again = client.get(path, headers={"if-none-match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"accept-encoding": "identity"}).headers["vary"]


def test_hashed_files_are_kept_and_the_page_is_asked_for(client: TestClient) -> None:
    assert client.get("/").headers["cache-control"] == "no-cache"
    path = next(path for path in page_files() if path.startswith("/assets/"))
    assert "immutable" in client.get(path).headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/assets/",
        "/assets/../index.html",
        "/assets/%2e%2e/%2e%2e/app.py",
        "/assets/..%2f..%2fapp.py",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/assets/x.js",
        "/THEME.JS",
        "/theme.js%00",
    ],
)
def test_nothing_else_is_there(make_client: MakeClient, path: str) -> None:
    assert make_client().get(path, follow_redirects=False).status_code == 404
    locked = make_client(keys=keys_of(KEY))
    assert locked.get(path, follow_redirects=False).status_code == 401


def test_without_the_page(make_client: MakeClient) -> None:
    client = make_client(has_page=False)
    assert {client.get(path).status_code for path in page_files()} == {404}
    locked = make_client(has_page=False, keys=keys_of(KEY))
    assert {locked.get(path).status_code for path in page_files()} == {401}


def test_size() -> None:
    """What a visitor loads, packed: 250 kB at first and 600 kB in all would be too much."""
    sizes = {path: len(file.packed) for path, file in page_files().items()}
    first = sum(size for path, size in sizes.items() if "/index-" in path or path == "/")
    assert first < 100_000
    assert sum(sizes.values()) < 250_000


@pytest.mark.slow
def test_bundle_is_built_from_its_source(tmp_path: Path) -> None:
    """Byte for byte. `make check-web` runs this."""
    if not (ROOT / "web/node_modules").exists():
        pytest.skip("the page's packages are not installed (make web)")
    npx = shutil.which("npx")
    assert npx is not None
    subprocess.run(
        [npx, "vite", "build", "--outDir", str(tmp_path), "--emptyOutDir"],
        cwd=ROOT / "web",
        check=True,
        capture_output=True,
    )
    built = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    kept = ROOT / "src/gptoss/server/static"
    assert built == {path.name: path.read_bytes() for path in kept.rglob("*") if path.is_file()}


def test_packages_are_named_with_their_exact_versions() -> None:
    """And nowhere where they came from."""
    lock = json.loads((ROOT / "web/package-lock.json").read_text(encoding="utf-8"))
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
