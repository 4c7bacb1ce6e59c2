"""`python -m infra.machines --out DIR`: a diagram of each machine, from its definition."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.machines import learning, preprocessing, release, sleep
from infra.machines.diagram import mermaid
from infra.machines.release_states import ReleaseParts
from infra.machines.states import State
from lambdas.contract import names

OUT = Path("docs/machines")


PREPROCESS = preprocessing.PreprocessingParts(
    plan="plan",
    worker="worker",
    finish="finish",
    remove="remove",
    topic_arn="alerts",
    subject="stage",
    max_concurrency=1,
)
LEARN = learning.LearningParts(
    prepare="prepare",
    conclude="conclude",
    pipeline_name="pipeline",
    topic_arn="alerts",
    subject="stage",
    event_source="stage",
    settle_seconds=0,
    max_seconds=0,
    releases=True,
)
RELEASE = ReleaseParts(
    stack_name="endpoint",
    role_arn="role",
    validate="validate",
    verify="verify",
    golden="golden",
    record="record",
    topic_arn="alerts",
    subject="stage",
)

SLEEP = sleep.SleepParts(
    stack_name="endpoint",
    role_arn="role",
    live_parameter="live",
    models_bucket="models",
    topic_arn="alerts",
    subject="stage",
    idle_hours=1,
)


def definitions() -> dict[str, State]:
    """Every machine by its name, of a stage that releases by itself."""
    return {
        names.PREPROCESS: preprocessing.definition(PREPROCESS),
        names.LEARN: learning.definition(LEARN),
        names.RELEASE: release.definition(RELEASE),
        names.SLEEP: sleep.definition(SLEEP),
    }


def page(name: str, definition: State) -> str:
    """A machine's page: what it is for, and its diagram."""
    return (
        f"# The machine `<stage>-{name}`\n\n"
        f"{definition['Comment']}. Made from its definition by `make diagrams`; boxes call, "
        "diamonds decide, dotted lines are errors.\n\n"
        f"```mermaid\n{mermaid(definition)}```\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one page a machine."""
    parser = argparse.ArgumentParser(prog="python -m infra.machines", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT, help="default: %(default)s")
    out: Path = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    for name, definition in definitions().items():
        path = out / f"{name}.md"
        path.write_text(page(name, definition), encoding="utf-8")
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
