"""Raw reviews to curated rows: the rules of `reviews.rules`, over a stream.

refined = refine_stream(file)
for batch in refined:
    ...
print(refined.counts)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reviews import language, schema
from reviews.clean import TEXT_RULES
from reviews.counts import REMEMBERED_ROWS, Counts
from reviews.provenance import Provenance
from reviews.record import Rejected
from reviews.source import Chunk, OnSpan, ReadFrom, Stream, chunks, chunks_of_range, plain_pieces

if TYPE_CHECKING:
    from reviews.bulk.refinery import Refinery

OnReject = Callable[[Rejected], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a stage may choose.

    keep_columns: besides the default ones of the data dictionary. detector: a name in
    `language.DETECTORS`. remembered_rows: how many keys are kept to find duplicates by; past that,
    copies of later rows are kept too (counted as `unremembered`), and training drops them.
    """

    keep_columns: tuple[str, ...] = ()
    detector: str = language.DEFAULT
    remembered_rows: int = REMEMBERED_ROWS

    def __post_init__(self) -> None:
        schema.columns(self.keep_columns)
        language.find_detector(self.detector)

    @property
    def provenance(self) -> Provenance:
        """By what rows are made with these options."""
        return Provenance(TEXT_RULES, self.detector)


DEFAULT = Options()


class Refined:
    """Batches of curated rows (arro3 RecordBatch), and the counts of what was read so far."""

    def __init__(
        self, batches: Iterator[Any], counts: Counts, schema: Any, provenance: Provenance
    ) -> None:
        self._batches = batches
        self.span = (0, 0)  # bytes, after decompression, of all lines; known once they are read
        self.counts = counts
        self.schema = schema
        self.provenance = provenance

    def __iter__(self) -> Iterator[Any]:
        return self._batches


class Refiner:
    """Refines several sources as one: a row that stood in an earlier one is a duplicate.

    on_reject: called with each rejected line, in order.
    """

    def __init__(self, options: Options = DEFAULT, on_reject: OnReject = lambda _: None) -> None:
        self.counts = Counts()
        self._provenance = options.provenance
        self._refinery = _refinery(options, self.counts, on_reject)

    def stream(self, stream: Stream, read_from: ReadFrom | None = None) -> Refined:
        """All lines of a stream, gzip or plain.

        read_from: opens it again at a byte offset, for the last lines before a damaged place.
        Iterating raises UnreadableSourceError, after all rows before that place, where the stream
        cannot be read to its end.
        """
        pieces = plain_pieces(stream, self._trailing, read_from)
        return self._refined(lambda on_span: chunks(pieces, on_span=on_span))

    def range(self, read_from: ReadFrom, start: int, end: int) -> Refined:
        """The lines of a plain file that begin in a byte range.

        read_from: opens the file at a byte offset. It is read to the end of the last line.
        """
        return self._refined(lambda on_span: chunks_of_range(read_from, start, end, on_span))

    def _refined(self, read: Callable[[OnSpan], Iterator[Chunk | Rejected]]) -> Refined:
        def keep_span(begin: int, end: int) -> None:
            refined.span = (begin, end)

        batches = self._refinery.batches(read(keep_span))
        refined = Refined(batches, self.counts, self._refinery.schema, self._provenance)
        return refined

    def _trailing(self, size_bytes: int) -> None:
        self.counts.trailing_bytes += size_bytes


def refine_stream(
    stream: Stream, *, options: Options = DEFAULT, on_reject: OnReject = lambda _: None
) -> Refined:
    """Refine one stream, gzip or plain; see `Refiner.stream`."""
    return Refiner(options, on_reject).stream(stream)


def refine_range(
    read_from: ReadFrom,
    start: int,
    end: int,
    *,
    options: Options = DEFAULT,
    on_reject: OnReject = lambda _: None,
) -> Refined:
    """Refine the lines of a plain file that begin in a byte range; see `Refiner.range`."""
    return Refiner(options, on_reject).range(read_from, start, end)


def _refinery(options: Options, counts: Counts, on_reject: OnReject) -> "Refinery":
    # Here, not above: it loads numpy, for which planning and adding up need not wait.
    from reviews.bulk.refinery import Refinery

    return Refinery(
        keep_columns=options.keep_columns,
        detector=options.detector,
        remembered_rows=options.remembered_rows,
        counts=counts,
        on_reject=on_reject,
    )
