"""Takes the targets of a step out of SciCode's HDF5 file, each as a pickle in a file of its own."""

from __future__ import annotations

import pickle

import h5py

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def gather(source: str, step: str, count: int, path: str) -> int:
    """Write the targets of so many tests, at this path followed by their numbers; how many there are."""
    # Locks are for writers, and refused here.
    with h5py.File(source, "r", locking=False) as file:
        for number in range(count):
            name = f"{step}/test{number + 1}"
            if name not in file:
                return number
            values = [_value(each) for each in file[name].values()]
            with open(f"{path}{number}", "wb") as written:
                pickle.dump(values[0] if len(values) == 1 else tuple(values), written)
    return count


def _value(stored: Any) -> Any:
    """What is stored: a plain value, a list, a sparse matrix, or a dict."""
    if isinstance(stored, h5py.Dataset):
        return _plain(stored)
    first = next(iter(stored), "")
    if first == "list":
        return [each[()] for each in stored["list"].values()]
    if first == "sparse_matrix":
        return _matrix(stored["sparse_matrix"])
    return {_key(name, each): _entry(each) for name, each in stored.items()}


def _entry(stored: Any) -> Any:
    return _matrix(stored["sparse_matrix"]) if isinstance(stored, h5py.Group) else _plain(stored)


def _key(name: str, stored: Any) -> str | float:
    """Numbers were keys as their text; those of texts and matrices stayed texts."""
    if isinstance(stored, h5py.Group) or isinstance(stored[()], bytes):
        return name
    try:
        return float(name)
    except ValueError:
        return name


def _plain(stored: Any) -> Any:
    value = stored[()]
    return value.decode() if isinstance(value, bytes) else value


def _matrix(stored: Any) -> Any:
    from scipy import sparse

    data, shape = stored["data"][()], tuple(stored["shape"][()])
    if "row" in stored and "col" in stored:
        return sparse.coo_matrix((data, (stored["row"][()], stored["col"][()])), shape=shape)
    parts = (data, stored["indices"][()], stored["indptr"][()])
    if "blocksize" in stored:
        return sparse.bsr_matrix(parts, shape=shape, blocksize=tuple(stored["blocksize"][()]))
    return sparse.csr_matrix(parts, shape=shape)
