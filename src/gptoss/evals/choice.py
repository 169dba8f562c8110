"""Which samples of a suite are asked, and in which order."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from gptoss.errors import EvalError
from gptoss.evals.suite import Sample


def chosen(samples: Sequence[Sample], limit: int | None, seed: int) -> list[Sample]:
    """The samples in an order by the seed, so that each beginning of a run is like the whole; with a limit, so many of
    them, spread over the first of their categories as all are.

    Raises EvalError where there is none, for an id that comes twice, and for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise EvalError(f"got a limit of {limit} samples, wanted 1 or more")
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise EvalError(
                f"got two samples of the id {sample.id}, wanted distinct ones; look at the data for doubled rows"
            )
        seen.add(sample.id)
    if not samples:
        raise EvalError("got no samples, wanted one or more; look at the data")
    # Of text, so that it depends on nothing but the seed and the ids.
    order = random.Random(f"order {seed}")
    ordered = sorted(samples, key=lambda sample: sample.id)
    order.shuffle(ordered)
    if limit is None or limit >= len(ordered):
        return ordered
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in ordered:
        groups[next(iter(sample.category.values()), "")].append(sample)
    taken = _shares({name: len(group) for name, group in groups.items()}, limit)
    kept = {sample.id for name, group in groups.items() for sample in group[: taken[name]]}
    return [sample for sample in ordered if sample.id in kept]


def _shares(sizes: dict[str, int], limit: int) -> dict[str, int]:
    """How many of each group: by its share of all, what is left over to those with the largest rest."""
    total = sum(sizes.values())
    exact = {name: limit * size / total for name, size in sizes.items()}
    taken = {name: int(share) for name, share in exact.items()}
    by_rest = sorted(exact, key=lambda name: (taken[name] - exact[name], name))
    for name in by_rest[: limit - sum(taken.values())]:
        taken[name] += 1
    return taken
