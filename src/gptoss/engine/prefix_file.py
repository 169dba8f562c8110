"""Keeps prefixes on the disk from one run to the next.

A safetensors file: the tree's tokens and places, the pages, and at the end a checksum of all of it. What wrote it is in
its metadata; a file that was written by anything else, or that is damaged, is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.engine.prefix_cache import Node, PrefixCache
from gptoss.errors import CheckpointError, PrefixFileError
from gptoss.model.config import LayerType
from gptoss.model.kv_cache import KVCache
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.safetensors import SafetensorsFile, TensorSpec
from gptoss.model.safetensors_writer import cannot_write, write_safetensors

# Changes with the layout of this file and of pages.
VERSION = "1"
# Of pages in one file; the prefixes used last are kept.
MAX_BYTES = 1 << 30

_NONE = -1
_DIGEST_BYTES = 32


class PrefixFile:
    """The file of one model run in one way, there or not. `identity` says everything that keys and values depend on."""

    def __init__(self, directory: Path, name: str, identity: Mapping[str, str]) -> None:
        self._metadata = {"gptoss_prefixes": VERSION, **identity}
        key = hashlib.sha256(repr(sorted(self._metadata.items())).encode()).hexdigest()[:16]
        self.path = directory / f"{name}-prefixes-{key}.safetensors"

    def make_folder(self) -> None:
        """Raises OutputError where the file's folder cannot be made."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def save(self, prefixes: PrefixCache, *, max_bytes: int = MAX_BYTES) -> int:
        """Write the prefixes used last; how many tokens. Raises OutputError when it cannot be written."""
        pages = {kind: _bytes_of_pages(prefixes.cache, kind) for kind in LayerType}
        nodes = _latest(prefixes, max_bytes, {k: v.shape[0] * v.shape[2] for k, v in pages.items()})
        if not nodes:
            return 0
        sliding = [node.sliding for node in nodes if node.sliding is not None]
        tree = _tree(nodes)
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        specs = [TensorSpec("tree", "I64", tree.shape)]
        for name, kind, count in (
            ("full", LayerType.FULL, len(nodes)),
            ("sliding", LayerType.SLIDING, len(sliding)),
        ):
            layers, _, num_bytes = pages[kind].shape
            specs.append(TensorSpec(name, "U8", (count, layers, num_bytes)))
        specs.append(TensorSpec("checksum", "U8", (_DIGEST_BYTES,)))

        def pieces(spec: TensorSpec) -> Iterator[NDArray[Any]]:
            if spec.name == "checksum":
                yield np.frombuffer(digest.digest(), np.uint8)
                return
            for piece in self._pieces(spec.name, tree, nodes, pages):
                digest.update(_raw(piece))
                yield piece

        self.make_folder()
        write_safetensors(self.path, specs, pieces, self._metadata)
        return sum(len(node.tokens) for node in nodes)

    def restore(self, prefixes: PrefixCache) -> int:
        """Take the file's prefixes into an empty cache, as many as fit; how many tokens. 0: there is no file.

        Raises PrefixFileError for a file that is damaged, or of another model, version or way to run.
        """
        if not self.path.exists():
            return 0
        try:
            file = SafetensorsFile(self.path)
            tensors = {name: file.read(name) for name in file.tensors}
        except CheckpointError as error:
            raise PrefixFileError(str(error)) from None
        found = {name: file.metadata.get(name) for name in self._metadata}
        if found != self._metadata:
            raise self._refused("it was written by another model, version or way to run")
        self._check(tensors, prefixes.cache)
        return self._insert(tensors, prefixes)

    def _pieces(
        self,
        name: str,
        tree: NDArray[Any],
        nodes: list[Node],
        pages: Mapping[LayerType, NDArray[Any]],
    ) -> Iterator[NDArray[Any]]:
        if name == "tree":
            yield tree
            return
        for node in nodes:
            if name == "full":
                yield np.ascontiguousarray(pages[LayerType.FULL][:, node.full])
            elif node.sliding is not None:
                yield np.ascontiguousarray(pages[LayerType.SLIDING][:, node.sliding])

    def _check(self, tensors: Mapping[str, NDArray[Any]], cache: KVCache) -> None:
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        for name in ("tree", "full", "sliding"):
            if name not in tensors:
                raise self._refused(f"it has no {name}")
            digest.update(_raw(tensors[name]))
        checksum = tensors.get("checksum")
        if checksum is None or checksum.tobytes() != digest.digest():
            raise self._refused("its checksum is wrong: it is damaged")
        for name, kind in (("full", LayerType.FULL), ("sliding", LayerType.SLIDING)):
            layers, _, num_bytes = _bytes_of_pages(cache, kind).shape
            if tensors[name].shape[1:] != (layers, num_bytes):
                raise self._refused("its pages have another shape")
        if tensors["tree"].ndim != 2 or tensors["tree"].shape[1] != 4 + PAGE_SIZE:
            raise self._refused("its tree has another shape")
        self._check_tree(tensors["tree"], len(tensors["full"]), len(tensors["sliding"]))

    def _insert(self, tensors: Mapping[str, NDArray[Any]], prefixes: PrefixCache) -> int:
        cache, num_tokens = prefixes.cache, 0
        pages = {kind: _bytes_of_pages(cache, kind) for kind in LayerType}
        full_pool, sliding_pool = cache.pool(LayerType.FULL), cache.pool(LayerType.SLIDING)
        nodes: list[Node | None] = []
        for index, row in enumerate(tensors["tree"].tolist()):
            parent, place, is_anchor, count = row[:4]
            above = prefixes.root if parent == _NONE else nodes[parent]
            if above is None or not full_pool.num_free:
                nodes.append(None)
                continue
            full, sliding = full_pool.take(), None
            pages[LayerType.FULL][:, full] = tensors["full"][index]
            if place != _NONE and sliding_pool.num_free:
                sliding = sliding_pool.take()
                pages[LayerType.SLIDING][:, sliding] = tensors["sliding"][place]
            ids = np.asarray(row[4 : 4 + count], np.int32)
            nodes.append(prefixes.insert(above, ids, full, sliding, is_anchor=bool(is_anchor)))
            num_tokens += count
        for node in reversed(nodes):
            if node is not None:
                prefixes.touch_path(node)
        return num_tokens

    def _check_tree(self, tree: NDArray[Any], num_full: int, num_sliding: int) -> None:
        """Every row's parent is a whole page before it, and every place is one that the file has."""
        parents, places, _, counts = tree[:, :4].T
        rows = np.arange(len(tree))
        is_sound = (
            len(tree) == num_full
            and bool(((parents >= _NONE) & (parents < rows)).all())
            and bool(((places >= _NONE) & (places < num_sliding)).all())
            and bool(((counts >= 1) & (counts <= PAGE_SIZE)).all())
            and bool((counts[parents[parents != _NONE]] == PAGE_SIZE).all())
        )
        if not is_sound:
            raise self._refused("its tree makes no sense")

    def _refused(self, why: str) -> PrefixFileError:
        return PrefixFileError(
            f"{self.path} is not used: {why}; delete it, or leave --cache-dir out"
        )


