"""The page that a rehearsal leaves: each scene, what it saw, and what only AWS can prove."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from infra.stage import Stage
from rehearsal.scene import Played

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
    home: Path, stage: Stage, played: Sequence[Played], made_up: Sequence[str], seconds: float
) -> Path:
    """Write index.html, and scenes.json with the same; returns the page's path."""
    path = home / "index.html"
    path.write_text(_html(stage, played, made_up, seconds))
    rows = [
        {
            "scene": one.scene.name,
            "outcome": one.outcome,
            "found": one.found,
            "seconds": round(one.seconds, 1),
        }
        for one in played
    ]
    (home / "scenes.json").write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    return path


def _html(stage: Stage, played: Sequence[Played], made_up: Sequence[str], seconds: float) -> str:
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
<h2>Otherwise than on AWS</h2>
<p class="small">The templates are the stage's own. Functions run on this machine's interpreter,
with packages built for it; the image's manifest is pushed, its content is the training program of
this folder. Values that the stage's file leaves to its owner were made up:</p>
<ul class="small">{values}</ul>
</html>
"""


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
