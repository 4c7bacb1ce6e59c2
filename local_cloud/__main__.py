"""`python -m local_cloud up | env | operations`: start it, say how to reach it, what was used.

`operations` exits 1 where an operation or a parameter was used that is not on the list.
"""

import argparse
import shlex
import sys
from pathlib import Path

from local_cloud.home import ACCOUNT, OPERATIONS_LOG, REGION, CannotStartError, RunningCloud
from local_cloud.supervisor import StartOptions, up


def main(arguments: list[str]) -> int:
    """Run one command; 2 means that something stood in the way, 1 that a part of ours broke."""
    parser = argparse.ArgumentParser(prog="python -m local_cloud")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start it and stay until Ctrl-C")
    start.add_argument("--port", type=int, default=4566)
    start.add_argument("--tracking-port", type=int, default=5566)
    start.add_argument("--no-tracking", action="store_true", help="without MLflow")
    start.add_argument("--account", default=ACCOUNT, help="whose cloud it is")
    start.add_argument("--region", default=REGION)
    show = commands.add_parser("env", help="print export lines for a shell")
    used = commands.add_parser("operations", help="compare what was used with the list of it")
    for command in (start, show, used):
        command.add_argument("--home", type=Path, default=Path(".local"))
    chosen = parser.parse_args(arguments)
    home = chosen.home.resolve()
    try:
        if chosen.command == "env":
            for name, value in RunningCloud.read(home).variables().items():
                print(f"export {name}={shlex.quote(value)}")
            return 0
        if chosen.command == "operations":
            return _compare(home)
        return up(
            StartOptions(
                home=home,
                port=chosen.port,
                tracking_port=chosen.tracking_port,
                tracking=not chosen.no_tracking,
                account=chosen.account,
                region=chosen.region,
            )
        )
    except CannotStartError as error:
        print(error, file=sys.stderr)
        return error.exit_status


def _compare(home: Path) -> int:
    """Print a sentence for each operation or parameter that is not on the list."""
    from local_cloud.operations import listed, recorder  # with botocore, which `up` does not need

    if not (home / OPERATIONS_LOG).exists():
        raise CannotStartError(f"no record of operations in {home}: run a local cloud there first")
    used = list(recorder.read(home, without=listed.TESTS))
    missing = listed.unlisted(used)
    for sentence in missing:
        print(sentence)
    count = len({(usage.service, usage.operation) for usage, _ in used})
    print(f"operations {count} used, {len(missing)} findings", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
