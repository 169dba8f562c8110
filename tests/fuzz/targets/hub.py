"""What a mirror or a hub says that it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from gptoss.hub.hub import read_listing
from gptoss.hub.listing import Listing
from gptoss.hub.manifest import read_manifest, write_manifest
from tests.fuzz.forms import Json
from tests.fuzz.target import Target

_COMMIT, _SHA1, _SHA256 = "0123456789" * 4, "a" * 40, "b" * 64
_NAMES = ("config.json", "tokenizer.json", "model.safetensors", "original/config.json", "LICENSE")


def read_mirror(data: bytes, _: Path) -> None:
    """What is believed is written as it was read."""
    listing = read_manifest(data, "mirror")
    assert read_manifest(write_manifest(listing), "mirror") == listing
    _take(listing)


def read_hub(data: bytes, _: Path) -> None:
    _take(read_listing(data, "owner/model", "main", "hub"))


def _take(listing: Listing) -> None:
    for file in listing.wanted(original=False).files:
        path = PurePosixPath(file.name)
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert len(path.parts) == 1
        assert file.name.isprintable()
        assert len(file.blob) in (40, 64)
        assert file.blob.isalnum()


def _manifests() -> Iterator[bytes]:
    files = [{"name": name, "size": 5, "blob": _SHA1, "sha256": _SHA256} for name in _NAMES]
    fields = {"format": "gptoss-manifest-1", "repo": "owner/model", "revision": "main"}
    yield json.dumps({**fields, "commit": _COMMIT, "files": files}).encode()


def _listings() -> Iterator[bytes]:
    small = [{"rfilename": name, "size": 5, "blobId": _SHA1} for name in _NAMES]
    large = [{**entry, "lfs": {"sha256": _SHA256, "size": 7}} for entry in small]
    yield json.dumps({"sha": _COMMIT, "siblings": small}).encode()
    yield json.dumps({"sha": _COMMIT, "siblings": large}).encode()


TARGETS = (
    Target("manifest", Json(), _manifests, read_mirror),
    Target("listing", Json(), _listings, read_hub),
)
