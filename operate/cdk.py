"""The CDK command line, run as a person would, with the stage in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from operate.errors import OperateError

CLI = ["node_modules/aws-cdk/bin/cdk"]
NODE = Path(".local/node/node")


def command(*arguments: str) -> list[str]:
    """The argument vector of the pinned CLI under the pinned Node."""
    return [str(NODE), *CLI, *arguments]


def environment(stage: str, **more: str) -> dict[str, str]:
    """This process's environment, with the stage and without the CLI's own chatter."""
    node = str(NODE.parent.resolve())
    return {
        **os.environ,
        "STAGE": stage,
        "PATH": f"{node}{os.pathsep}{os.environ['PATH']}",
        "JSII_NODE": str(NODE.resolve()),
        "CDK_HOME": os.environ.get("CDK_HOME", str(Path(".local/cdk").resolve())),
        "CDK_PYTHON": sys.executable,
        "PYTHONWARNINGS": "ignore",
        **more,
    }


def run(stage: str, *arguments: str) -> int:
    """Run the CLI in the foreground and return its exit code."""
    return subprocess.run(command(*arguments), env=environment(stage), check=False).returncode


def quietly(stage: str, what: str, *arguments: str, log: Path, **more: str) -> None:
    """Run the CLI with its words in a file; on failure their end is shown.

    Raises OperateError with the last lines of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as sink:
        done = subprocess.run(
            command(*arguments),
            env=environment(stage, **more),
            stdout=sink,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise OperateError(f"{what} failed ({log}):\n{tail}")
