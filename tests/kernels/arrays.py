"""Test data for the kernels, and how far a result may be from its twin's.

Tolerances follow from the arithmetic: a float32 sum of n terms, in any order, differs from the exact one by at most
n * 2^-24 times the sum of the terms' magnitudes (Higham, Accuracy and Stability, 4.2); exp is good to a few units in
the last place. Nothing here is tuned until it passes.
"""

from __future__ import annotations

import numpy as np

EPSILON = 2.0**-24
# Results below the smallest normal float may be flushed to zero, once for each product.
TINY = 2.0**-126
DTYPES = ("float32", "bfloat16")

Array = np.ndarray


def floats(random: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    return (random.standard_normal(shape) * scale).astype(np.float32)


def bits(values: Array) -> Array:
    """The upper halves of floats: bfloat16 by truncation, good enough to make test data."""
    return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16)


def widened(stored: Array) -> Array:
    if stored.dtype == np.float32:
        return stored
    return (stored.astype(np.uint32) << 16).view(np.float32)


def activations(random: np.random.Generator, dtype: str, *shape: int) -> Array:
    values = floats(random, *shape)
    return values if dtype == "float32" else bits(values)


def assert_within(got: Array, wanted: Array, bound: Array | float) -> None:
    excess = np.abs(got.astype(np.float64) - wanted.astype(np.float64)) - bound
    assert np.isfinite(got).all()
    assert (excess <= 0).all(), f"largest excess {excess.max():.3g}"


def sum_bound(terms: int, magnitudes: Array) -> Array:
    return (terms + 2) * EPSILON * magnitudes + terms * TINY
