"""Pages of what was computed before, found by their tokens.

A tree: each node is a page of up to PAGE_SIZE tokens that follow those of its parent, so a path from the root is a
prefix. Full layers can go on from any token of it. Sliding layers need the window before that token as well, and their
pages are the first to be given up: those that end at an anchor (the end of a prompt, every so many tokens) last.

Each owner has a tree of its own below the root: how much of a prompt is cached tells what was asked before. Pages that
are shared by all belong to nobody, and every owner's tree may go on from them.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gptoss.engine.owner import EVERYBODY, Owner
from gptoss.model.config import LayerType
from gptoss.model.kv_cache import KVCache, SequenceCache
from gptoss.model.page_pool import PAGE_SIZE, PagePool

# So far apart are the anchors inside a prompt: where conversations with a long text in common part.
ANCHOR_DISTANCE = 1024

TokenIds = NDArray[np.int32]


def hash_tokens(tokens: bytes) -> int:
    """Where the tokens of a page are looked for; they are compared there."""
    return hash(tokens)


_ANYBODY = Owner()


class _Tokens:
    """The tokens of a page, and whose it is, as a key."""

    __slots__ = ("_hash", "data", "owner")

    def __init__(self, ids: TokenIds, owner: str) -> None:
        self.data = ids.tobytes()
        self.owner = owner
        self._hash = hash_tokens(self.data)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        is_same = isinstance(other, _Tokens) and self.owner == other.owner
        return is_same and self.data == other.data  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.data) // np.dtype(np.int32).itemsize

    @property
    def ids(self) -> TokenIds:
        """The tokens as an array."""
        return np.frombuffer(self.data, np.int32)

    def num_common(self, ids: TokenIds) -> int:
        """How many first tokens are those of ids."""
        count = min(len(self), len(ids))
        differing = np.flatnonzero(self.ids[:count] != ids[:count])
        return int(differing[0]) if differing.size else count


@dataclass(eq=False, slots=True)
class Node:
    """A page of a prefix: its place in the full layers' pool, and in the sliding layers' while it is kept there.

    is_pair: whether one sequence wrote both, so that one is as full as the other.
    """

    parent: Node | None
    tokens: _Tokens
    full: int = -1
    sliding: int | None = None
    is_anchor: bool = False
    last_used: int = 0
    is_live: bool = True
    is_pair: bool = False
    children: dict[_Tokens, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match:
    """A prefix that is in the cache: its pages, and how many tokens, of which the last page may hold a few."""

    nodes: tuple[Node, ...]
    num_tokens: int


@dataclass(slots=True)
class Path:
    """How far a sequence's tokens are in its owner's tree: the node of its last whole page, and that page's end."""

    node: Node
    num_tokens: int = 0
    owner: Owner = _ANYBODY


