"""Chunks of raw lines in, Arrow batches of curated rows out."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import starmap
from typing import Any

import numpy as np
from arro3.core import RecordBatch
from numpy.typing import NDArray

from reviews import language, schema
from reviews.bulk import columns
from reviews.bulk.certain import ASK, YES, CertainEnglish
from reviews.bulk.parse import Lines, Parsed, Parser
from reviews.bulk.seen import Seen
from reviews.bulk.words import scan, squeeze
from reviews.clean import join_sample, visible
from reviews.counts import Counts
from reviews.errors import UnreadableSourceError
from reviews.identity import BUCKETS
from reviews.language.english import is_certainly_english, is_too_short
from reviews.record import Rejected
from reviews.source import Chunk

HELD_ROWS = 1 << 15  # until so many rows wait for their language ...
HELD_DOUBTS = 1 << 10  # ... or so many for the detector, which is slow in small batches

DIGITS = (b"", b"1", b"2", b"3", b"4", b"5")
ENOUGH_WORDS = 3  # distinct English ones: not too short to tell


@dataclass(slots=True)
class _Held:
    """A chunk's columns, waiting for the detector. rows: which are kept; None: all."""

    columns: dict[str, Any]
    codes: list[str]
    confidences: list[float | None]
    rows: NDArray[Any] | None
    ratings: NDArray[np.int8]


