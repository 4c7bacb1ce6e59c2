"""Which n-grams a model knows: chosen from the training rows, and counted into matrices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from training.config import Space
from training.data.dataset import Rows
from training.errors import TrainingError
from training.features.tokens import (
    FloatArray,
    HashArray,
    IntArray,
    Tokens,
    bigram_hashes,
    tokenise,
)
from training.features.views import Table, count, numbers, occurrences

CHUNK_ROWS = 256  # what stays in the processor's caches
WHOLE = ("title", "text")  # the other views lie inside these
Matrix = Any  # scipy's csr_matrix, float64


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams of all views, the commonest first, and the training rows in them.

    ngrams: (v,) as they are spelled. bigram: (v,) bool. counts: (n, c), see tokens.COUNTS.
    chosen: view -> (m,) its n-grams. idf: view -> (m,). matrices: view -> (n, m) TF-IDF.
    """

    ngrams: list[str]
    chosen: dict[str, IntArray]
    idf: dict[str, NDArray[np.float32]]
    matrices: dict[str, Matrix]
    counts: FloatArray


def build(rows: Rows, spaces: Mapping[str, Space], edge_tokens: int) -> Vocabulary:
    """Choose the n-grams of every view and count the rows in them.

    A view without any n-gram is left out: reviews may lack a field. Raises TrainingError where no
    view has one.
    """
    min_times = min(space.min_rows for space in spaces.values())
    keys, singles = _candidates(rows, min_times)
    parts = _count_all(rows, Table(keys), tuple(spaces), edge_tokens, len(keys))
    matrices = {view: _matrix(parts[view], len(rows), len(keys)) for view in spaces}
    bigram = np.arange(len(keys)) >= singles
    every = {view: _choose(matrices[view], bigram, spaces[view]) for view in spaces}
    chosen = keep_views(every)
    order, used = _order(chosen, matrices)
    ngrams = _spell(rows, keys[used])
    idf = {}
    for view, columns in chosen.items():
        columns = columns[np.argsort(order[columns])]
        chosen[view] = order[columns]
        matrices[view] = matrices[view][:, columns]
        idf[view] = _to_tf_idf(matrices[view])
    return Vocabulary(ngrams, chosen, idf, matrices, parts["counts"])


def keep_views(chosen: Mapping[str, IntArray]) -> dict[str, IntArray]:
    """The views that have n-grams. Raises TrainingError where none has."""
    kept = {view: ngrams for view, ngrams in chosen.items() if len(ngrams)}
    if not kept:
        raise TrainingError(
            f"no words in common: no n-gram of {', '.join(chosen)} occurs in as many rows as "
            "`min_rows` asks; add reviews"
        )
    return kept


def _chunks(rows: Rows) -> Iterator[tuple[int, Tokens]]:
    for begin in range(0, len(rows), CHUNK_ROWS):
        end = begin + CHUNK_ROWS
        yield begin, tokenise(rows.title[begin:end], rows.text[begin:end])


def _candidates(rows: Rows, min_times: int) -> tuple[HashArray, int]:
    """Keys that occur often enough, single tokens first, and how many are single."""
    singles, bigrams = [], []
    for _, tokens in _chunks(rows):
        t = len(tokens.hash)
        # Every token occurs once in WHOLE, so its first t places are tokens, the others bigrams:
        # those that cross from one field to the next are not among them.
        place = occurrences(tokens, WHOLE, 1)[1]
        singles.append(tokens.hash)
        bigrams.append(bigram_hashes(tokens.hash).take(place[t:] - t))
    common = [_common(singles, min_times), _common(bigrams, min_times)]
    return np.concatenate(common), len(common[0])


def _common(parts: list[HashArray], min_times: int) -> HashArray:
    keys = np.concatenate(parts)
    parts.clear()  # at once: together they are as large as the rows' text
    keys.sort()
    first = np.concatenate(([True], keys[1:] != keys[:-1])).nonzero()[0]
    times = np.diff(first, append=len(keys))
    found: HashArray = keys[first[times >= min_times]]
    return found


