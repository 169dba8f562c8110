"""The merges of a vocabulary, which its ranks imply: files of other programs list them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def merges_of(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Every two tokens that make a third one, by the third one's rank and then their own.

    This is the order in which published files have them: a program that takes the first merge of its list that fits
    then takes the one of the lowest rank, as encoding by ranks does.
    """
    for token in sorted(ranks, key=ranks.__getitem__):
        splits = ((token[:cut], token[cut:]) for cut in range(1, len(token)))
        found = [(left, right) for left, right in splits if left in ranks and right in ranks]
        yield from sorted(found, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
