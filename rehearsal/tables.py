"""`python -m rehearsal.tables RESULT`: a whole rehearsal's figures into the documents.

RESULT is the rehearsal.json that it left; a copy of it stands in docs/, and a test holds the
documents against that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from operate.outages import MATRIX, RowResult, describe
from rehearsal.programme import CHAPTERS, SCENES

Result = dict[str, Any]
ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "rehearsal.json"
SINCE: tuple[str, ...] = ()  # scenes that are younger than the whole rehearsal that is kept
MARKS = {"passed": "✓", "failed": "✗", "not played": "✗", "only AWS": "", "younger": ""}
UNPLAYED = ("only AWS", "younger")
BEGIN, END = "<!-- rehearsal: {} -->", "<!-- end of rehearsal -->"


def _played(result: Result) -> dict[str, dict[str, Any]]:
    younger = {name: {"scene": name, "outcome": "younger", "seconds": 0} for name in SINCE}
    return younger | {one["scene"]: one for one in result["scenes"]}


def scenes(result: Result) -> str:
    """Each scene with what it proves, its seconds, and what only AWS can prove."""
    played = _played(result)
    lines = ["| scene | proves | | seconds | only AWS can prove |", "|---|---|---|---:|---|"]
    for scene in SCENES:
        one = played[scene.name]
        took = str(one["seconds"]) if one["outcome"] not in UNPLAYED else ""
        cells = (f"`{scene.name}`", scene.proves, MARKS[one["outcome"]], took, scene.only_aws)
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
    return "\n".join(lines)


def chapters(result: Result, head: Sequence[str], words: Callable[[str], str]) -> str:
    """The same in a row a chapter, for the front pages. words: English ones in their language."""
    played = _played(result)
    lines = [f"| {' | '.join(head)} |", "|---|---|---:|---|"]
    for chapter, (members, only_aws) in CHAPTERS.items():
        ours = [played[name] for name in members]
        marked = ", ".join(f"`{one['scene']}` {MARKS[one['outcome']]}".strip() for one in ours)
        if rows := [one for one in result["outages"] if chapter == "outages"]:
            rang = sum(one["has_rung"] for one in rows)
            marked += f" {rang}/{sum(one['is_caused'] for one in rows)}"
        seconds = sum(one["seconds"] for one in ours)
        lines.append(f"| {words(chapter)} | {marked} | {seconds} | {words(only_aws)} |")
    return "\n".join(lines)


def outages(result: Result) -> str:
    """How many rows of the outage matrix rang, in a sentence."""
    caused = [one for one in result["outages"] if one["is_caused"]]
    rang = sum(one["has_rung"] for one in caused)
    slowest = max((one["aws_seconds"] or 0 for one in caused), default=0)
    rest = len(result["outages"]) - len(caused)
    return (
        f"Of {len(result['outages'])} outages {len(caused)} were caused and {rang} rang, the "
        f"slowest after {slowest} s of AWS time; {rest} stand on tests of the templates. The whole "
        f"took {result['seconds'] / 60:.1f} minutes on two busy cores."
    )


def matrix(result: Result) -> str:
    """Every row of the outage matrix, with what a client sees and when it rang."""
    found = {one["outage"]: one for one in result["outages"]}
    return describe(
        [
            RowResult(row, found[row.fault]["is_caused"], found[row.fault]["aws_seconds"])
            for row in MATRIX
        ]
    )


SPANISH = {
    "deploys": "despliegues",
    "data and approval": "datos y aprobación",
    "releases": "publicaciones",
    "what is undone": "lo que se deshace",
    "outages": "averías",
    "two accounts": "dos cuentas",
    "the end": "el final",
    "properties, quotas, the image's build": "propiedades, cuotas, la construcción de la imagen",
    "SageMaker's containers and instances": "contenedores e instancias de SageMaker",
    "how load balancers drain, how long instances take": (
        "cómo se vacían los balanceadores, cuánto tardan las instancias"
    ),
    "the minutes that CloudWatch takes": "los minutos que tarda CloudWatch",
    "delays of CloudTrail and CloudWatch": "retrasos de CloudTrail y CloudWatch",
    "the organisation's guard rails": "las barreras de la organización",
    "keys that wait, cold starts, certificates, DNS": (
        "claves que esperan, arranques en frío, certificados, DNS"
    ),
}


def blocks(result: Result) -> dict[Path, dict[str, str]]:
    """The text of each marked block, by document and name."""
    head = ("rehearsed here", "scenes", "seconds", "only AWS can prove")
    cabeza = ("ensayado aquí", "escenas", "segundos", "solo AWS puede probar")
    return {
        ROOT / "docs" / "rehearsal.md": {
            "scenes": f"{scenes(result)}\n\n{outages(result)}",
        },
        ROOT / "docs" / "production.md": {"outages": matrix(result)},
        ROOT / "README.md": {"chapters": chapters(result, head, str)},
        ROOT / "README.es.md": {"chapters": chapters(result, cabeza, SPANISH.__getitem__)},
    }


def within(text: str, name: str) -> str:
    """What stands in a marked block of a document."""
    return text.split(BEGIN.format(name) + "\n", 1)[1].split("\n" + END, 1)[0]


def main(words: Sequence[str]) -> int:
    """Keep the result, and write every block anew."""
    KEPT.write_bytes(Path(words[0]).read_bytes())
    result = json.loads(KEPT.read_bytes())
    for path, found in blocks(result).items():
        text = path.read_text()
        for name, wanted in found.items():
            begin, end = BEGIN.format(name), f"\n{END}"
            before, _, rest = text.partition(f"{begin}\n")
            text = f"{before}{begin}\n{wanted}{end}{rest.partition(end)[2]}"
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
