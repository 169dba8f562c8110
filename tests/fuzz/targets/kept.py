"""What is kept from one run to the next: prefixes, and packed weights."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from gptoss.engine.prefix_cache import PrefixCache
from gptoss.engine.prefix_file import PrefixFile
from gptoss.errors import PrefixFileError
from gptoss.model.checkpoint import Checkpoint, open_checkpoint
from gptoss.model.config import LayerType, alternating_layers
from gptoss.model.kv_cache import KVCache
from gptoss.model.layouts import PACKED
from gptoss.model.packed_file import PackedFile
from gptoss.model.packing import Packing, WeightType
from gptoss.model.page_pool import PAGE_SIZE
from gptoss.model.precision import CacheType
from gptoss.model.transformer import Transformer
from tests.fuzz.forms import Prefixes, Safetensors
from tests.fuzz.target import Target
from tests.fuzz.targets.checkpoint import BACKEND, TINY
from tests.model.random_model import RandomModel

# With a layer of each kind.
CONFIG = dataclasses.replace(TINY, layer_types=alternating_layers(2))
_OWN = 0o600


def _cache() -> KVCache:
    return KVCache(CONFIG, CacheType.INT8, max_tokens=8 * PAGE_SIZE)


def _prefix_file(folder: Path) -> PrefixFile:
    return PrefixFile(folder, "tiny", {"model": "tiny"})


def read_prefixes(data: bytes, folder: Path) -> None:
    """Restored, found again and given back; or refused, with the cache as it was."""
    file, kv_cache = _prefix_file(folder), _cache()
    file.path.write_bytes(data)
    file.path.chmod(_OWN)
    prefixes = PrefixCache(kv_cache)
    try:
        num_tokens = file.restore(prefixes)
    except PrefixFileError:
        _require_empty(kv_cache)
        raise
    assert num_tokens == prefixes.num_tokens
    for node in prefixes.nodes_by_use():
        prefixes.match([*node.tokens.ids.tolist(), 1])
    prefixes.clear()
    _require_empty(kv_cache)


def _require_empty(kv_cache: KVCache) -> None:
    for kind in LayerType:
        pool = kv_cache.pool(kind)
        assert pool.num_free == pool.num_pages


def _prefixes() -> Iterator[bytes]:
    kv_cache = _cache()
    prefixes = PrefixCache(kv_cache)
    above = prefixes.root
    for number, owner in enumerate(("", "a", "a")):
        count = PAGE_SIZE if number < 2 else 5
        ids = np.full(count, number, np.int32)
        full = kv_cache.pool(LayerType.FULL).take()
        sliding = kv_cache.pool(LayerType.SLIDING).take() if number else None
        above = prefixes.insert(above, ids, full, sliding, is_anchor=number == 1, owner=owner)
    prefixes.touch_path(above)
    with tempfile.TemporaryDirectory() as place:
        file = _prefix_file(Path(place))
        assert file.save(prefixes) == 2 * PAGE_SIZE + 5
        yield file.path.read_bytes()


@cache
def _checkpoint() -> Checkpoint:
    with tempfile.TemporaryDirectory() as place:
        # Mapped: the files may go.
        return open_checkpoint(RandomModel.of(CONFIG, 0).write(Path(place) / "tiny", PACKED))


@cache
def _packing() -> Packing:
    checkpoint = _checkpoint()
    return Packing(checkpoint.config, checkpoint.weights, WeightType.INT8, BACKEND)


def _packed_file(folder: Path) -> PackedFile:
    return PackedFile(folder, _checkpoint(), WeightType.INT8)


def read_packed(data: bytes, folder: Path) -> None:
    """Values are not looked at: whatever they are, kernels stay within them."""
    file, packing = _packed_file(folder), _packing()
    file.path.write_bytes(data)
    file.path.chmod(_OWN)
    arrays = file.open(packing)
    assert arrays is not None
    with np.errstate(all="ignore"):
        Transformer(CONFIG, packing.assemble(arrays), BACKEND, "int8").logits(np.arange(3))


def _packed() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as place:
        file = _packed_file(Path(place))
        file.write(_packing(), lambda _: None)
        yield file.path.read_bytes()


TARGETS = (
    Target("prefixes", Prefixes(), _prefixes, read_prefixes),
    Target("packed", Safetensors(), _packed, read_packed),
)
