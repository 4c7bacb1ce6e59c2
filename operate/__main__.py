"""`python -m operate COMMAND`: see `--help`; the Makefile calls each one."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from operate import batch, cdk, deployment, lineage, loop, releases, run, status, upload
from operate.destroy import destroy
from operate.errors import OperateError
from operate.local import LocalCloud
from operate.place import HOME, LOCAL, Place
from reviews.errors import ReviewStarsError


def parser() -> argparse.ArgumentParser:
    """Every command and its arguments."""
    top = argparse.ArgumentParser(prog="operate", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)

    def add(name: str, words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("--stage", default=LOCAL)
        command.add_argument("--home", type=Path, default=HOME, help="folder of the local cloud")
        return command

    whole = add("run", "the whole loop on this machine, then serve")
    whole.add_argument("--data", help="a .jsonl or .jsonl.gz of raw reviews; default: our sample")
    whole.add_argument("--once", action="store_true", help="stop after the summary")
    whole.add_argument("--port", type=int, default=4566, help="port of the local cloud")
    whole.add_argument("--tracking-port", type=int, default=5566, help="port of MLflow")
    add("status", "what runs, what is live, what was said in alerts")
    add("upload", "put a raw file into the stage's raw bucket").add_argument("file", type=Path)
    add("refine", "refine every raw file again, after a change of rules or detector")
    again = add("learn", "train on the newest dataset now, and follow the run")
    again.add_argument("--alone", action="store_true", help="not judged against the live model")
    add("drift", "run one drift check now")
    add("sleep", "take the endpoint down; the package is remembered")
    add("wake", "bring the endpoint back with the package that slept")
    add("destroy", "empty what must be empty, then delete every stack")
    approve = add("release", "approve a package and follow its release")
    approve.add_argument("--version", default="", help="default: the newest that is pending")
    back = add("rollback", "release an older package")
    back.add_argument("--version", default="", help="default: the one that was live before")
    trace = add("lineage", "everything between a version and the rows that it learned from")
    trace.add_argument("--version", default="", help="default: the live one")
    answer = add("predict", "answer every file under a prefix, or one file, by a batch job")
    answer.add_argument("--in", dest="source", default="", help="prefix below predict/ or reviews/")
    answer.add_argument("--file", type=Path, help="a file of this machine, uploaded first")
    answer.add_argument("--out", default="", help="prefix below predictions/")
    answer.add_argument("--version", default="", help="of the model; default: the live one")
    for command in (approve, back):
        command.add_argument("--force", action="store_true", help="in spite of a ringing alarm")
    words = add("cdk", "run the CDK CLI with the stage in the environment")
    words.add_argument("words", nargs=argparse.REMAINDER)
    return top


def main(arguments: list[str]) -> int:
    """Run one command; returns its exit code (DESIGN 12)."""
    given = parser().parse_args(arguments)
    place = Place(given.stage, given.home)
    try:
        if given.command == "run":
            cloud = LocalCloud(given.home, given.port, given.tracking_port)
            run.run(given.data, once=given.once, cloud=cloud)
            return 0
        if given.command == "cdk":
            if given.words[:1] not in (["synth"], ["ls"]):
                place.enter()
            return cdk.run(given.stage, *given.words)
        place.enter()
        if given.command == "destroy":
            destroy(place)
            return 0
        deployed = deployment.read(place)
        if given.command == "status":
            status.show(deployed, given.home, Console(highlight=False))
        elif given.command == "upload":
            print(upload.upload(deployed, given.file))
        elif given.command == "refine":
            print(f"{upload.refine_again(deployed)} files are refined again")
        elif given.command == "learn":
            loop.learn_now(deployed, alone=given.alone)
        elif given.command == "lineage":
            print(json.dumps(lineage.lineage(deployed, given.version), indent=2))
        elif given.command == "predict":
            source = batch.upload(deployed, given.file) if given.file else given.source
            print(batch.predict(deployed, source, given.out, given.version))
        elif given.command == "drift":
            releases.check_drift(deployed)
        elif given.command == "sleep":
            releases.sleep(deployed)
        elif given.command == "wake":
            releases.wake(deployed)
        elif given.command == "release":
            releases.release(deployed, given.version, force=given.force)
        else:
            releases.rollback(deployed, given.version, force=given.force)
    except ReviewStarsError as error:
        print(f"{given.command}: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, OperateError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
