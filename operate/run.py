"""`make run`: bring the local cloud up, follow one file through the whole loop, then serve."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path

from lambdas.contract.names import ENDPOINT_STACK
from lambdas.ports import failures, stacks
from operate import cdk, clock, deployment, doctor, environment, processes, signals, source, summary
from operate.client import FILE, ClientFile, read_environment
from operate.errors import OperateError, describe
from operate.local import EMULATOR, LocalCloud
from operate.loop import Journey
from operate.place import LOCAL, Place
from operate.progress import RunProgress
from operate.status import Watch
from reviews.errors import ReviewStarsError

POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"  # CDK's own deploy role, local stage only
RUN_FILES = ("summary.json", FILE, "inbox.jsonl", "report.html")
LOOK_SECONDS = 1.0
FAILURES = (*failures.AWS_ERRORS, ReviewStarsError, HTTPException, OSError)


@dataclass
class Loop:
    """One run: its place, its cloud, and what it prints."""

    place: Place
    cloud: LocalCloud
    progress: RunProgress

    @property
    def home(self) -> Path:
        """The folder of the run."""
        return self.cloud.home


class _Packaging(threading.Thread):
    """Build the Lambda folders and the templates while the cloud starts: they need no AWS."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(daemon=True)
        self.loop = loop
        self.failure: OperateError | None = None

    def run(self) -> None:
        try:
            self._build()
            self._synth()
        except OperateError as error:
            self.failure = error

    def finish(self) -> None:
        """Wait for the end; raises what went wrong."""
        self.join()
        if self.failure:
            raise self.failure

    def _build(self) -> None:
        argv = [sys.executable, "-m", "infra.packaging.build", "--stage", LOCAL]
        env = environment.fetching(self.loop.place.shell, self.loop.home)
        log = self.loop.home / "package.log"
        if processes.run_logged(argv, env=env, log=log) != 0:
            reason = cdk.failure_reason(log)
            raise OperateError(f"the Lambda packages could not be built: {reason} (its log: {log})")

    def _synth(self) -> None:
        arguments = ["synth", "--quiet", "--output", str(self.loop.home / "cdk.out")]
        arguments += ["--context", f"tracking_uri={self.loop.cloud.tracking_url}"]
        cdk.run_logged(
            environment.isolated(self.loop.place.shell, self.loop.home),
            LOCAL,
            *arguments,
            log=self.loop.home / "synth.log",
            CDK_VALIDATION="false",
        )


def run(data: str | None, *, once: bool, place: Place, cloud: LocalCloud) -> None:
    """The whole loop on this machine; serves until it is stopped unless `once`.

    Raises OperateError where no model could be released, Stopped where a signal came before;
    everything is stopped before. What is refused has changed nothing.
    """
    files = source.check_all(data) if data is not None else []
    if not EMULATOR.exists():
        raise OperateError("nothing is installed here yet: run `make setup`, or `make run`")
    loop = Loop(place, cloud, RunProgress())
    with cloud.reserved():
        _log_what_is_replaced(loop)
        if problem := doctor.disk_problem(cloud.home, doctor.RUN_BYTES):
            raise OperateError(problem)
        raw = _raw_file(loop, files)
        try:
            journey = _bring_up(loop)
            _follow(loop, journey, raw, once=once)
            if not once:
                _serve(loop, journey)
        except FAILURES as error:
            if cloud.has_started and cloud.has_died():
                raise cloud.death() from error
            raise
        finally:
            with signals.ignored():
                processes.stop_all()
                cloud.stop()


def _log_what_is_replaced(loop: Loop) -> None:
    """What this run ends for good, and what of the shell it does not take."""
    last = loop.home / "summary.json"
    if last.exists():
        when = clock.moment(datetime.fromtimestamp(last.stat().st_mtime, UTC))
        loop.progress.log(
            f"the local cloud begins empty: the models and data of the run of {when} go, and its "
            f"{', '.join(RUN_FILES)}"
        )
    if names := environment.left_out(loop.place.shell):
        loop.progress.log(
            f"not taken from the shell: {', '.join(names)}; the local stage talks to the local "
            "cloud alone"
        )


def _raw_file(loop: Loop, files: Sequence[Path]) -> Path:
    """The one object that goes up: a named file, several as one, or our sample."""
    if not files:
        return source.sample(loop.home)
    folder, log = loop.home / source.CONVERTED, loop.progress.log
    return source.joined([source.as_lines(file, folder, log) for file in files], folder, log)


