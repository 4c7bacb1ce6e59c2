"""`python -m monitoring check`: compare a window of observations with a model's baseline.

Exit 0: drift.json and report.html are written, whatever they say. 2: bad arguments, or input
that cannot be read at all. 1: anything else.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from monitoring import drift, feedback, report
from monitoring.baseline import Baseline
from monitoring.lines import describe, require_records
from monitoring.observations import Observations, keep_width, read_records
from monitoring.settings import DriftSettings
from reviews.errors import ReviewStarsError

DEFAULTS = Path(__file__).parent.parent / "configs" / "drift.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        verdict = check(options)
    except (ReviewStarsError, OSError) as error:
        print(f"monitoring: {error}", file=sys.stderr)
        return 2
    print(f"{verdict.verdict}: {verdict.reason}")
    if verdict.unreadable:
        print(f"left out: {describe(verdict.unreadable_reasons)}")
    print(f"report: {options.out / 'report.html'}")
    return 0


def check(options: argparse.Namespace) -> drift.DriftVerdict:
    """Judge one window and write drift.json and report.html."""
    settings = DriftSettings.read(options.config)
    baseline = Baseline.load(options.baseline) if Baseline.is_present(options.baseline) else None
    with options.window.open("rb") as lines:
        found, unreadable = read_records(lines)
    require_records(found, unreadable, "an observation")
    width = len(baseline.topic_mean) if baseline else None
    records, others = keep_width([record for record in found if not record.probe], width)
    require_records(records, others, "of the baseline's model")
    window = Observations.from_records(records, unreadable + others)
    verdict = drift.check(baseline, window, settings)
    quality = None
    if options.feedback:
        with options.feedback.open("rb") as lines:
            returned, unreadable_feedback = feedback.read_feedback(lines)
        if unreadable_feedback:
            print(f"left out of the feedback: {describe(unreadable_feedback)}", file=sys.stderr)
        pairs = feedback.join(records, returned)
        quality = feedback.judge(pairs, _gate(options.evaluation), settings.feedback)
    content = verdict.to_mapping() | ({"feedback": quality.to_mapping()} if quality else {})
    options.out.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(content), indent=1)
    (options.out / "drift.json").write_bytes(text + b"\n")
    page = report.html(verdict, baseline=baseline, window=window, quality=quality)
    (options.out / "report.html").write_text(page, encoding="utf-8")
    return verdict


def _gate(evaluation: Path | None) -> dict[str, float]:
    if evaluation is None:
        return {}
    return feedback.read_floors(evaluation.read_bytes())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m monitoring", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check", help="compare a window with a baseline")
    command.add_argument("--baseline", type=Path, required=True, help="folder, MODEL/baseline")
    command.add_argument("--window", type=Path, required=True, help="JSONL of observations")
    command.add_argument("--out", type=Path, required=True, help="folder for the two files")
    command.add_argument("--config", type=Path, default=DEFAULTS, help="drift settings")
    command.add_argument("--feedback", type=Path, help="JSONL of true stars that came back")
    command.add_argument("--evaluation", type=Path, help="evaluation.json, for the gate's floors")
    return parser


if __name__ == "__main__":
    sys.exit(main())
