"""`python -m tests.newcomer.figures`: how long the bare roots took, into the documents.

.local/newcomer/rows.jsonl has what test_bare_root.py measured, the last line of a row counts;
docs/newcomer.json keeps it. A test holds the documents against that.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.newcomer.bare_root import BARE, MEASURED, OWN_PYTHON, ROOT, SUITES

Rows = list[dict[str, Any]]
KEPT = ROOT / "docs" / "newcomer.json"
PAGE = ROOT / "docs" / "local-cloud.md"
BEGIN, END = "<!-- newcomer: rows -->", "<!-- end of newcomer -->"
DEBIANS = {"bookworm": "12", "trixie": "13", "forky": "14"}


def seconds(rows: Rows) -> list[int]:
    """The fewest and the most of the first run and of the second, and the most CPU seconds."""
    spans = [found for name in ("first", "again") for found in span(rows, name)]
    return [*spans, *(span(rows, name)[1] for name in ("cpu_first", "cpu_again"))]


def span(rows: Rows, name: str) -> tuple[int, int]:
    """The fewest and the most of one figure."""
    found = [row[name] for row in rows if row[name]]
    return round(min(found)), round(max(found))


ENGLISH = "{} to {} s with all that is installed, then {} to {} s (at most {} and {} CPU s)"
SPANISH = "de {} a {} s con lo que se instala; después, de {} a {} s (a lo sumo {} y {} s de CPU)"


def table(rows: Rows) -> str:
    """A line a row that ran; CPU seconds depend less on what else the machine does."""
    heads = ["Python", "Debian", "user", "from", "folder", "`LANG`"]
    heads += ["first, s", "CPU s", "again, s", "CPU s"]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|---|---:|---:|---:|---:|"]
    for row in rows:
        python = row["version"] + (" (built)" if row["python"] == OWN_PYTHON else "")
        cells = [python, DEBIANS[SUITES[row["python"]]], row["user"], row["history"]]
        cells += [f"`{row['folder']}`", f"`{row['lang']}`"]
        figures = ("first", "cpu_first", "again", "cpu_again")
        cells += [str(round(row[name])) if row[name] else "" for name in figures]
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    ran = {row["row"] for row in rows}
    if missing := [f"`{row}`" for row in BARE if str(row) not in ran]:
        lines += ["", f"Not run yet: {'; '.join(missing)}."]
    return "\n".join(lines)


def shown(rows: Rows) -> str:
    """What a run prints in the end, but for its own time: the table has all of them."""
    printed: list[str] = next(row["printed"] for row in rows if row["printed"])
    return "\n".join(line for line in printed if not line.startswith("time "))


def within(text: str, begin: str, end: str) -> str:
    """What stands between two marks of a page."""
    return text.split(begin, 1)[1].split(end, 1)[0]


def measured(lines: list[str]) -> Rows:
    """The last measurement of each row, in their order, without those that never ran."""
    found = {}
    for line in lines:
        one = json.loads(line)
        found[one["row"]] = one
    return [found[str(row)] for row in BARE if str(row) in found]


def blocks(rows: Rows) -> dict[Path, dict[tuple[str, str], str]]:
    """By document: its marks, and what stands between them."""
    ends = "```\nreviews ", "\n```"
    output = shown(rows).removeprefix("reviews ")
    return {
        PAGE: {(BEGIN, END): f"\n{table(rows)}\n"},
        ROOT / "README.md": {(" it took\n", "\n(["): ENGLISH.format(*seconds(rows)), ends: output},
        ROOT / "README.es.md": {(" tardó\n", "\n(["): SPANISH.format(*seconds(rows)), ends: output},
    }


def main() -> int:
    """Keep what was measured, and write it into the documents."""
    before: Rows = json.loads(KEPT.read_bytes()) if KEPT.exists() else []
    rows = measured([*map(json.dumps, before), *MEASURED.read_text().splitlines()])
    KEPT.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for path, wanted in blocks(rows).items():
        text = path.read_text(encoding="utf-8")
        for marks, words in wanted.items():
            text = text.replace(within(text, *marks).join(marks), words.join(marks))
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