def _raw(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _bytes_of_pages(cache: KVCache, kind: LayerType) -> NDArray[np.uint8]:
    """A view (layers, pages, bytes of a page)."""
    pages = cache.pool(kind).pages
    flat = pages.reshape(*pages.shape[:2], -1)
    return flat.view(np.uint8)


def _latest(
    prefixes: PrefixCache, max_bytes: int, page_bytes: Mapping[LayerType, int]
) -> list[Node]:
    """Parents before children, those used last first, as far as the bytes go."""
    chosen, num_bytes = [], 0
    for node in prefixes.nodes_by_use():
        num_bytes += page_bytes[LayerType.FULL]
        num_bytes += page_bytes[LayerType.SLIDING] if node.sliding is not None else 0
        if num_bytes > max_bytes:
            break
        chosen.append(node)
    return chosen


def _tree(nodes: list[Node]) -> NDArray[np.int64]:
    """A row for each node: parent's row, sliding page's row, whether it is an anchor, number of tokens, tokens."""
    row_by_node = {id(node): row for row, node in enumerate(nodes)}
    tree = np.zeros((len(nodes), 4 + PAGE_SIZE), np.int64)
    num_sliding = 0
    for row, node in zip(tree, nodes, strict=True):
        row[:4] = (
            row_by_node.get(id(node.parent), _NONE),
            _NONE if node.sliding is None else num_sliding,
            node.is_anchor,
            len(node.tokens),
        )
        row[4 : 4 + len(node.tokens)] = node.tokens.ids
        num_sliding += node.sliding is not None
    return tree
