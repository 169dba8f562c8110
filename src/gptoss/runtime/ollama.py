"""Ollama's models on this machine: a manifest for each name, and blobs called by their hashes.

`manifests/HOST/NAMESPACE/MODEL/TAG` is a JSON object with layers, of which one is the model's GGUF file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from gptoss.errors import RemovalError
from gptoss.files.json_text import parse_object
from gptoss.files.regular import read_file

# Names of these models begin so, which no folder and no repository of the hub does together with a colon.
PREFIX = "ollama/"

# What is left out of a name, as Ollama does.
_HOST, _NAMESPACE = "registry.ollama.ai", "library"
_MODEL_LAYER = "application/vnd.ollama.image.model"
_ADAPTER_LAYER = "application/vnd.ollama.image.adapter"
_PART = re.compile(r"[A-Za-z0-9_][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_MOST_MANIFESTS, _MOST_BYTES, _MOST_LAYERS = 1000, 1 << 20, 100


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """A model of Ollama: its name as `--model` takes it, its manifest, and the blobs of its layers."""

    name: str
    manifest: Path
    blob: Path
    layers: tuple[Path, ...]


def ollama_folders() -> list[Path]:
    """Where Ollama keeps models: where the variable says, else of this user, and of the system's service."""
    if named := os.environ.get("OLLAMA_MODELS"):
        return [Path(named)]
    service = Path("/usr/share/ollama/.ollama/models")
    try:
        return [Path.home() / ".ollama" / "models", service]
    except RuntimeError:
        return [service]


def ollama_models(folder: Path) -> Iterator[OllamaModel]:
    """The models in a folder of Ollama's whose file is there. What cannot be read, or is damaged, is left out."""
    for manifest in _manifests(folder / "manifests"):
        found = _read(folder, manifest)
        if found is not None:
            yield found


def find_ollama(name: str) -> OllamaModel | None:
    """The model that a name means: PREFIX, then as Ollama reads it, with its tag. None for any other name."""
    if not name.startswith(PREFIX) or ":" not in name:
        return None
    rest, _, tag = name.removeprefix(PREFIX).partition(":")
    parts = rest.split("/")
    parts = [*(_HOST, _NAMESPACE)[: max(0, 3 - len(parts))], *parts, tag]
    if len(parts) != 4 or not all(map(_PART.fullmatch, parts)):
        return None
    for folder in ollama_folders():
        found = _read(folder, folder.joinpath("manifests", *parts))
        if found is not None:
            return found
    return None


def layers_of_others(folder: Path, manifest: Path) -> set[Path]:
    """The blobs that other manifests in a folder of Ollama's list, whatever they are called.

    Raises RemovalError where one of them cannot be read, since what it lists must stay.
    """
    found: set[Path] = set()
    for other in _all_below(folder / "manifests"):
        if other == manifest:
            continue
        kinds = _layers(folder, other)
        if kinds is None:
            raise _untold(other, "cannot be read")
        found |= kinds.keys()
    return found


def _all_below(folder: Path) -> Iterator[Path]:
    """Every file in a folder and those below, but those that begin with a dot, which no name of Ollama's does.

    Raises RemovalError for folders that cannot be read, or have too many files.
    """

    def fail(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise _untold(error.filename, "cannot be read")

    left = _MOST_MANIFESTS
    for here, folders, names in os.walk(folder, onerror=fail):
        # What lies behind a link to a folder is not walked, and lists blobs all the same.
        if any(os.path.islink(os.path.join(here, name)) for name in folders):
            raise _untold(here, "holds a link to a folder")
        left -= len(folders) + len(names)
        if left < 0:
            raise _untold(here, "is one of too many")
        yield from (Path(here, name) for name in names if not name.startswith("."))


def _untold(path: str | Path, why: str) -> RemovalError:
    return RemovalError(
        f"which files are its own cannot be told, since {path} {why}; remove it with `ollama rm`"
    )


def _manifests(folder: Path) -> list[Path]:
    level = [folder]
    for _ in range(4):
        entries = (path for each in level for path in _entries(each))
        level = list(islice(entries, _MOST_MANIFESTS))
    return level


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, _MOST_MANIFESTS)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if _PART.fullmatch(name)]


def _read(folder: Path, manifest: Path) -> OllamaModel | None:
    kinds = _layers(folder, manifest)
    if kinds is None:
        return None
    blobs = [path for path, kind in kinds.items() if kind == _MODEL_LAYER]
    # With an adapter it would be another model than its file.
    if len(blobs) != 1 or _ADAPTER_LAYER in kinds.values() or not blobs[0].is_file():
        return None
    return OllamaModel(_name(manifest), manifest, blobs[0], tuple(kinds))


def _layers(folder: Path, manifest: Path) -> dict[Path, object] | None:
    """The blobs that a manifest lists, its configuration among them, with their kinds; None for one that is damaged."""
    try:
        listed = parse_object(read_file(manifest, _MOST_BYTES))
    except (OSError, ValueError):
        return None
    layers = listed.get("layers")
    if not isinstance(layers, list) or len(layers) > _MOST_LAYERS:
        return None
    kinds: dict[Path, object] = {}
    for layer in (*layers, listed.get("config")):
        digest = layer.get("digest") if isinstance(layer, dict) else None
        named = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
        if named is not None:
            kinds[folder / "blobs" / f"sha256-{named[1]}"] = layer.get("mediaType")
    return kinds


def _name(manifest: Path) -> str:
    host, namespace, model, tag = manifest.parts[-4:]
    left_out = (host, namespace) == (_HOST, _NAMESPACE)
    before = "" if left_out else f"{namespace}/" if host == _HOST else f"{host}/{namespace}/"
    return f"{PREFIX}{before}{model}:{tag}"
