"""`audit`: look for what is wrong in curated data, count it and list it.

Leaves audit.json (counts), findings.csv (kind, group, review_key, rating, value; no words, no
users) and report.html. Nothing is dropped: a person decides, by the keys.
"""

import csv
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from reviews.files import find_files, refine_files
from reviews.refine import Options
from training.audit import copies, crowds, fingerprints, report
from training.audit.finding import AuditSummary, Finding
from training.audit.fingerprints import WHOSE
from training.audit.labels import find_doubtful_stars
from training.config import ModelConfig
from training.errors import UnreadableSourceError
from training.progress import TrainingProgress

MAX_ROWS = 2_000_000  # fingerprints of so many take 220 MB, three times that while they are read
SUMMARY, FINDINGS, REPORT = "audit.json", "findings.csv", "report.html"


def audit(
    out: Path,
    config: ModelConfig,
    *,
    data: Path | None = None,
    raw: Sequence[Path] = (),
    max_rows: int = MAX_ROWS,
    progress: TrainingProgress | None = None,
) -> AuditSummary:
    """Audit curated Parquet, or raw files, which are refined first with users, products and times.

    Raises DatasetError where there is no row, TrainingError for rows that no model can come of.
    """
    progress = progress or TrainingProgress()
    with ExitStack() as stack:
        if data is None:
            place = Path(stack.enter_context(TemporaryDirectory(prefix="audit-")))
            data = _refine(raw, place, progress)
        rows, total, columns = fingerprints.read(data, max_rows, progress.log)
        progress.log(f"{len(rows):,} of {total:,} rows: copies and crowds")
        findings = {
            "near_copies": copies.find_near_copies(rows, data),
            "one_text_several_stars": copies.find_one_text_several_stars(rows),
            **crowds.find_crowds(rows, columns),
        }
        progress.log("words against stars, out of fold")
        doubtful, table = find_doubtful_stars(data, config, progress)
    found = {"doubtful_stars": doubtful, **findings}
    summary = AuditSummary(
        rows=len(rows),
        drawn_from=total if len(rows) == max_rows < total else 0,  # copies alone are no sample
        findings={kind: finding.summary() for kind, finding in found.items()},
        label_table=table,
    )
    _write(out, summary, found)
    progress.finish(f"audit in {out}: {report.describe(summary)}")
    return summary


def _refine(raw: Sequence[Path], place: Path, progress: TrainingProgress) -> Path:
    progress.log("refining the raw files, with users, products and times")
    outcome = refine_files(find_files(raw), place, options=Options(keep_columns=WHOSE))
    for name, reason in outcome.unreadable.items():
        raise UnreadableSourceError(f"{name} cannot be read to its end: {reason}")
    return place / "reviews"


def _write(out: Path, summary: AuditSummary, found: Mapping[str, Finding]) -> None:
    """Write audit.json last: where it stands, everything stands."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / FINDINGS).open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("kind", "group", "review_key", "rating", "value"))
        for kind, finding in found.items():
            columns = (finding.group, finding.review_key, finding.rating, finding.value.round(6))
            rows = zip(*(column.tolist() for column in columns), strict=True)
            lines.writerows((kind, *row) for row in rows)
    (out / REPORT).write_text(report.html(summary), encoding="utf-8")
    text = msgspec.json.format(msgspec.json.encode(summary), indent=1)
    (out / SUMMARY).write_bytes(text + b"\n")
