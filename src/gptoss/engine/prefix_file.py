"""Keeps prefixes on the disk from one run to the next.

A safetensors file: the tree's tokens and places, the pages, and at the end a checksum of all of it. What wrote it is in
its metadata; a file that was written by anything else, or that is damaged, is refused. It says what users said: it is
readable by its user alone, and believed only if nobody else could have written it. It is read piece by piece, not
mapped: whatever becomes of it meanwhile ends in a refusal.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptoss.engine.owner import EVERYBODY
from gptoss.engine.prefix_cache import Node, PrefixCache
from gptoss.errors import PrefixFileError
from gptoss.files.json_text import shorten
from gptoss.files.private import PRIVATE, make_private, make_private_folder
from gptoss.files.regular import open_own
from gptoss.model.config import LayerType
from gptoss.model.kv_cache import KVCache
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.safetensors import SafetensorsStream, TensorSpec
from gptoss.model.safetensors_writer import cannot_write, write_safetensors

# Changes with the layout of this file and of pages.
VERSION = "2"
# Of pages in one file; the prefixes used last are kept.
MAX_BYTES = 1 << 30
# Of a model's name in that of the file, which systems limit to 255 bytes.
_NAME_CHARACTERS = 40

_NONE = -1
# Columns of the tree before a node's tokens, and all of them with the owner's number behind these.
_FACTS = 4
_COLUMNS = _FACTS + PAGE_SIZE + 1
# UTF-8 of an owner's name, filled up with zeros. Prefixes of owners with longer ones are not kept.
_OWNER_BYTES = 64
_DIGEST_BYTES = 32


class PrefixFile:
    """The file of one model run in one way, there or not. `identity` says everything that keys and values depend on."""

    def __init__(self, directory: Path, name: str, identity: Mapping[str, str]) -> None:
        self._metadata = {"format": "pt", "gptoss_prefixes": VERSION, **identity}
        key = hashlib.sha256(repr(sorted(self._metadata.items())).encode()).hexdigest()[:16]
        self.path = directory / f"{name[:_NAME_CHARACTERS]}-prefixes-{key}.safetensors"

    def make_folder(self) -> None:
        """Make the file's folder, for its user alone; files of others than this model's are closed to others too.

        Raises OutputError where it cannot be made.
        """
        try:
            make_private_folder(self.path.parent)
            kept = list(self.path.parent.glob("*-prefixes-*.safetensors"))
        except OSError as error:
            raise cannot_write(self.path, error) from None
        for path in kept:
            # Earlier versions followed the umask. What is not ours, or no file, cannot be helped.
            with contextlib.suppress(OSError):
                make_private(path)

    def save(self, prefixes: PrefixCache, *, max_bytes: int = MAX_BYTES) -> int:
        """Write the prefixes used last; how many tokens. Raises OutputError when it cannot be written."""
        pages = {kind: _bytes_of_pages(prefixes.cache, kind) for kind in LayerType}
        nodes = _latest(prefixes, max_bytes, {k: v.shape[0] * v.shape[2] for k, v in pages.items()})
        if not nodes:
            return 0
        sliding = [node.sliding for node in nodes if node.sliding is not None]
        owners = _owners(nodes)
        tree = _tree(nodes, owners)
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        specs = [
            TensorSpec("tree", "I64", tree.shape),
            TensorSpec("owners", "U8", (len(owners), _OWNER_BYTES)),
        ]
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
            if spec.name in ("tree", "owners"):
                parts: Iterable[NDArray[Any]] = (tree if spec.name == "tree" else _packed(owners),)
            else:
                parts = self._pieces(spec.name, nodes, pages)
            for piece in parts:
                digest.update(_raw(piece))
                yield piece

        self.make_folder()
        write_safetensors(self.path, specs, pieces, self._metadata, mode=PRIVATE)
        return sum(len(node.tokens) for node in nodes)

    def restore(self, prefixes: PrefixCache) -> int:
        """Take the file's prefixes into an empty cache, as many as fit; how many tokens. 0: there is no file.

        Raises PrefixFileError, with the cache as it was, for a file that is damaged, of another model, version or way
        to run, or that others could have written.
        """
        try:
            with open_own(self.path) as descriptor:
                return self._restore(self._open(descriptor), prefixes)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from None

    def _open(self, descriptor: int) -> SafetensorsStream:
        num_bytes = os.fstat(descriptor).st_size
        if num_bytes > 2 * MAX_BYTES:
            raise self._refused(f"it has {num_bytes:,} bytes, more than are ever written")
        try:
            return SafetensorsStream(descriptor)
        except ValueError as error:
            raise self._refused(f"it is damaged: {error}") from None

    def _restore(self, file: SafetensorsStream, prefixes: PrefixCache) -> int:
        if file.header.metadata != self._metadata:
            raise self._refused("it was written by another model, version or way to run")
        self._check_specs(file.header.tensors, prefixes.cache)
        tree = file.read("tree")
        raw_owners = file.read("owners")
        owners = _unpacked(raw_owners)
        num_sliding = file.header.tensors["sliding"].shape[0]
        if not (_is_sound(tree, num_sliding) and _are_sound(owners, tree)):
            raise self._refused("its tree makes no sense: it is damaged")
        places = _Places(tree, prefixes.cache)
        try:
            digest = hashlib.blake2b(_raw(tree), digest_size=_DIGEST_BYTES)
            digest.update(_raw(raw_owners))
            for kind, name in ((LayerType.FULL, "full"), (LayerType.SLIDING, "sliding")):
                places.fill(kind, _hashed(file.rows(name), digest.update))
            if file.read("checksum").tobytes() != digest.digest():
                raise self._refused("its checksum is wrong: it is damaged")
        except BaseException:
            places.give_back()
            raise
        return _insert(tree, owners, places, prefixes)

    def _pieces(
        self,
        name: str,
        nodes: list[Node],
        pages: Mapping[LayerType, NDArray[Any]],
    ) -> Iterator[NDArray[Any]]:
        for node in nodes:
            if name == "full":
                yield np.ascontiguousarray(pages[LayerType.FULL][:, node.full])
            elif node.sliding is not None:
                yield np.ascontiguousarray(pages[LayerType.SLIDING][:, node.sliding])

    def _check_specs(self, specs: Mapping[str, TensorSpec], cache: KVCache) -> None:
        """Every tensor is as `save` writes it."""
        for name in ("tree", "owners", "full", "sliding", "checksum"):
            if name not in specs:
                raise self._refused(f"it has no {name}")
        count = specs["tree"].shape[0] if specs["tree"].shape else 0
        num_sliding = specs["sliding"].shape[0] if specs["sliding"].shape else 0
        num_owners = specs["owners"].shape[0] if specs["owners"].shape else 0
        wanted = {
            "tree": TensorSpec("tree", "I64", (count, _COLUMNS)),
            "owners": TensorSpec("owners", "U8", (num_owners, _OWNER_BYTES)),
            "checksum": TensorSpec("checksum", "U8", (_DIGEST_BYTES,)),
        }
        for name, kind, pages in (
            ("full", LayerType.FULL, count),
            ("sliding", LayerType.SLIDING, num_sliding),
        ):
            layers, _, num_bytes = _bytes_of_pages(cache, kind).shape
            wanted[name] = TensorSpec(name, "U8", (pages, layers, num_bytes))
        for name, spec in specs.items():
            if spec != wanted.get(name):
                what = "pages have" if name in ("full", "sliding") else f"{shorten(name)} has"
                raise self._refused(f"its {what} another shape")

    def _refused(self, why: str) -> PrefixFileError:
        return PrefixFileError(
            f"{self.path} is not used, and made anew when the program ends: {why}"
        )


class _Places:
    """The pages that a tree's nodes get in a cache, as far as there are any; None: no page.

    full     a place for each row of the tree; a node has one only if its parent has
    sliding  a place for each row that has a sliding page, in order
    """

    def __init__(self, tree: NDArray[Any], cache: KVCache) -> None:
        self._cache = cache
        self.full: list[int | None] = []
        self.sliding: list[int | None] = []
        for parent, place in tree[:, :2].tolist():
            is_held = parent == _NONE or self.full[parent] is not None
            self.full.append(self._take(LayerType.FULL) if is_held else None)
            if place != _NONE:
                is_held = self.full[-1] is not None
                self.sliding.append(self._take(LayerType.SLIDING) if is_held else None)

    def fill(self, kind: LayerType, contents: Iterable[NDArray[Any]]) -> None:
        """Put contents, one for each row, into the pages that there are."""
        pages = _bytes_of_pages(self._cache, kind)
        places = self.full if kind is LayerType.FULL else self.sliding
        for place, content in zip(places, contents, strict=True):
            if place is not None:
                pages[:, place] = content

    def give_back(self) -> None:
        """Let all pages go."""
        for kind, places in ((LayerType.FULL, self.full), (LayerType.SLIDING, self.sliding)):
            for place in places:
                if place is not None:
                    self._cache.pool(kind).give_back(place)

    def _take(self, kind: LayerType) -> int | None:
        pool = self._cache.pool(kind)
        return pool.take() if pool.num_free else None


def _insert(
    tree: NDArray[Any], owners: Sequence[str], places: _Places, prefixes: PrefixCache
) -> int:
    """Make nodes of the rows that have pages; how many tokens they have."""
    nodes: list[Node | None] = []
    num_tokens = 0
    for row, full in zip(tree, places.full, strict=True):
        parent, place, is_anchor, count = row[:_FACTS].tolist()
        above = prefixes.root if parent == _NONE else nodes[parent]
        if above is None or full is None:
            nodes.append(None)
            continue
        sliding = None if place == _NONE else places.sliding[place]
        ids = row[_FACTS : _FACTS + count].astype(np.int32)
        nodes.append(
            prefixes.insert(
                above, ids, full, sliding, is_anchor=bool(is_anchor), owner=owners[row[-1]]
            )
        )
        num_tokens += count
    # The file's first were used last. Parents come before their children, so that no path needs to be walked.
    kept = [node for node in nodes if node is not None]
    uses = [node.last_used for node in reversed(kept)]
    for node, last_used in zip(kept, uses, strict=True):
        node.last_used = last_used
    return num_tokens


def _is_sound(tree: NDArray[Any], num_sliding: int) -> bool:
    """Whether every row's parent is a whole page before it, places go up, and no two siblings begin alike."""
    parents, places, anchors, counts = tree[:, :_FACTS].T
    ids = tree[:, _FACTS:-1]
    is_token = np.arange(PAGE_SIZE) < counts[:, None]
    return (
        bool(((parents >= _NONE) & (parents < np.arange(len(tree)))).all())
        and bool(np.array_equal(places[places != _NONE], np.arange(num_sliding)))
        and bool(((anchors == 0) | (anchors == 1)).all())
        and bool(((counts >= 1) & (counts <= PAGE_SIZE)).all())
        and bool((counts[parents[parents != _NONE]] == PAGE_SIZE).all())
        and bool(((ids >= 0) & (ids <= np.iinfo(np.int32).max)).all())
        and not ids[~is_token].any()
        and len({(row[0], row[3:].tobytes()) for row in tree}) == len(tree)
    )