def _bring_up(loop: Loop) -> Journey:
    home, cloud, progress = loop.home, loop.cloud, loop.progress
    packaging = _Packaging(loop)
    with progress.step("start", "Start the local cloud, build the Lambda packages"):
        (home / "home").mkdir(exist_ok=True)
        for stale in RUN_FILES:
            (home / stale).unlink(missing_ok=True)
        packaging.start()
        cloud.start(environment.isolated(loop.place.shell, home))
        loop.place.enter()
        packaging.finish()
    with progress.step("deploy", "Deploy six stacks with the CDK"):
        _deploy(loop, loop.place.environment())
    return Journey(deployment.read(loop.place), progress)


def _deploy(loop: Loop, variables: Mapping[str, str]) -> None:
    settings, home = loop.place.settings, loop.home
    app = ("-a", str(home / "cdk.out"))
    account = f"aws://{settings.account}/{settings.region}"
    bootstrap = ("bootstrap", account, "--cloudformation-execution-policies", POLICY, *app)
    cdk.run_logged(variables, LOCAL, *bootstrap, log=home / "bootstrap.log")
    deploy = ("deploy", "--all", "--require-approval", "never", "--no-previous-parameters=false")
    cdk.run_logged(variables, LOCAL, *deploy, *app, log=home / "deploy.log")


def _follow(loop: Loop, journey: Journey, file: Path, *, once: bool) -> None:
    progress, home = loop.progress, loop.home
    with progress.step("preprocess", "Preprocess"):
        journey.upload(file)
        journey.preprocess()
    with progress.step("learn", "Train, evaluate, track, gate, register"):
        journey.learn()
        journey.keep_report(home / "report.html")
    with progress.step("release", "Release"):
        journey.release()
    with progress.step("ask", "Ask the API"):
        answers = journey.ask(ClientFile(journey.deployment, home / FILE))
    with progress.step("drift", "Check drift"):
        verdict = journey.check_drift()
    with progress.step("alerts", "Read the inbox"):
        alerts = journey.alerts(home / "inbox.jsonl")
    evaluation = journey.evaluation
    found = summary.Summary(
        reviews=summary.Reviews(
            **{name: journey.counts[name] for name in ("read", "kept", "duplicates", "rejected")},
            blank=journey.counts.get("blank", 0),
            schemas=journey.counts.get("schemas", {}),
        ),
        model=summary.Model(
            version=journey.version,
            metrics=evaluation.metrics,
            gate="passed" if evaluation.gate.passed else "failed",
        ),
        endpoint=summary.EndpointSummary(journey.endpoint_status(), journey.version),
        api=summary.ApiSummary(
            answers.base_url, answers.status, answers.stars[0], answers.p50_milliseconds
        ),
        drift=summary.Drift(verdict["verdict"], verdict["n"]),
        alerts=summary.AlertSummary(len(alerts)),
        seconds={**progress.seconds, "total": progress.total_seconds()},
    )
    found.save(home / "summary.json")
    report = {"report": str(home / "report.html")}
    summary.show(found, progress.console, report if once else {**report, **_addresses(loop)})


def _addresses(loop: Loop) -> dict[str, str]:
    """What answers while this run serves."""
    return {
        "API": read_environment(loop.home / FILE)["API_URL"],
        "ask it": 'make ask TEXT="It stopped working after two days."',
        "MLflow": f"{loop.cloud.tracking_url}/#/experiments/1/runs?workflowType=machine_learning",
        "cloud": os.environ["AWS_ENDPOINT_URL"],
    }


def _serve(loop: Loop, journey: Journey) -> None:
    """Stay until a signal, and print what happens; client.env is renewed before it expires.

    Raises OperateError where the cloud ends by itself.
    """
    progress = loop.progress
    progress.log_event(
        "Serving. Another file starts the loop again: .venv/bin/python -m operate upload FILE; "
        "Ctrl-C stops."
    )
    try:
        watch = Watch(journey.deployment, loop.home)
        watch.news()
        client = ClientFile(journey.deployment, loop.home / FILE)
        client.renew()
        last = ""
        while loop.cloud.is_alive():
            lines, trouble = _look(loop, watch, client)
            for line in lines:
                progress.log_event(line)
            if trouble and trouble != last:
                progress.log_event(trouble)
            last = trouble
            time.sleep(LOOK_SECONDS)
    except signals.Stopped:
        progress.log_event("stopping")
        return
    raise loop.cloud.death()


def _look(loop: Loop, watch: Watch, client: ClientFile) -> tuple[list[str], str]:
    """What is new, and what stands in the way of looking; a stage may be destroyed meanwhile."""
    try:
        if not stacks.stands(loop.place.name(ENDPOINT_STACK)):
            return [], "the stage was destroyed; Ctrl-C stops the local cloud too"
        client.keep_fresh(datetime.now(UTC))
        return watch.news(), ""
    except FAILURES as error:
        if loop.cloud.has_died():
            raise loop.cloud.death() from error
        return [], f"the state of the stage cannot be read now: {describe(error)}"
