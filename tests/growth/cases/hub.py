"""Listings and manifests of published models, which come over the network."""

from __future__ import annotations

import json

from gptoss.errors import PullError
from gptoss.hub.hub import read_listing
from gptoss.hub.listing import Listing
from gptoss.hub.manifest import read_manifest
from tests.growth.case import Case

COMMIT, SHA256 = "0" * 40, "0" * 64


def _listing(names: list[str]) -> bytes:
    files = [{"rfilename": name, "size": 1, "blobId": COMMIT} for name in names]
    return json.dumps({"sha": COMMIT, "siblings": files}).encode()


def _manifest(size: int) -> bytes:
    files = [
        {"name": f"model-{n}.safetensors", "size": 1, "blob": SHA256, "sha256": SHA256}
        for n in range(size)
    ]
    fields = {"format": "gptoss-manifest-1", "repo": "a/b", "revision": "main", "commit": COMMIT}
    return json.dumps({**fields, "files": files}).encode()


def _read_listing(data: bytes) -> Listing:
    return read_listing(data, "a/b", "main", "http://hub").wanted(original=False)


def _read_manifest(data: bytes) -> Listing:
    return read_manifest(data, "a mirror").wanted(original=False)


CASES = (
    Case(
        "a listing of many files",
        lambda n: _listing([f"{'x' * 100}{number}" for number in range(n)]),
        _read_listing,
        400,
        raises=PullError,
    ),
    Case(
        "a listing with a long name",
        lambda n: _listing([f"model{'.safetensors.index.json' * n}x"]),
        _read_listing,
        20_000,
        raises=PullError,
    ),
    Case("a manifest of many files", _manifest, _read_manifest, 400, raises=PullError),
)
