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
from reviews.bulk.clean import scan, squeeze
from reviews.bulk.duplicates import Seen
from reviews.bulk.english import ASK, YES, CertainEnglish
from reviews.bulk.parse import Lines, Parsed, Parser
from reviews.clean import is_empty, join_sample, visible
from reviews.counts import Counts
from reviews.errors import UnreadableSourceError
from reviews.identity import BUCKETS
from reviews.language.english import is_certainly_english, is_too_short
from reviews.language.scripts import foreign_script
from reviews.record import SCHEMA_2023, Rejected
from reviews.source import Chunk

# Chunks are held until so many rows wait, or so many samples for the detector, which is slow in
# small batches.
HELD_ROWS = 1 << 15
HELD_SAMPLES = 1 << 10

DIGITS = (b"", b"1", b"2", b"3", b"4", b"5")
BLANK, DELETE = 0x20, 0x7F  # between them: signs, digits and letters
ENOUGH_WORDS = 3  # so many distinct English words, and a sample is not too short


@dataclass(slots=True)
class _Held:
    """A chunk's columns, waiting for the detector.

    columns: of n rows each. codes, confidences: n of each. rows: numbers of those that are kept,
    ascending; None: all. ratings: (n,). schemas: n; None: all of 2023.
    """

    columns: dict[str, Any]
    codes: list[str]
    confidences: list[float | None]
    rows: NDArray[Any] | None
    ratings: NDArray[np.int8]
    schemas: list[str] | None


