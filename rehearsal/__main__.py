"""`python -m rehearsal`: play a stage's scenes in a local cloud of its own, and leave a page.

Exit 0: every scene that was to be played passed. 1: one failed, or the cloud did. 2: a stage file
or a scene's name that is wrong, before anything starts. 130, 143, 129: stopped by a signal.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

from infra.stage import CONFIGS, Stage, StageError
from lambdas.ports import stacks
from lambdas.ports.failures import AWS_ERRORS
from operate import cdk, environment, processes, signals
from operate.errors import InputError, OperateError, describe
from operate.local import EMULATOR, LocalCloud
from operate.outages import MATRIX, Row
from operate.progress import RunProgress
from rehearsal import page, stage_files
from rehearsal.deploying import reason
from rehearsal.programme import SCENES
from rehearsal.scene import Outcome, Played, Scene
from rehearsal.theatre import PORT, TRACKING_PORT, SceneError, Theatre, require
from reviews.errors import ReviewStarsError

FAILURES = (SceneError, ReviewStarsError, *AWS_ERRORS, HTTPException, OSError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the scenes that were asked for and return the exit status."""
    asked = _parser().parse_args(arguments)
    signals.install()
    try:
        return rehearse(asked)
    except signals.Stopped as stop:
        print(f"rehearse: stopped by {stop.name}: nothing of it is left running", file=sys.stderr)
        return stop.exit_status
    except StageError as error:
        print(f"rehearse: {error}", file=sys.stderr)
        return 2
    except FAILURES as error:
        print(f"rehearse: {describe(error)}", file=sys.stderr)
        return error.exit_status if isinstance(error, OperateError) else 1


def rehearse(asked: argparse.Namespace) -> int:
    """Check what was asked, then start the cloud, play, and write the page."""
    home = asked.home.resolve()
    chosen = choose(asked.scenes, alone=asked.onto)
    stage = Stage.read(asked.stage, asked.stage_files)
    if not EMULATOR.exists():
        raise InputError("nothing is installed here yet: run `make setup`, or `make rehearse`")
    progress = RunProgress()
    cloud = LocalCloud(
        home, asked.port, asked.tracking_port, account=stage.account, region=stage.region
    )
    cloud.port, cloud.tracking_port = asked.port or PORT, asked.tracking_port or TRACKING_PORT
    packages = Path(".build/lambdas") / f"{stage.label}-here"
    theatre = Theatre(stage, home, cloud, dict(os.environ), packages, log=progress.log)
    theatre.rows = choose_rows(asked.outage)
    played: list[Played] = []
    with theatre.join() if asked.onto else theatre.open():
        made_up = stage_files.write(stage.label, theatre.stage_files, asked.stage_files)
        for line in made_up:
            progress.log(f"made up: {line}")
        theatre.stage = Stage.read(stage.label, theatre.stage_files)
        build_packages(theatre)
        if asked.onto and stacks.exists(theatre.place.name(theatre.parts[0])):
            done = theatre.deploy()
            require(done.code == 0, f"this folder could not be deployed: {reason(done.said)}")
        try:
            for scene in chosen:
                played.append(play(scene, theatre, played, progress))
        finally:
            written = page.write(
                home,
                theatre.stage,
                played,
                matrix=theatre.matrix,
                made_up=made_up,
                seconds=progress.total_seconds(),
            )
        progress.log_event(f"the page: {written}")
        if asked.hold:
            progress.log_event("the cloud is held: `--onto` plays in it, Ctrl-C ends it")
            signal.pause()
    unlisted = cloud.unlisted()
    for sentence in unlisted:
        print(f"rehearse: {sentence}", file=sys.stderr)
    missed = [one for one in played if one.outcome in ("failed", "not played")]
    return 1 if missed or unlisted else 0


def choose(names: str, *, alone: bool = False) -> list[Scene]:
    """The scenes that were named, with all that they need, in the programme's order.

    alone: without what they need, which was played before.
    Raises InputError, with the names that there are, for one that there is not.
    """
    by_name = {scene.name: scene for scene in SCENES}
    wanted = [name for name in names.replace(",", " ").split() if name] or list(by_name)
    if unknown := [name for name in wanted if name not in by_name]:
        raise InputError(f"no scene {unknown[0]}: known are {', '.join(by_name)}")
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        found.add(name)
        wanted += [] if alone else [need for need in by_name[name].needs if need not in found]
    chosen = [scene for scene in SCENES if scene.name in found]
    return [replace(scene, needs=()) for scene in chosen] if alone else chosen


def choose_rows(name: str) -> Sequence[Row]:
    """The row of the outage matrix of this name, or all. Raises InputError, with the names."""
    found = [row for row in MATRIX if name in ("", row.fault)]
    if not found:
        raise InputError(f"no outage {name}: known are {', '.join(row.fault for row in MATRIX)}")
    return found


def build_packages(theatre: Theatre) -> None:
    """The functions' packages for the interpreter of this machine, whatever the stage's is."""
    argv = [sys.executable, "-m", "infra.packaging.build", "--stage", theatre.stage.label]
    argv += ["--native", "--out", str(theatre.packages)]
    log = theatre.home / "package.log"
    env = environment.fetching(theatre.shell, theatre.home)
    if processes.run_logged(argv, env=env, log=log) != 0:
        raise OperateError(
            f"the Lambda packages could not be built: {cdk.failure_reason(log)} (its log: {log})"
        )


def play(scene: Scene, theatre: Theatre, before: Sequence[Played], progress: RunProgress) -> Played:
    """One scene; what it needs must have passed, and what it raises is its outcome."""
    if scene.play is None:
        return Played(scene, "only AWS", "cannot be played on this machine", 0.0)
    passed = {one.scene.name for one in before if one.outcome == "passed"}
    if missing := [need for need in scene.needs if need not in passed]:
        return Played(scene, "not played", f"needs {', '.join(missing)}", 0.0)
    began = time.monotonic()
    outcome: Outcome = "failed"
    try:
        with progress.step(scene.name, scene.title):
            found = scene.play(theatre)
            progress.log(found)
            outcome = "passed"
    except FAILURES as error:
        found = describe(error)
        progress.log(found)
    return Played(scene, outcome, found, time.monotonic() - began)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    parser.add_argument("--stage", default="prod", help="default: %(default)s")
    parser.add_argument("--scenes", default="", help="names, apart by commas; default: all")
    parser.add_argument("--outage", default="", help="the one row that the scene outages causes")
    parser.add_argument("--home", type=Path, default=Path(".local/rehearsal"))
    parser.add_argument("--stage-files", type=Path, default=CONFIGS, metavar="DIR")
    parser.add_argument("--hold", action="store_true", help="keep the cloud until Ctrl-C")
    parser.add_argument(
        "--onto",
        action="store_true",
        help="deploy this folder to the cloud that is held in --home, then play the scenes alone",
    )
    parser.add_argument("--port", type=int)
    parser.add_argument("--tracking-port", type=int)
    return parser


if __name__ == "__main__":
    sys.exit(main())