def _count_all(
    rows: Rows, table: Table, views: Sequence[str], edge_tokens: int, size: int
) -> dict[str, Any]:
    """By view the triples (rows, n-grams, times) of all rows; under `counts` what is counted."""
    found: dict[str, list[Any]] = {view: [] for view in views}
    counted = []
    for begin, tokens in _chunks(rows):
        n = len(tokens.counts)
        counts = count(tokens, table, views, edge_tokens, size)
        cuts = np.searchsorted(counts.segment, n * np.arange(len(views) + 1)).tolist()
        for view, name in enumerate(views):
            cut = slice(cuts[view], cuts[view + 1])
            found[name].append(
                (
                    (counts.segment[cut] - view * n + begin).astype(np.int32),
                    counts.ngram[cut].astype(np.int32),
                    counts.times[cut].astype(np.float32),
                )
            )
        counted.append(tokens.counts)
    joined: dict[str, Any] = {
        name: tuple(np.concatenate(column) for column in zip(*triples, strict=True))
        for name, triples in found.items()
    }
    return {**joined, "counts": np.concatenate(counted)}


def _matrix(triples: tuple[Any, Any, Any], n: int, size: int) -> Matrix:
    """Triples, sorted by row and n-gram, as a sparse matrix."""
    row, ngram, times = triples
    ends = np.concatenate(([0], np.bincount(row, minlength=n).cumsum()))
    return csr_matrix((times, ngram, ends.astype(np.int32)), shape=(n, size))


def _choose(matrix: Matrix, bigram: NDArray[np.bool_], space: Space) -> IntArray:
    """Columns in enough rows; of bigrams the commonest, of equals those with the lower key."""
    rows = np.bincount(matrix.indices, minlength=matrix.shape[1])
    keep = rows >= space.min_rows
    bigrams = np.flatnonzero(keep & bigram)
    if len(bigrams) > space.max_bigrams:
        ranked = bigrams[np.argsort(-rows[bigrams], kind="stable")]
        keep[ranked[space.max_bigrams :]] = False
    return np.flatnonzero(keep)


def _order(chosen: Mapping[str, IntArray], matrices: Mapping[str, Matrix]) -> tuple[Any, IntArray]:
    """Places of candidates in the vocabulary (-1: not in it), and the candidates in its order."""
    main = next(iter(chosen))
    size = matrices[main].shape[1]
    used = np.unique(np.concatenate(list(chosen.values())))
    rows = np.bincount(matrices[main].indices, minlength=size)
    used = used[np.argsort(-rows[used], kind="stable")]
    order = np.full(size, -1, np.int64)
    order[used] = np.arange(len(used))
    return order, used


def _spell(rows: Rows, keys: HashArray) -> list[str]:
    """How the n-grams of these keys are spelled, from where each occurs first."""
    table = Table(keys)
    spelled = [""] * len(keys)
    missing = np.ones(len(keys) + 1, np.bool_)
    missing[-1] = False  # where the unknown number -1 points
    left = len(keys)
    for _, tokens in _chunks(rows):
        t = len(tokens.hash)
        number = numbers(tokens, table)
        place = occurrences(tokens, WHOLE, 1)[1]
        place = place[missing.take(number.take(place))]
        new, first = np.unique(number.take(place), return_index=True)
        for i, at in zip(new.tolist(), place.take(first).tolist(), strict=True):
            spelled[i] = tokens.spell(at, 1) if at < t else tokens.spell(at - t, 2)
        missing[new] = False
        left -= len(new)
        if left == 0:
            break
    return spelled


def _to_tf_idf(matrix: Matrix) -> NDArray[np.float32]:
    """Turn counts into TF-IDF, in place as far as it goes; returns the idf.

    1 + log(times), smooth idf, rows of L2 norm 1: scikit-learn's with `sublinear_tf`.
    """
    n, size = matrix.shape
    rows = np.bincount(matrix.indices, minlength=size)
    idf: NDArray[np.float32] = (np.log((1 + n) / (1 + rows)) + 1).astype(np.float32)
    value = (1 + np.log(matrix.data.astype(np.float64))) * idf[matrix.indices]  # (nnz,)
    row = np.repeat(np.arange(n), np.diff(matrix.indptr))  # (nnz,)
    lengths = np.sqrt(np.bincount(row, value * value, minlength=n))
    matrix.data = value / lengths[row]
    return idf
