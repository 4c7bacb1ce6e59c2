"""Texts that stand more than once: near copies by several users, one text with several stars."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.audit.finding import Finding
from training.audit.fingerprints import BANDS, Fingerprints, batches_of, shingles
from training.features.tokens import HashArray

MIN_TOKENS = 8  # of a text: many people say the same in fewer words
MIN_JACCARD = 0.7  # shared shingles of all that two texts have: one sentence in three may differ
MAX_COMPARED = 250_000  # candidates, whose shingles are held: 1 kB each


def find_one_text_several_stars(rows: Fingerprints) -> Finding:
    """Rows whose words are the same and whose stars are not."""
    asks = f"the same text of {MIN_TOKENS} tokens or more, with different stars"
    rows = rows.take(rows.tokens >= MIN_TOKENS)
    _, group = np.unique(rows.words, return_inverse=True)
    low, high = _least(rows.rating, group), -_least(-rows.rating, group)
    chosen = np.flatnonzero((high > low)[group])
    return _finding(asks, rows, chosen, group[chosen], np.ones(len(chosen)))


def find_near_copies(rows: Fingerprints, folder: Path) -> Finding:
    """Rows whose texts are much the same, by different users; the value is the Jaccard index.

    Candidates meet in a band of minhashes (Broder, 1997); each is compared with the first row of
    its band, shingle by shingle.
    """
    asks = (
        f"texts of {MIN_TOKENS} tokens or more that share {MIN_JACCARD:.0%} of their word triples "
        "and come from different users"
    )
    if not rows.user.any():
        asks += " (as far as their buckets tell: user_id was not kept)"
    rows = rows.take(rows.tokens >= MIN_TOKENS)
    pairs = _candidates(rows)
    places = np.unique(pairs)
    if len(places) > MAX_COMPARED:
        asks += f"; of {len(places):,} candidates the first {MAX_COMPARED:,} were compared"
        pairs = pairs[(pairs <= places[MAX_COMPARED - 1]).all(axis=1)]
        places = np.unique(pairs)
    likeness = _compare(rows, pairs, places, folder)
    same = likeness >= MIN_JACCARD
    group = _connect(pairs[same], len(rows))
    value = np.zeros(len(rows))
    for side in (0, 1):
        np.maximum.at(value, pairs[same, side], likeness[same])
    whose = rows.whose
    first = np.full(group.max(initial=-1) + 1, 0, np.uint64)
    first[group[::-1]] = whose[::-1]  # of each group the first row's user
    across = np.zeros(len(first), np.bool_)
    np.logical_or.at(across, group, whose != first[group])
    chosen = np.flatnonzero(across[group])
    return _finding(asks, rows, chosen, group[chosen], value[chosen])


def _candidates(rows: Fingerprints) -> NDArray[np.int64]:
    """(p, 2) places of rows that meet in some band: each with the first that stands there."""
    found = []
    for band in range(BANDS):
        values = rows.bands[:, band]
        order = np.argsort(values, kind="stable")
        begins = np.diff(values[order], prepend=values[order[:1]] ^ np.uint64(1)) != 0
        leader = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
        pairs = np.stack((leader, order), axis=1)[~begins]  # (p, 2)
        found.append(pairs)
    joined = np.concatenate(found)
    return np.unique(joined, axis=0) if len(joined) else joined


def _compare(
    rows: Fingerprints, pairs: NDArray[np.int64], places: NDArray[np.int64], folder: Path
) -> NDArray[np.float64]:
    """(p,) Jaccard index of each pair of places."""
    if not len(pairs):
        return np.zeros(0)
    keys = rows.review_key[places]  # ascending, as all rows are
    sets: dict[int, HashArray] = {}
    for batch in batches_of(folder, keys):
        hashes, offsets, _, _ = shingles(batch)
        at = places[np.searchsorted(keys, batch.review_key)].tolist()
        for place, begin, end in zip(at, offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
            sets[place] = np.unique(hashes[begin:end])
    return np.array([_jaccard(sets[one], sets[other]) for one, other in pairs.tolist()])


def _jaccard(one: HashArray, other: HashArray) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def _connect(pairs: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """(n,) the group of each row; rows of one chain of pairs are in one."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n, n))
    group: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return group


def _least(values: NDArray[np.int8], group: NDArray[np.int64]) -> NDArray[np.int8]:
    least = np.full(group.max(initial=-1) + 1, 127, np.int8)
    np.minimum.at(least, group, values)
    return least


def _finding(
    asks: str,
    rows: Fingerprints,
    chosen: NDArray[np.int64],
    group: NDArray[np.int64],
    value: NDArray[np.float64],
) -> Finding:
    order = np.argsort(group, kind="stable")
    _, number = np.unique(group[order], return_inverse=True)
    at = chosen[order]
    return Finding(asks, rows.review_key[at], rows.rating[at], number, value[order])