class Refinery:
    """Applies the rules to one chunk after another; remembers keys across all of them."""

    def __init__(
        self,
        *,
        keep_columns: tuple[str, ...],
        detector: str,
        remembered_rows: int,
        counts: Counts,
        on_reject: Callable[[Rejected], None],
    ) -> None:
        self.schema = schema.arrow_schema(keep_columns)
        self._names = [column.name for column in schema.columns(keep_columns)]
        self._extra = sorted({"parent_asin", "images", "timestamp"}.intersection(keep_columns))
        self._detector = detector
        self._cascade = language.find_detector(detector).cascade
        self._counts = counts
        self._on_reject = on_reject
        self._rejected: list[Rejected] = []
        self._parser = Parser(self._rejected.append, wide=bool(self._extra))
        self._certain = CertainEnglish()
        self._seen = Seen(remembered_rows)
        self._held: list[_Held] = []
        self._held_rows = 0
        self._doubts: list[tuple[str, _Held, int]] = []

    def batches(self, chunks: Iterator[Chunk | Rejected]) -> Iterator[RecordBatch]:
        """The curated rows of some chunks, in order. An error of theirs comes after their rows."""
        broken = None
        try:
            for chunk in chunks:
                if isinstance(chunk, Rejected):
                    self._part(chunk)
                else:
                    self._chunk(chunk)
                if len(self._doubts) >= HELD_DOUBTS or self._held_rows >= HELD_ROWS:
                    yield from self._release()
        except UnreadableSourceError as error:
            broken = error
        yield from self._release()
        if broken:
            raise broken

    def _part(self, part: Rejected) -> None:
        if part.part == 0:
            self._counts.read += 1
            self._counts.rejected[part.reason] += 1
        self._on_reject(part)

    def _chunk(self, chunk: Chunk) -> None:
        lines = Lines(chunk)
        parsed = self._parser.parse(lines)
        self._counts.read += parsed.read
        self._counts.blank += parsed.blank
        if parsed.reviews:
            self._hold(parsed, lines)
        for rejected in sorted(self._rejected, key=lambda rejected: rejected.number):
            self._counts.rejected[rejected.reason] += 1
            self._on_reject(rejected)
        self._rejected.clear()

    def _hold(self, parsed: Parsed, lines: Lines) -> None:
        """Everything but the doubtful languages."""
        n = len(parsed.reviews)
        rating, title, text, asin, user, votes, bought, *_ = zip(
            *map(columns.FIELDS, parsed.reviews), strict=True
        )
        ratings = np.array(rating, np.int8)
        strings = [words or "" for words in title]
        strings += text
        seen = scan(strings)
        markup = np.zeros(n, np.bool_)
        for i in seen.marked:
            if (shown := visible(strings[i])) != strings[i]:
                strings[i] = shown
                markup[i % n] = True
        samples = list(starmap(join_sample, zip(strings[:n], strings[n:], strict=True)))
        joined = squeeze(strings, seen)
        texts = joined.strings(n, 2 * n)
        users = [name.encode() if name else b"" for name in user]
        keys = _keys(users, asin, ratings, joined.strings(0, n), texts)
        rows = self._fresh_rows(keys, texts, parsed, lines)
        codes, doubtful = self._languages(samples, seen.has_zero)
        named = {
            "rating": columns.from_numpy(ratings),
            "title": columns.from_joined(joined, 0, n),
            "text": columns.from_joined(joined, n, 2 * n),
            "verified_purchase": columns.from_python(bought, "bool"),
            "helpful_vote": columns.from_python(votes, "int32"),
            "markup": columns.from_numpy(markup),
            "bucket": columns.from_numpy(_buckets(users, texts)),
            "review_key": columns.from_numpy(keys),
        }
        if "asin" in self._names:
            named["asin"] = columns.from_python(asin, "string")
        if "user_id" in self._names:
            named["user_id"] = columns.from_python(user, "string")
        if self._extra:
            named |= columns.extra_columns(parsed.reviews, self._extra, self.schema)
        held = _Held(named, codes, [None] * n, rows, ratings)
        self._held.append(held)
        self._held_rows += n
        kept = None if rows is None else set(rows.tolist())
        self._doubts += [(samples[i], held, i) for i in doubtful if kept is None or i in kept]

    def _fresh_rows(
        self, keys: NDArray[np.uint64], texts: list[bytes], parsed: Parsed, lines: Lines
    ) -> NDArray[Any] | None:
        """Which rows have words left and were not met before; None: all of them."""
        rows: NDArray[Any] | None = None
        if b"" in texts:
            has_text = np.fromiter(map(bool, texts), np.bool_, len(texts))
            for i in np.flatnonzero(~has_text).tolist():
                line = i if parsed.line_of is None else parsed.line_of[i]
                self._rejected.append(lines.reject("no_text", line))
            rows = np.flatnonzero(has_text)
            keys = keys[rows]
        fresh, is_remembered = self._seen.add(keys)
        met = int(fresh.sum())
        self._counts.kept += met
        self._counts.duplicates += len(keys) - met
        if not is_remembered:
            self._counts.unremembered += met
        if met < len(keys):
            rows = np.flatnonzero(fresh) if rows is None else rows[fresh]
        return rows

    def _languages(self, samples: list[str], has_zero: bool) -> tuple[list[str], list[int]]:
        """-> (a language for each sample, those that the detector must tell)."""
        codes, doubtful = [language.CERTAIN[0]] * len(samples), []
        is_plain = [s.isascii() and not (has_zero and "\0" in s) for s in samples]
        plain = [s if looked else "" for s, looked in zip(samples, is_plain, strict=True)]
        told, least = self._certain(plain)
        open_ones = (told != YES) | (least < ENOUGH_WORDS)
        for i in np.flatnonzero(open_ones) if self._cascade else range(len(samples)):
            sample = samples[i]
            if least[i] < ENOUGH_WORDS and is_too_short(sample):
                codes[i] = language.UNTOLD[0]
                continue
            is_certain = told[i] == YES
            if told[i] == ASK or not is_plain[i]:
                is_certain = is_certainly_english(sample)
            if not (is_certain and self._cascade):
                doubtful.append(int(i))
        return codes, doubtful

    def _release(self) -> Iterator[RecordBatch]:
        """Ask the detector about all doubtful rows at once, then let the held chunks go."""
        if self._doubts:
            identify = language.identifier(self._detector)
            guesses = identify([sample for sample, _, _ in self._doubts])
            for (_, held, i), guess in zip(self._doubts, guesses, strict=True):
                held.codes[i], held.confidences[i] = guess
        self._doubts.clear()
        for held in self._held:
            yield self._batch(held)
        self._held.clear()
        self._held_rows = 0

    def _batch(self, held: _Held) -> RecordBatch:
        held.columns["language"] = columns.from_python(held.codes, "string")
        held.columns["language_confidence"] = columns.from_python(held.confidences, "float32")
        batch = RecordBatch.from_arrays(
            [held.columns[name] for name in self._names], schema=self.schema
        )
        codes, ratings = held.codes, held.ratings
        if held.rows is not None:
            batch = batch.take(columns.from_numpy(held.rows))
            codes, ratings = [codes[i] for i in held.rows.tolist()], ratings[held.rows]
        self._counts.languages.update(Counter(codes))
        for stars, rows in enumerate(np.bincount(ratings, minlength=6).tolist()):
            if rows:
                self._counts.ratings[str(stars)] += rows
        return batch


def _keys(
    users: list[bytes],
    asins: tuple[str | None, ...],
    ratings: NDArray[np.int8],
    titles: list[bytes],
    texts: list[bytes],
) -> NDArray[np.uint64]:
    """`identity.review_key` of each row."""
    products = [asin.encode() if asin else b"" for asin in asins]
    stars = [DIGITS[rating] for rating in ratings.tolist()]
    fields = zip(users, products, stars, titles, texts, strict=True)
    digests = [blake2b(row, digest_size=8).digest() for row in map(b"\0".join, fields)]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64, copy=False)


def _buckets(users: list[bytes], texts: list[bytes]) -> NDArray[np.uint8]:
    """`identity.bucket` of each row."""
    hashes = [zlib.crc32(user or text) for user, text in zip(users, texts, strict=True)]
    return (np.array(hashes, np.uint32) % BUCKETS).astype(np.uint8)
