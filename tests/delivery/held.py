"""What has run each step of each workflow on a machine that is not GitHub's, and what has not.

    .venv/bin/python -m tests.delivery.held

writes the table of docs/delivery.md.
"""

from __future__ import annotations

import sys

from tests.delivery import workflows
from tests.delivery.workflows import ROOT, Context

PAGE = ROOT / "docs/delivery.md"
BEGIN, END = "<!-- steps: begin -->", "<!-- steps: end -->"
DEV = "tests/delivery/test_delivery_dev.py"
PROD = "tests/delivery/test_delivery_prod.py"
IMAGE = "tests/delivery/test_delivery_image.py"
RELEASE = "tests/delivery/test_delivery_release.py"
RUN = "tests/delivery/test_delivery_run.py"
# By what a step calls: the test that runs the step as it is written, in a clone.
RUN_BY = {
    ("cd", "make tag"): PROD,
    ("cd", "make deploy"): DEV,
    ("cd", "make smoke"): DEV,
    ("cd", "make redeploy"): DEV,
    ("monitoring", "make watch"): DEV,
    ("monitoring", "make issue"): DEV,
    ("release", "make tag"): RELEASE,
    ("release", "make dist"): RELEASE,
    ("release", "make publish"): RELEASE,
    ("release", "make push-image"): IMAGE,
    ("ci", "make site"): RELEASE,
    ("ci", "make sbom"): RELEASE,
    ("ci", "make licences"): RELEASE,
    ("ci", "make difference"): RUN,
    ("ci", "make comment"): RUN,
    ("ci", "make run"): "tests/e2e, tests/newcomer",
}
# What a test would only run a second time, or may not run; each is one call of make by hand.
BY_HAND = {
    ("ci", "make check"): "judges the tests too",
    ("ci", "make test"): "is the tests",
    ("ci", "make templates"): "is tests/infra",
    ("ci", "make rehearse"): "docs/rehearsal.md has its scenes",
    ("ci", "make image"): "root, buildah and debootstrap",
    ("ci", "make newcomer"): "20 minutes",
    ("ci", "make bare"): "an hour; docs/local-cloud.md has its rows",
    ("ci", "make faults"): "is tests/faults",
    ("ci", "sudo apt-get"): "a runner's packages",
    ("release", "make image"): "as in ci",
    ("release", "sudo apt-get"): "as in ci",
}
ACTIONS = {
    "actions/checkout": ("a clone", "which commit it takes"),
    "actions/setup-python": ("the interpreter that is here", "the interpreter"),
    "./.github/actions/python": ("the interpreter and caches that are here", "caches"),
    "aws-actions/configure-aws-credentials": (
        "the local cloud's STS by the template's trust policy",
        "the token's signature",
    ),
    "actions/attest-build-provenance": ("nothing", "the signature"),
}
ONLY_GITHUB = {
    "make push-image": "that its registry takes the token",
    "make publish": "the release itself",
    "make comment": "that a fork's token cannot write",
    "make redeploy": "that a deployment is recorded for each job",
    "make watch": "what the database of vulnerabilities knows, AWS's budget figures",
    "make issue": "that the token may write an issue",
}


def called(written: str) -> str:
    """What a step calls: make and its target, or the program."""
    words = written.split()
    if "make" in words:
        return f"make {words[words.index('make') + 1]}"
    return " ".join(words[:2])


def rows() -> list[tuple[str, str, str, str]]:
    """Workflow and job, step, what ran it here, what only GitHub can show; each pair once."""
    found: dict[tuple[str, str], tuple[str, str, str, str]] = {}
    for step in workflows.steps(Context(workflows.EXAMPLE)):
        if step.uses:
            name = step.uses.partition("@")[0]
            here, only = ACTIONS[name]
            found.setdefault(("", name), ("all", f"`{name}`", here, only))
            continue
        name = called(step.written)
        place = (step.workflow, name)
        here = RUN_BY[place] if place in RUN_BY else f"no test: {BY_HAND[place]}"
        row = (f"{step.workflow}, {step.job}", name, here, ONLY_GITHUB.get(name, ""))
        found.setdefault(place, row)
    return sorted(found.values(), key=lambda row: (row[0] == "all", row))


def table() -> str:
    """The rows as Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in rows()]
    return "\n".join(
        ["| job | step | run here by | only GitHub can show |", "|---|---|---|---|", *lines]
    )


def written(page: str) -> str:
    """The page with the table of today."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the table."""
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