class PrefixCache:
    """The prefixes in one KV cache, whose pages it holds until they are wanted elsewhere."""

    def __init__(self, cache: KVCache) -> None:
        self._cache = cache
        self._root = Node(None, _Tokens(np.empty(0, np.int32), EVERYBODY))
        self._clock = itertools.count(1)

    @property
    def num_tokens(self) -> int:
        """Tokens in the tree."""
        return sum(len(node.tokens) for node in self._nodes())

    @property
    def cache(self) -> KVCache:
        """Whose pages these are."""
        return self._cache

    @property
    def root(self) -> Node:
        """The empty prefix."""
        return self._root

    def nodes_by_use(self) -> list[Node]:
        """All nodes, those used last first, and each after its parent."""
        depth_first = list(self._nodes())
        # A parent was used whenever its child was; the sort is stable, and parents come first in the tree.
        return sorted(depth_first, key=lambda node: -node.last_used)

    def insert(
        self,
        parent: Node,
        ids: TokenIds,
        full: int,
        sliding: int | None,
        *,
        is_anchor: bool,
        owner: str = EVERYBODY,
    ) -> Node:
        """Add a page with these tokens below a node; the caller's hold on its places becomes the tree's."""
        tokens = _Tokens(ids, owner)
        node = Node(parent, tokens, full, sliding, is_anchor, last_used=next(self._clock))
        assert node.tokens not in parent.children
        parent.children[node.tokens] = node
        return node

    def path(self, owner: Owner = _ANYBODY) -> Path:
        """Of a sequence of which nothing is in the tree."""
        return Path(self._root, owner=owner)

    def match(self, token_ids: Sequence[int], owner: Owner = _ANYBODY) -> Match:
        """The longest prefix from which both kinds of layers can go on; at least one token is left to compute."""
        ids = np.asarray(token_ids[:-1], np.int32)
        nodes, length = self._walk(ids, owner)
        usable = self._usable(nodes, length)
        return Match(tuple(nodes[: -(-usable // PAGE_SIZE)]), usable)

    def adopt(self, match: Match, sequence: SequenceCache) -> int:
        """Begin an empty sequence with what was found; how many tokens that is, 0 if nothing was.

        A last page that the sequence will write to is copied, if the pools have room; else it is left out.
        """
        num_tokens, nodes = match.num_tokens, match.nodes
        self._touch(nodes)
        if num_tokens % PAGE_SIZE and not all(self._pool(kind).num_free for kind in LayerType):
            num_tokens -= num_tokens % PAGE_SIZE
            # The window of a shorter prefix begins earlier.
            num_tokens = self._usable(list(nodes), num_tokens)
        whole, is_part = divmod(num_tokens, PAGE_SIZE)
        full = [self._held(LayerType.FULL, node.full) for node in nodes[:whole]]
        first = sequence.first_seen(num_tokens) // PAGE_SIZE
        sliding = []
        for index in range(first, whole):
            page = nodes[index].sliding
            assert page is not None
            sliding.append((index, self._held(LayerType.SLIDING, page)))
        if is_part:
            tail = nodes[whole]
            assert tail.sliding is not None
            full.append(self._pool(LayerType.FULL).copy(tail.full))
            sliding.append((whole, self._pool(LayerType.SLIDING).copy(tail.sliding)))
        sequence.adopt(full, sliding, num_tokens)
        return num_tokens

    def extend(
        self, path: Path, token_ids: Sequence[int], sequence: SequenceCache, *, is_anchor: bool
    ) -> None:
        """Add what a sequence has stored by now; its path moves on. `is_anchor`: others will go on from here."""
        if not path.node.is_live:
            path.node, path.num_tokens = self._root, 0
        full = sequence.page_table(LayerType.FULL)
        sliding = sequence.page_table(LayerType.SLIDING)
        stored = sequence.length
        ids = np.asarray(token_ids[path.num_tokens : stored], np.int32)
        node = path.node
        added = []
        for begin in range(0, len(ids), PAGE_SIZE):
            index = (path.num_tokens + begin) // PAGE_SIZE
            held = int(sliding[index])
            # Of a page that will be full: whose it is must not change while it is filled.
            owner = path.owner.of_page(path.num_tokens + begin + PAGE_SIZE)
            chunk = _Tokens(ids[begin : begin + PAGE_SIZE], owner)
            if len(chunk) < PAGE_SIZE and not is_anchor:
                break
            node = self._add(node, chunk, int(full[index]), None if held < 0 else held)
            added.append(node)
        self._mark_anchors(node, added, path.num_tokens // PAGE_SIZE, is_anchor=is_anchor)
        self.touch_path(node)
        is_whole = len(node.tokens) in (0, PAGE_SIZE)
        assert is_whole or node.parent is not None
        path.node = node if is_whole or node.parent is None else node.parent
        path.num_tokens = stored // PAGE_SIZE * PAGE_SIZE

    def touch_path(self, node: Node) -> None:
        """Count a prefix as used now."""
        self._touch(self._ancestors(node))

    def evict(self, kind: LayerType, num_pages: int) -> int:
        """Give back the pages that were used longest ago and that no sequence holds; how many became free."""
        freed = 0
        for node in self._oldest_leaves() if kind is LayerType.FULL else self._oldest_sliding():
            if freed >= num_pages:
                break
            freed += 1
            if kind is LayerType.FULL:
                self._remove(node)
            else:
                self._drop_sliding(node)
        return freed

    def num_evictable(self, kind: LayerType) -> int:
        """Pages that `evict` can free."""
        if kind is LayerType.FULL:
            return sum(1 for _ in self._evictable_below(self._root))
        return sum(1 for _ in self._oldest_sliding())

    def clear(self) -> None:
        """Give everything back that no sequence holds, and forget the rest."""
        for node in list(self._nodes()):
            self._drop_sliding(node)
            self._pool(LayerType.FULL).give_back(node.full)
            node.is_live = False
        self._root.children.clear()

    def _walk(self, ids: TokenIds, owner: Owner) -> tuple[list[Node], int]:
        """The owner's nodes that begin as ids do, the last perhaps in part, and how many tokens that is."""
        nodes: list[Node] = []
        node, length = self._root, 0
        while (stop := length + PAGE_SIZE) <= len(ids):
            child = node.children.get(_Tokens(ids[length:stop], owner.of_page(stop)))
            if child is None:
                break
            nodes.append(child)
            node, length = child, stop
        own, num_shared = owner.of_page(length + PAGE_SIZE), max(0, owner.num_shared - length)
        best, common = self._begun(node, ids[length:], own, num_shared)
        if best is not None and common:
            nodes.append(best)
        return nodes, length + common

    def _begun(
        self, parent: Node, ids: TokenIds, owner: str, num_shared: int
    ) -> tuple[Node | None, int]:
        """The child that begins most as ids do, and how many tokens that is: of the owner's, or of what is shared."""

        def reach(child: Node) -> int:
            common = child.tokens.num_common(ids)
            if child.tokens.owner == owner:
                return common
            return min(common, num_shared) if child.tokens.owner == EVERYBODY else 0

        # Among equals, one whose sliding layers can go on.
        best = max(
            parent.children.values(),
            key=lambda child: (reach(child), child.sliding is not None),
            default=None,
        )
        return best, 0 if best is None else reach(best)

    def _usable(self, nodes: list[Node], length: int) -> int:
        """The longest part of a prefix whose last window the sliding layers have."""
        while length:
            first = max(0, length - self._cache.window + 1) // PAGE_SIZE
            needed = range(first, -(-length // PAGE_SIZE))
            missing = [index for index in needed if nodes[index].sliding is None]
            if not missing:
                return length
            length = missing[-1] * PAGE_SIZE
        return 0

    def _add(self, parent: Node, tokens: _Tokens, full: int, sliding: int | None) -> Node:
        """The child with these tokens, made if it is not there."""
        node = parent.children.get(tokens)
        # Whether the sequence's page becomes the node's.
        has_page = node is None
        if node is None:
            node = Node(parent, tokens, self._held(LayerType.FULL, full))
        elif node.full != full and self._is_ours_alone(LayerType.FULL, node.full):
            # A prompt that was computed again: what it adds below would keep both pages here.
            self._pool(LayerType.FULL).give_back(node.full)
            node.full, node.is_pair = self._held(LayerType.FULL, full), False
            has_page = True
        if node.sliding is None and sliding is not None:
            node.sliding = self._held(LayerType.SLIDING, sliding)
            node.is_pair = node.full == full
        if has_page:
            self._replace_shorter(parent, node)
            parent.children[tokens] = node
        return node

    def _replace_shorter(self, parent: Node, node: Node) -> None:
        """Remove children that have nothing beside the node's first tokens."""
        data, owner = node.tokens.data, node.tokens.owner
        for shorter in [
            child
            for child in parent.children.values()
            if child is not node
            and child.tokens.owner == owner
            and data.startswith(child.tokens.data)
        ]:
            is_same = shorter.full == node.full
            if node.sliding is None and is_same and shorter.is_pair:
                # The sequence went on in both of its pages, and has given one of them back since.
                node.sliding, shorter.sliding = shorter.sliding, None
                node.is_pair = True
            # A page that two nodes held could not be evicted.
            if is_same or shorter.sliding is None or node.sliding is not None:
                node.is_anchor |= shorter.is_anchor
                self._remove(shorter)

    def _mark_anchors(self, end: Node, added: list[Node], first: int, *, is_anchor: bool) -> None:
        """Keep the windows that others go on from longest. `first`: the index of the first page that was added."""
        pages = -(-(self._cache.window - 1) // PAGE_SIZE) + 1
        for index, node in enumerate(added, first):
            node.is_anchor |= -(index + 1) % (ANCHOR_DISTANCE // PAGE_SIZE) < pages
        if is_anchor:
            for node in self._ancestors(end)[:pages]:
                node.is_anchor = True

    def _touch(self, nodes: Sequence[Node]) -> None:
        now = next(self._clock)
        for node in nodes:
            node.last_used = now

    def _ancestors(self, node: Node) -> list[Node]:
        found = []
        while node.parent is not None:
            found.append(node)
            node = node.parent
        return found

    def _nodes(self) -> Iterator[Node]:
        waiting = list(self._root.children.values())
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children.values()

    def _is_ours_alone(self, kind: LayerType, page: int) -> bool:
        return self._pool(kind).num_holders(page) == 1

    def _oldest_leaves(self) -> Iterator[Node]:
        """Nodes to remove in this order, each a leaf once those before it are gone."""
        heap = [(n.last_used, id(n), n) for n in self._nodes() if not n.children]
        heapq.heapify(heap)
        while heap:
            _, _, node = heapq.heappop(heap)
            if not self._is_ours_alone(LayerType.FULL, node.full):
                continue
            parent = node.parent
            yield node
            if parent is not None and parent.parent is not None and not parent.children:
                heapq.heappush(heap, (parent.last_used, id(parent), parent))

    def _evictable_below(self, root: Node) -> Iterator[Node]:
        """Nodes that no sequence holds, nor any node below them."""
        order = [root]
        for node in order:
            order += node.children.values()
        held: set[int] = set()
        for node in reversed(order[1:]):
            if id(node) in held or not self._is_ours_alone(LayerType.FULL, node.full):
                held.add(id(node.parent))
            else:
                yield node

    def _oldest_sliding(self) -> Iterator[Node]:
        kept = [
            node
            for node in self._nodes()
            if node.sliding is not None and self._is_ours_alone(LayerType.SLIDING, node.sliding)
        ]
        return iter(sorted(kept, key=lambda node: (node.is_anchor, node.last_used)))

    def _remove(self, node: Node) -> None:
        assert node.parent is not None
        assert not node.children
        self._drop_sliding(node)
        self._pool(LayerType.FULL).give_back(node.full)
        del node.parent.children[node.tokens]
        node.is_live = False

    def _drop_sliding(self, node: Node) -> None:
        if node.sliding is not None:
            self._pool(LayerType.SLIDING).give_back(node.sliding)
            node.sliding = None

    def _held(self, kind: LayerType, page: int) -> int:
        self._pool(kind).hold(page)
        return page

    def _pool(self, kind: LayerType) -> PagePool:
        return self._cache.pool(kind)
