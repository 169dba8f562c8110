"""Observations summed by cluster, and the variance of their mean that only clusters are taken to be independent for."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Rounding of sums must not pass for variation.
_NO_VARIATION = 1e-12


@dataclass(frozen=True, slots=True)
class ClusterSums:
    """Sums and sizes (clusters,) of observations."""

    sums: Floats
    sizes: Floats

    @classmethod
    def of(cls, values: npt.ArrayLike, clusters: Sequence[Hashable]) -> ClusterSums:
        """Sum observations by the clusters that they are in."""
        observed = np.asarray(values, np.float64)
        if len(observed) != len(clusters):
            raise ValueError(f"got {len(clusters)} clusters for {len(observed)} observations")
        if not len(observed):
            raise ValueError("got no observation, wanted one at least")
        numbers = numbered(clusters)
        sizes = np.bincount(numbers).astype(np.float64)
        return cls(np.bincount(numbers, observed).astype(np.float64), sizes)

    @property
    def num(self) -> int:
        """Clusters."""
        return len(self.sums)

    @property
    def n(self) -> int:
        """Observations."""
        return int(self.sizes.sum())

    @property
    def mean(self) -> float:
        """Of all observations, not of the clusters' means."""
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def variance(self) -> float:
        """Of the mean; 0 where all clusters have the same mean, or there is one alone.

        CR1: residuals summed in each cluster, squares of the sums, times G / (G - 1). Source: Cameron and Miller, A
        Practitioner's Guide to Cluster-Robust Inference, Journal of Human Resources 50 (2015), with an intercept alone.
        """
        residuals = self.sums - self.mean * self.sizes
        if self.num < 2 or float(np.abs(residuals).max()) <= _NO_VARIATION * self.sizes.max():
            return 0.0
        return self.num / (self.num - 1) * float(residuals @ residuals) / self.n**2


def numbered(labels: Sequence[Hashable]) -> Ints:
    """A number for each label, the same for the same, in the order in which they first come."""
    seen: dict[Hashable, int] = {}
    return np.fromiter(
        (seen.setdefault(label, len(seen)) for label in labels), np.int64, len(labels)
    )
