"""`python -m local_cloud up | env`: start the local cloud, or print how to reach it."""

import argparse
import shlex
import sys
from pathlib import Path

from local_cloud.home import ACCOUNT, REGION, CannotStartError, RunningCloud
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
    for command in (start, show):
        command.add_argument("--home", type=Path, default=Path(".local"))
    chosen = parser.parse_args(arguments)
    home = chosen.home.resolve()
    try:
        if chosen.command == "env":
            for name, value in RunningCloud.read(home).variables().items():
                print(f"export {name}={shlex.quote(value)}")
            return 0
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
