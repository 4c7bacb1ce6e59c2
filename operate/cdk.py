"""The CDK command line, run as a person would, with the stage in the environment."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from operate import processes
from operate.errors import OperateError

CLI = "node_modules/aws-cdk/bin/cdk"
NODE = Path(".local/node/node")
WORST = re.compile(r"❌|\berror\b|\bfailed\b|exception", re.IGNORECASE)
MAX_CHARACTERS = 600  # of a line of a log that is repeated on the terminal


def command(*arguments: str) -> list[str]:
    """The argument vector of the pinned CLI under the pinned Node."""
    return [str(NODE), CLI, *arguments]


def environment(variables: Mapping[str, str], stage: str, **more: str) -> dict[str, str]:
    """The variables of a stage, with what the CLI needs to find our Node and our Python."""
    node = NODE.parent.absolute()
    return {
        **variables,
        "STAGE": stage,
        "PATH": f"{node}:{variables.get('PATH', '/usr/bin:/bin')}",
        "JSII_NODE": str(node / "node"),
        "CDK_HOME": str(Path(".local/cdk").absolute()),
        "NODE_COMPILE_CACHE": str(Path(".local/node-compile-cache").absolute()),
        "CDK_PYTHON": sys.executable,
        "PYTHONWARNINGS": "ignore",
        **more,
    }


def run(variables: Mapping[str, str], stage: str, *arguments: str) -> int:
    """Run the CLI on this terminal and return its exit status."""
    return processes.run_attached(command(*arguments), env=environment(variables, stage))


def run_logged(
    variables: Mapping[str, str], stage: str, *arguments: str, log: Path, **more: str
) -> None:
    """Run the CLI with its output in a file.

    Raises OperateError with the line that says why, and the place of the log, where it failed.
    """
    env = environment(variables, stage, **more)
    if processes.run_logged(command(*arguments), env=env, log=log) != 0:
        raise OperateError(f"cdk {arguments[0]} failed: {failure_reason(log)} (its log: {log})")


def failure_reason(log: Path) -> str:
    """The line of a log that says best what went wrong: the last one that names an error."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    named = [line for line in lines if WORST.search(line) and not line.startswith("at ")]
    return (named or lines or ["it said nothing"])[-1][:MAX_CHARACTERS]
