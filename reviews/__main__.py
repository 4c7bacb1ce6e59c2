"""`python -m reviews COMMAND`: refine, convert, sample, download.

Exit 0: the output is written, whatever it says. 2: bad arguments, or input that cannot be read at
all. 1: anything else, such as a file that breaks off half-way (the rows before that place are
written), or holds ratings of another scale. 130: stopped by Ctrl-C.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from reviews import files, language
from reviews.counts import Counts
from reviews.errors import ConfigurationError, ReviewStarsError, UnreadableSourceError
from reviews.progress import RefineProgress
from reviews.record import SCHEMA_2023
from reviews.refine import Options
from reviews.schema import OPTIONAL_COLUMNS

UNREADABLE = (ConfigurationError, UnreadableSourceError)
STOPPED = 130  # what a shell calls a process that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    args = _parser().parse_args(arguments)
    try:
        status: int = args.run(args)
    except ReviewStarsError as error:
        print(f"{args.command}: {error}", file=sys.stderr)
        return 2 if isinstance(error, UNREADABLE) else 1
    except OSError as error:  # what cannot be read is an error of ours
        place = error.filename or args.out
        print(
            f"{args.command}: {place} cannot be written: {error.strerror or error}; make room or "
            "name another place with --out, then start again",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        kept = "what came is kept; the same command goes on from there"
        partial = "what was written is not whole"
        print(f"stopped: {kept if args.run is download else partial}", file=sys.stderr)
        return STOPPED
    return status


def refine(args: argparse.Namespace) -> int:
    """Clean raw reviews and write them as Parquet, with the rejected lines and all counts."""
    start = time.perf_counter()
    sources = files.find_files(args.sources)
    options = Options(keep_columns=tuple(args.keep), detector=args.detector)
    report = _quiet
    if args.progress:
        total = sum(path.stat().st_size for path in sources)
        progress = RefineProgress("refine", total, out=sys.stderr, now=time.monotonic)

        def report(done_bytes: int, counts: Counts) -> None:
            progress.show(done_bytes, f"{counts.read:,} read")

    outcome = files.refine_files(sources, args.out, options=options, on_progress=report)
    counts = outcome.counts
    if args.progress:
        progress.finish(total, f"{counts.read:,} read")
    outcome.save(args.out, round(time.perf_counter() - start, 3))
    print(
        f"{counts.read:,} read = {counts.kept:,} kept + {counts.duplicates:,} duplicates + "
        f"{counts.rejected.total():,} rejected; {counts.blank:,} blank lines"
    )
    if set(counts.schemas) - {SCHEMA_2023}:
        kept = ", ".join(f"{name} {rows:,}" for name, rows in sorted(counts.schemas.items()))
        print(f"kept by schema: {kept}")
    for name, reason in outcome.unreadable.items():
        print(f"{name}: {reason}", file=sys.stderr)
    if not outcome.unreadable:
        return 0
    return 1 if counts.kept or counts.duplicates else 2


def convert(args: argparse.Namespace) -> int:
    """Write CSV, TSV, Parquet or JSON as JSON Lines of the 2023 schema; gzip if named .gz."""
    from reviews.tables.convert import convert_file
    from reviews.tables.mapping import read_mapping

    mapping = read_mapping(args.mapping) if args.mapping else {}
    made = convert_file(
        args.source,
        args.out,
        mapping=mapping,
        separator=args.separator or "",
        encoding=args.encoding,
    )
    for line in made.lines():
        print(f"{args.source}: {line}")
    return 0


def sample(args: argparse.Namespace) -> int:
    """Write made-up raw reviews, the same for the same seed; gzip if the name ends in .gz."""
    from reviews.synthetic import write_sample

    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_sample(args.out, rows=args.rows, seed=args.seed)
    print(f"{args.rows:,} made-up reviews in {args.out}")
    return 0


def download(args: argparse.Namespace) -> int:
    """Fetch a raw category of Amazon Reviews 2023; go on where an earlier try broke off."""
    from reviews.download import BASE  # here: `refine` need not load an HTTP client
    from reviews.download import download as fetch

    progress = RefineProgress(args.category, None, out=sys.stderr, now=time.monotonic)

    def report(done_bytes: int, total: int | None) -> None:
        progress.total = total
        progress.show(done_bytes)

    path = fetch(
        args.category, args.out, base=args.server or BASE, on_progress=report, pause=time.sleep
    )
    size = path.stat().st_size
    progress.finish(size, "checked")
    print(f"{size:,} bytes in {path}, sha256 beside it")
    return 0


def _quiet(done_bytes: int, counts: Counts) -> None:
    """Report no progress."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reviews", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    def command(run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        added = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        added.set_defaults(run=run)
        return added

    one = command(refine)
    one.add_argument(
        "--in", dest="sources", type=Path, nargs="+", required=True, metavar="PATH",
        help="raw files, gzip or plain, or folders of them",
    )  # fmt: skip
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--progress", action="store_true", help="say how far it is")
    one.add_argument(
        "--keep", nargs="+", default=[], metavar="COLUMN",
        help=f"columns that are dropped otherwise: {', '.join(OPTIONAL_COLUMNS)}",
    )  # fmt: skip
    one.add_argument(
        "--detector", default=language.DEFAULT, metavar="NAME",
        help=f"how languages are detected: {', '.join(language.DETECTORS)}",
    )  # fmt: skip

    one = command(convert)
    one.add_argument("source", type=Path, metavar="IN")
    one.add_argument("out", type=Path, metavar="OUT", help=".jsonl or .jsonl.gz")
    one.add_argument("--mapping", type=Path, metavar="FILE", help="YAML: lines of `field: column`")
    one.add_argument(
        "--separator", type=_separator, metavar="SIGN",
        help="what separates columns, where it is none of , ; | and tab",
    )  # fmt: skip
    one.add_argument("--encoding", metavar="NAME", help="of text that is not UTF-8")

    one = command(sample)
    one.add_argument("--rows", type=_count, required=True, metavar="N")
    one.add_argument("--seed", type=int, required=True, metavar="S")
    one.add_argument("--out", type=Path, required=True, metavar="FILE")

    one = command(download)
    one.add_argument("--category", required=True, metavar="NAME", help="such as All_Beauty")
    one.add_argument("--out", type=Path, required=True, metavar="DIR")
    one.add_argument("--server", metavar="URL", help="instead of the data set's authors")
    return parser


def _separator(text: str) -> str:
    sign = text.encode().decode("unicode_escape") if text.startswith("\\") else text
    if len(sign) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not one sign")
    return sign


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number} is less than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
