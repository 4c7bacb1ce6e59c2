"""CSV, TSV and their like: what separates columns and quotes them is found out from the head."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

from reviews.almost_json import BOM
from reviews.errors import UnreadableSourceError
from reviews.limits import MAX_LINE_BYTES
from reviews.tables.table import BATCH_ROWS, Batch

SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
FIT_SHARE = 0.8  # of the head's rows that must have as many columns as its first
AS_IT_IS = ("utf-8", "surrogateescape")  # bytes that are no text stay what they were
ROW_LINES = 1000  # a quote that is open for longer was not meant to be
ESCAPED, NO_QUOTES = 'quotes " escaped by \\', "no quotes"
# How quotes are written, the usual way first.
QUOTES: dict[str, dict[str, Any]] = {
    'quotes "': {},
    ESCAPED: {"escapechar": "\\", "doublequote": False},
    NO_QUOTES: {"quoting": csv.QUOTE_NONE},
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the rows of a text are written. share: of the head's rows that fit it, 0 to 1."""

    separator: str
    quotes: str
    share: float

    @property
    def kind(self) -> str:
        """TSV or CSV."""
        return "TSV" if self.separator == "\t" else "CSV"

    @property
    def form(self) -> str:
        """In words."""
        return f"{self.kind}: {SEPARATORS.get(self.separator, repr(self.separator))}, {self.quotes}"

    def reader(self, lines: Iterable[str]) -> Any:
        """The csv module's reader of it."""
        settings: dict[str, Any] = {"strict": True, **QUOTES[self.quotes]}
        return csv.reader(lines, delimiter=self.separator, **settings)


def find_dialect(lines: Sequence[str], separator: str | None = None) -> Dialect | None:
    """The dialect that most of these lines fit; None where none of them gives two columns.

    lines: whole ones, with their ends. separator: the only one to be tried.
    """
    best: tuple[tuple[float, int], Dialect] | None = None
    for one in [separator] if separator else SEPARATORS:
        for quotes in QUOTES:
            if not _may_be(quotes, lines, one):
                continue
            dialect = Dialect(one, quotes, 0.0)
            widths = list(_widths(dialect, lines))
            if not widths or widths[0] < 2:
                continue
            share = widths.count(widths[0]) / len(widths)
            # Where a lone quote swallows rows, as many fit, of fewer.
            rank = (round(share, 3), len(widths))
            if best is None or rank > best[0]:
                best = rank, Dialect(one, quotes, share)
    return best and best[1]


def _may_be(quotes: str, lines: Sequence[str], separator: str) -> bool:
    """Whether there is a sign of quotes being written so."""
    if quotes == ESCAPED:
        return any('\\"' in line for line in lines)
    if quotes != NO_QUOTES:
        return True
    fields = [field for line in lines for field in line.rstrip("\r\n").split(separator)]
    begun = [field for field in fields if field.startswith('"')]
    ended = sum(len(field) > 1 and field.endswith('"') for field in begun)
    return len(begun) >= 2 * ended


def lines_of(text: str) -> list[str]:
    """The lines of a text with their ends: LF, CR LF or CR, and nothing else that Unicode knows."""
    return list(io.StringIO(text, newline=""))


def _widths(dialect: Dialect, lines: Sequence[str]) -> Iterator[int]:
    """The number of columns of each row; -1 where it is none."""
    reader = dialect.reader(lines)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield -1
            continue
        if row:
            yield len(row)