class Refinery:
    """Applies the rules to one chunk after another, and finds duplicates across all of them."""

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
        self._parser = Parser(self._rejected.append, counts.add_change, wide=bool(self._extra))
        self._certain = CertainEnglish()
        self._seen = Seen(remembered_rows)
        self._held: list[_Held] = []
        self._held_rows = 0
        self._pending: list[tuple[str, _Held, int]] = []  # sample, chunk, row: for the detector

    def batches(self, chunks: Iterator[Chunk | Rejected]) -> Iterator[RecordBatch]:
        """Refine chunks, in order. An error in reading them is raised after the rows before it."""
        broken = None
        try:
            for chunk in chunks:
                if isinstance(chunk, Rejected):
                    self._part(chunk)
                else:
                    self._chunk(chunk)
                if len(self._pending) >= HELD_SAMPLES or self._held_rows >= HELD_ROWS:
                    yield from self._release()
        except UnreadableSourceError as error:
            broken = error
        yield from self._release()
        if broken:
            raise broken

    def _part(self, part: Rejected) -> None:
        if part.part == 0:
            self._counts.read += 1
            self._counts.add_rejected(part)
        self._on_reject(part)

    def _chunk(self, chunk: Chunk) -> None:
        lines = Lines(chunk)
        parsed = self._parser.parse(lines)
        self._counts.read += parsed.read
        self._counts.blank += parsed.blank
        if parsed.reviews:
            self._hold(parsed, lines)
        for rejected in sorted(self._rejected, key=lambda rejected: rejected.number):
            self._counts.add_rejected(rejected)
            self._on_reject(rejected)
        self._rejected.clear()

    def _hold(self, parsed: Parsed, lines: Lines) -> None:
        """Make every column of a chunk, but for the languages that the detector must predict."""
        n = len(parsed.reviews)
        # Not strict: kinds of reviews begin with the same fields, and some have more.
        rating, title, text, asin, user, helpful_votes, verified, *_ = zip(
            *map(columns.FIELDS, parsed.reviews), strict=False
        )
        ratings = np.array(rating, np.int8)  # (n,)
        # Titles and texts are cleaned in one list of 2n strings, so that every byte is looked at
        # in one pass: string i is the title of row i, string n + i its text, in `strings`, in
        # `joined`, and in the numbers of `seen`. So string i belongs to row i % n.
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
        codes, pending = self._languages(samples, seen.has_zero)
        named = {
            "rating": columns.from_numpy(ratings),
            "title": columns.from_joined(joined, 0, n),
            "text": columns.from_joined(joined, n, 2 * n),
            "verified_purchase": columns.from_python(verified, "bool"),
            "helpful_vote": columns.from_python(helpful_votes, "int32"),
            "markup": columns.from_numpy(markup),
            "bucket": columns.from_numpy(_buckets(users, texts)),
            "review_key": columns.from_numpy(keys),
        }
        if "asin" in self._names:
            named["asin"] = columns.from_python(asin, "string")
        if "user_id" in self._names:
            named["user_id"] = columns.from_python(user, "string")
        if self._extra:
            named |= columns.extra_columns(
                parsed.reviews, self._extra, self.schema, self._counts.add_change
            )
        held = _Held(named, codes, [None] * n, rows, ratings, parsed.schemas)
        self._held.append(held)
        self._held_rows += n
        kept = None if rows is None else set(rows.tolist())
        self._pending += [(samples[i], held, i) for i in pending if kept is None or i in kept]

    def _fresh_rows(
        self, keys: NDArray[np.uint64], texts: list[bytes], parsed: Parsed, lines: Lines
    ) -> NDArray[Any] | None:
        """Numbers of the rows that have a text after cleaning and are no duplicates; None: all."""
        rows: NDArray[Any] | None = None
        # Only a text whose first byte is no sign, digit or letter of ASCII can be empty.
        odd = [i for i, text in enumerate(texts) if not text or not BLANK < text[0] < DELETE]
        if empty := [i for i in odd if is_empty(texts[i].decode())]:
            for i in empty:
                line = i if parsed.line_of is None else parsed.line_of[i]
                self._rejected.append(lines.reject("no_text", line))
            rows = np.delete(np.arange(len(texts)), empty)
            keys = keys[rows]
        fresh, is_remembered = self._seen.add(keys)  # (rows with a text,)
        kept = int(fresh.sum())
        self._counts.kept += kept
        self._counts.duplicates += len(keys) - kept
        if not is_remembered:
            self._counts.unremembered += kept
        if kept < len(keys):
            rows = np.flatnonzero(fresh) if rows is None else rows[fresh]
        return rows

    def _languages(self, samples: list[str], has_zero: bool) -> tuple[list[str], list[int]]:
        """-> (a language for each of n samples, numbers of those that the detector must predict).

        What `language.detect_many` does, by counts of English words where those are enough.
        """
        codes, pending = [language.CERTAIN_ENGLISH[0]] * len(samples), []
        is_plain = [s.isascii() and not (has_zero and "\0" in s) for s in samples]
        plain = [s if countable else "" for s, countable in zip(samples, is_plain, strict=True)]
        answer, english_words = self._certain(plain)  # (n,) each
        is_open = (answer != YES) | (english_words < ENOUGH_WORDS)
        for i in np.flatnonzero(is_open) if self._cascade else range(len(samples)):
            sample = samples[i]
            if not is_plain[i] and foreign_script(sample):
                pending.append(int(i))
                continue
            if english_words[i] < ENOUGH_WORDS and is_too_short(sample):
                codes[i] = language.UNDETERMINED
                continue
            is_certain = answer[i] == YES
            if answer[i] == ASK or not is_plain[i]:
                is_certain = is_certainly_english(sample)
            if not (is_certain and self._cascade):
                pending.append(int(i))
        return codes, pending

    def _release(self) -> Iterator[RecordBatch]:
        """Ask the detector about all pending samples at once, then hand the held chunks on."""
        if self._pending:
            identify = language.identifier(self._detector)
            predictions = identify([sample for sample, _, _ in self._pending])
            for (_, held, i), prediction in zip(self._pending, predictions, strict=True):
                held.codes[i], held.confidences[i] = prediction
        self._pending.clear()
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
        schemas = held.schemas or [SCHEMA_2023] * len(codes)
        if held.rows is not None:
            batch = batch.take(columns.from_numpy(held.rows))
            kept = held.rows.tolist()
            codes, ratings = [codes[i] for i in kept], ratings[held.rows]
            schemas = [schemas[i] for i in kept]
        self._counts.languages.update(Counter(codes))
        self._counts.schemas.update(Counter(schemas))
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
    """`identity.review_key` of each row, (n,)."""
    products = [asin.encode() if asin else b"" for asin in asins]
    stars = [DIGITS[rating] for rating in ratings.tolist()]
    fields = zip(users, products, stars, titles, texts, strict=True)
    digests = [blake2b(row, digest_size=8).digest() for row in map(b"\0".join, fields)]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64, copy=False)


def _buckets(users: list[bytes], texts: list[bytes]) -> NDArray[np.uint8]:
    """`identity.bucket` of each row, (n,)."""
    hashes = [zlib.crc32(user or text) for user, text in zip(users, texts, strict=True)]
    return (np.array(hashes, np.uint32) % BUCKETS).astype(np.uint8)
