"""Writes the targets of our problems in steps, in the forms that SciCode's file has them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from scipy import sparse


def write_targets(path: Path) -> None:
    """A file with all targets."""
    with h5py.File(path, "w") as file:
        _plain(file, "501.1/test1", 6.0)
        _plain(file, "501.1/test2", 0.0)
        _plain(file, "501.2/test1", np.array([0.5, 1.5]))
        bounds = file.create_group("501.3/test1/var1")
        bounds["low"], bounds["high"] = 0.25, 0.75
        file["501.3/test1/var2"] = 1.0
        matrix = sparse.csr_matrix(2 * np.eye(3))
        group = file.create_group("502.1/test1/var1/sparse_matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        group["shape"] = matrix.shape
        described = file.create_group("502.2/test1/var1")
        described["name"], described["1.5"] = "twos", 6.0
        _plain(file, "502.2/test2", 4.0)
        _plain(file, "13.5/test1", 9.0)
        _plain(file, "13.7/test1", 17.0)


def _plain(file: h5py.File, name: str, value: object) -> None:
    file[f"{name}/var1"] = value