class DelimitedTable:
    """Rows of text. place: the number of a row's last line in the file."""

    place = "line"

    def __init__(self, lines: Iterable[str], head: str, *, separator: str | None = None) -> None:
        """lines: all, with their ends. head: the text of the first ones, the last of them whole.

        Raises UnreadableSourceError where it is no table.
        """
        csv.field_size_limit(MAX_LINE_BYTES)
        dialect = find_dialect(lines_of(head), separator)
        if dialect is None:
            tried = repr(separator) if separator else "comma, tab, semicolon or bar"
            raise UnreadableSourceError(
                f"its first line has one column: no {tried} separates it; say what does "
                "(--separator)"
            )
        self._lines = _HeldLines(lines)
        self._reader = dialect.reader(self._lines)
        try:
            self.names = [name.strip() for name in next(self._reader)]
        except csv.Error:
            raise UnreadableSourceError("its header has a quote that is not closed") from None
        self._dialect = dialect
        self.form = dialect.form
        if dialect.share < FIT_SHARE:
            self._refuse_misfit(head)

    def nested(self, column: int) -> str:
        """Nothing: all are texts."""
        return ""

    def put_back_header(self) -> None:
        """Take the first row for a row of values: columns were named by their numbers."""
        self._reader = chain([list(self.names)], self._reader)
        self.names = [f"column {number}" for number in range(1, len(self.names) + 1)]

    def batches(self, columns: Sequence[int]) -> Iterator[Batch]:
        """See `Table.batches`."""
        width, lines = len(self.names), self._lines
        # One more than asked for: of one alone it would give no tuple.
        pick = itemgetter(*columns, 0)
        rows: list[Any] = []
        places: list[int] = []
        odd: list[tuple[int, bytes]] = []
        while True:
            lines.drop()
            try:
                row = next(self._reader)
            except StopIteration:
                break
            except csv.Error:
                self._refuse_open_quote()
                row = None
            if row is not None and len(row) == width:
                rows.append(pick(row))
                places.append(lines.number)
            elif row or lines.held_text().strip():
                odd.append((lines.number, lines.held_text().rstrip("\r\n").encode(*AS_IT_IS)))
            if len(rows) + len(odd) >= BATCH_ROWS:
                yield Batch(_columns(rows), places, odd)
                rows, places, odd = [], [], []
        if rows or odd:
            yield Batch(_columns(rows), places, odd)

    def _refuse_open_quote(self) -> None:
        """Raise UnreadableSourceError where a quote swallows what follows."""
        if len(self._lines.held) > ROW_LINES or self._lines.at_end:
            first = self._lines.number - len(self._lines.held) + 1
            raise UnreadableSourceError(
                f"the row that begins in line {first:,} has a quote that is not closed: mend that "
                "line"
            )

    def _refuse_misfit(self, head: str) -> None:
        lines = _HeldLines(lines_of(head))
        reader = self._dialect.reader(lines)
        width = len(next(reader))
        while True:
            try:
                row = next(reader)
            except csv.Error:
                row = []
            if len(row) != width:
                break
            lines.drop()
        if len(lines.held_text()) > MAX_LINE_BYTES:
            raise UnreadableSourceError(
                f"line {lines.number:,} has more than {MAX_LINE_BYTES:,} characters: a quote is "
                "not closed, or lines have no ends"
            )
        raise UnreadableSourceError(
            f"line {lines.number:,} has {len(row)} columns and the header {width} "
            f"({self._dialect.form}), and so has more than every fifth row: say what separates "
            "columns (--separator), or mend its quotes"
        )


def _columns(rows: Sequence[tuple[str, ...]]) -> list[Sequence[Any]]:
    """Picked rows as columns, without the one more."""
    columns: list[Sequence[Any]] = [*zip(*rows, strict=True)]
    return columns[:-1]


class _HeldLines:
    """Lines of a text; those since the last `drop` are kept."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.held: list[str] = []
        self.number = 0  # of the last line
        self.at_end = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.at_end = True
            raise
        self.number += 1
        self.held.append(line)
        if len(self.held) > ROW_LINES:
            raise csv.Error
        return line

    def drop(self) -> None:
        """Forget the lines of the last row."""
        self.held.clear()

    def held_text(self) -> str:
        """The lines since the last `drop`."""
        return "".join(self.held)


def is_table(text: bytes) -> Dialect | None:
    """The dialect of a head that is a table: nearly all its lines have the columns of its first."""
    lines = lines_of(text.removeprefix(BOM).decode("utf-8", "replace"))
    found = find_dialect(lines)
    return found if found and len(lines) > 1 and found.share >= FIT_SHARE else None
