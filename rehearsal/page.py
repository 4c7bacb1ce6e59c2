"""The page that a rehearsal leaves: each scene, what it saw, and what only AWS can prove."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from infra.stage import Stage
from operate.outages import RowResult
from rehearsal.scene import Played

RESULT = "rehearsal.json"
MARKS = {"passed": "✓ passed", "failed": "✗ failed", "not played": "– not played"}
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th:nth-child(1), th:nth-child(5), th:nth-child(6) { min-width: 11rem; }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-top: 1px solid #8884; }
td:nth-child(3) { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
.outcome { white-space: nowrap; font-weight: 600; }
.passed { color: #1a7f37; } .failed { color: #c62828; } .other { color: #6e7781; }
.small { color: #6e7781; font-size: .9rem; overflow-wrap: anywhere; }
"""


def write(
    home: Path,
    stage: Stage,
    played: Sequence[Played],
    *,
    matrix: Sequence[RowResult],
    made_up: Sequence[str],
    seconds: float,
) -> Path:
    """Write index.html, and rehearsal.json with the same; returns the page's path.

    matrix: the outages that were played; made_up: values that the stage's file leaves open.
    """
    path = home / "index.html"
    path.write_text(_html(stage, played, matrix, made_up, seconds))
    result = {
        "stage": stage.label,
        "seconds": round(seconds),
        "scenes": [
            {
                "scene": one.scene.name,
                "outcome": one.outcome,
                "found": one.found,
                "seconds": round(one.seconds),
            }
            for one in played
        ],
        "outages": [
            {
                "outage": one.row.fault,
                "is_caused": one.is_proven,
                "has_rung": one.is_proven and one.passed,
                "aws_seconds": None if one.seconds is None else round(one.seconds),
            }
            for one in matrix
        ],
    }
    (home / RESULT).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return path


def _html(
    stage: Stage,
    played: Sequence[Played],
    matrix: Sequence[RowResult],
    made_up: Sequence[str],
    seconds: float,
) -> str:
    passed = sum(one.outcome == "passed" for one in played)
    failed = sum(one.outcome in ("failed", "not played") for one in played)
    rest = len(played) - passed - failed
    values = "".join(f"<li><code>{escape(line)}</code></li>" for line in made_up)
    title = f"Rehearsal of {escape(stage.label)}"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{STYLE}</style>
<h1>{title}</h1>
<p>{passed} scenes passed, {failed} did not, {rest} can be played on AWS alone;
{seconds / 60:.1f} minutes.</p>
<table><thead><tr><th>Scene</th><th>Outcome</th><th>Seconds</th><th>What was seen</th>
<th>Proves</th><th>Only AWS can prove</th></tr></thead>
<tbody>{"".join(map(_row, played))}</tbody></table>
{_outages(matrix)}<h2>Otherwise than on AWS</h2>
<p class="small">The templates are the stage's own. Functions run on this machine's interpreter,
with packages built for it; the image's manifest is pushed, its content is the training program of
this folder. Values that the stage's file leaves to its owner were made up:</p>
<ul class="small">{values}</ul>
</html>
"""


def _outages(matrix: Sequence[RowResult]) -> str:
    if not matrix:
        return ""
    return f"""<h2>Outages</h2>
<table><thead><tr><th>Outage</th><th>Outcome</th><th>Seconds of AWS</th><th>A client sees</th>
<th>Rings</th><th>Only AWS, or a test, can prove</th></tr></thead>
<tbody>{"".join(map(_outage, matrix))}</tbody></table>
"""


def _outage(one: RowResult) -> str:
    row, kind = one.row, "other"
    mark = "only AWS"
    if one.is_proven:
        kind, mark = ("passed", "✓ rang") if one.passed else ("failed", "✗ silent")
    after = "" if one.seconds is None else f"{one.seconds:.0f}"
    rings = ", ".join(dict.fromkeys((row.told, *row.rings)))
    return (
        f'<tr><td>{escape(row.fault)}</td><td class="outcome {kind}">{mark}</td><td>{after}</td>'
        f"<td>{escape(row.sees)}</td><td class=small>{escape(rings)}</td>"
        f"<td class=small>{escape(row.proof)}</td></tr>\n"
    )


def _row(one: Played) -> str:
    scene = one.scene
    kind = one.outcome if one.outcome in ("passed", "failed") else "other"
    mark = MARKS.get(one.outcome, "only AWS")
    took = f"{one.seconds:.1f}" if one.seconds else ""
    return (
        f"<tr><td>{escape(scene.title)}<br><span class=small>{escape(scene.name)}</span></td>"
        f'<td class="outcome {kind}">{mark}</td><td>{took}</td><td>{escape(one.found)}</td>'
        f"<td class=small>{escape(scene.proves)}</td><td class=small>{escape(scene.only_aws)}</td>"
        "</tr>\n"
    )