def _are_sound(owners: Sequence[str], tree: NDArray[Any]) -> bool:
    """Whether each row has an owner, and goes on from its owner's page or from everybody's."""
    numbers, parents = tree[:, -1], tree[:, 0]
    if not (bool(owners) and owners[0] == EVERYBODY and len(set(owners)) == len(owners)):
        return False
    if not bool(((numbers >= 0) & (numbers < len(owners))).all()):
        return False
    of_parents = np.where(parents == _NONE, 0, numbers[parents])
    return bool(((of_parents == 0) | (of_parents == numbers)).all())


def _owners(nodes: Iterable[Node]) -> list[str]:
    """The owners of nodes, everybody first."""
    return list(dict.fromkeys([EVERYBODY, *(node.tokens.owner for node in nodes)]))


def _packed(owners: Sequence[str]) -> NDArray[np.uint8]:
    rows = [owner.encode().ljust(_OWNER_BYTES, b"\0") for owner in owners]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(owners), _OWNER_BYTES)


def _unpacked(rows: NDArray[Any]) -> list[str]:
    return [row.tobytes().rstrip(b"\0").decode("utf-8", "replace") for row in rows]


def _hashed(
    arrays: Iterable[NDArray[Any]], hear: Callable[[memoryview], object]
) -> Iterator[NDArray[Any]]:
    """The arrays; `hear` is told the bytes of each."""
    for array in arrays:
        hear(_raw(array))
        yield array


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
        if len(node.tokens.owner.encode()) > _OWNER_BYTES:
            continue
        num_bytes += page_bytes[LayerType.FULL]
        num_bytes += page_bytes[LayerType.SLIDING] if node.sliding is not None else 0
        if num_bytes > max_bytes:
            break
        chosen.append(node)
    return chosen


def _tree(nodes: list[Node], owners: Sequence[str]) -> NDArray[np.int64]:
    """A row for each node.

    Its parent's row, its sliding page's row, whether it is an anchor, number of tokens, tokens, and the owner's number.
    """
    number_by_owner = {owner: number for number, owner in enumerate(owners)}
    row_by_node = {id(node): row for row, node in enumerate(nodes)}
    tree = np.zeros((len(nodes), _COLUMNS), np.int64)
    num_sliding = 0
    for row, node in zip(tree, nodes, strict=True):
        row[:_FACTS] = (
            row_by_node.get(id(node.parent), _NONE),
            _NONE if node.sliding is None else num_sliding,
            node.is_anchor,
            len(node.tokens),
        )
        row[_FACTS : _FACTS + len(node.tokens)] = node.tokens.ids
        row[-1] = number_by_owner[node.tokens.owner]
        num_sliding += node.sliding is not None
    return tree
