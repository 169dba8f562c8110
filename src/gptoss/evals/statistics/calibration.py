"""How far stated confidence is from being right."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from gptoss.evals.statistics.clusters import Floats
from gptoss.evals.statistics.estimate import CONFIDENCE, Estimate, Method, Unit

_BIN = 100
_RESAMPLES = 1000


def calibration_error(
    confidences: npt.ArrayLike,
    scores: npt.ArrayLike,
    clusters: Sequence[Hashable],
    *,
    num_bin: int = _BIN,
    seed: int = 0,
) -> Estimate:
    """The root mean square difference of mean confidence and mean score, over bins in order of confidence.

    Bins have so many items, and the last one what is left over as well. All count, where the script of Humanity's Last
    Exam leaves out the last, of the most confident. The interval is of clusters drawn anew; since chance in a bin makes
    the error larger and never smaller, it is widened to hold the error itself.
    """
    stated, right = np.asarray(confidences, np.float64), np.asarray(scores, np.float64)
    mean = _error(stated, right, num_bin)
    members: dict[Hashable, list[int]] = {}
    for index, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(index)
    groups = [np.array(each) for each in members.values()]
    numbers = np.random.PCG64(seed)
    drawn = []
    for _ in range(_RESAMPLES):
        # Raw numbers: a generator's own methods may change with NumPy's version.
        places = numbers.random_raw(len(groups)) % np.uint64(len(groups))
        chosen = np.concatenate([groups[int(place)] for place in places])
        drawn.append(_error(stated[chosen], right[chosen], num_bin))
    low, high = np.quantile(
        drawn, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2], method="inverted_cdf"
    )
    return Estimate(
        mean=mean,
        low=min(float(low), mean),
        high=max(float(high), mean),
        n=len(stated),
        clusters=len(groups),
        method=Method.BOOTSTRAP,
        unit=Unit.SHARE,
    )


def _error(stated: Floats, right: Floats, num_bin: int) -> float:
    # Equal confidences have one score, their mean: by a score of each, a bin could hold the right ones alone.
    values, places, counts = np.unique(stated, return_inverse=True, return_counts=True)
    means = np.bincount(places, right) / counts
    differences = np.repeat(values - means, counts)
    begins = np.arange(max(len(stated) // num_bin, 1)) * num_bin
    sums = np.add.reduceat(differences, begins)
    sizes = np.diff(np.append(begins, len(stated)))
    return float(np.sqrt(np.sum(sums * sums / sizes) / len(stated)))
