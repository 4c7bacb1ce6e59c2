"""`make run`: bring the local cloud up, follow one file through the whole loop, then serve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from lambdas.contract.names import ENDPOINT_STACK
from lambdas.ports import stacks
from operate import cdk, deployment, source, summary
from operate.errors import OperateError
from operate.local import LocalCloud
from operate.loop import Journey
from operate.place import LOCAL, Place, local_environment
from operate.progress import Progress
from reviews.errors import ReviewStarsError

POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"  # CDK's own deploy role, local stage only


class _Package(threading.Thread):
    """Build the Lambda folders and the templates while the cloud starts: they need no AWS."""

    def __init__(self, stage: str, logs: Path, tracking_url: str) -> None:
        super().__init__(daemon=True)
        self.stage, self.logs, self.tracking_url = stage, logs, tracking_url
        self.failure: OperateError | None = None

    def run(self) -> None:
        argv = [sys.executable, "-m", "infra.packaging.build", "--stage", self.stage]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        (self.logs / "package.log").write_text(done.stdout + done.stderr)
        if done.returncode != 0:
            self.failure = OperateError(f"make package failed:\n{done.stdout}{done.stderr}")
            return
        try:
            synth = ["synth", "--quiet", "--output", str(self.logs / "cdk.out")]
            synth += ["--context", f"tracking_uri={self.tracking_url}"]
            log = self.logs / "synth.log"
            cdk.quietly(self.stage, "synth", *synth, log=log, CDK_VALIDATION="false")
        except OperateError as error:
            self.failure = error

    def finish(self) -> None:
        """Wait for the end; raises what went wrong."""
        self.join()
        if self.failure:
            raise self.failure


def run(data: str | None, *, once: bool, cloud: LocalCloud) -> None:
    """The whole loop on this machine (DESIGN 12); serves until Ctrl-C unless `once`.

    Raises OperateError where no model could be released; everything is stopped before.
    """
    progress = Progress()
    home = cloud.home
    home.mkdir(parents=True, exist_ok=True)
    for stale in ("summary.json", "client.env", "inbox.jsonl", "report.html"):
        (home / stale).unlink(missing_ok=True)
    file = source.choose(data, home)
    for number in (signal.SIGTERM, signal.SIGINT):  # a shell's background jobs ignore the latter
        signal.signal(number, _stop)
    try:
        journey = _bring_up(cloud, progress)
        _follow(journey, file, cloud)
        if not once:
            _serve(journey, cloud, home)
    except KeyboardInterrupt:
        progress.console.print("stopping")
    finally:
        cloud.stop()


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _bring_up(cloud: LocalCloud, progress: Progress) -> Journey:
    home = cloud.home
    place = Place(LOCAL, home)
    package = _Package(LOCAL, home, cloud.tracking_url)
    with progress.step("start", "Start the local cloud, build the Lambda packages"):
        package.start()
        cloud.start()
        place.enter()
        package.finish()
    with progress.step("deploy", "Deploy six stacks with the CDK"):
        env = local_environment(home)
        environment = f"aws://{env['CDK_DEFAULT_ACCOUNT']}/{env['CDK_DEFAULT_REGION']}"
        app = ("-a", str(home / "cdk.out"))
        bootstrap = ("bootstrap", environment, "--cloudformation-execution-policies", POLICY)
        cdk.quietly(LOCAL, "cdk bootstrap", *bootstrap, *app, log=home / "bootstrap.log")
        deploy = ("deploy", "--all", *app, "--require-approval", "never")
        cdk.quietly(
            LOCAL, "cdk deploy", *deploy, "--no-previous-parameters=false", log=home / "deploy.log"
        )
    return Journey(deployment.read(place), progress)


def _follow(journey: Journey, file: Path, cloud: LocalCloud) -> None:
    progress, home = journey.progress, cloud.home
    with progress.step("preprocess", "Preprocess"):
        journey.upload(file)
        journey.preprocess()
    with progress.step("learn", "Train, evaluate, track, gate, register"):
        journey.learn()
        journey.keep_report(home / "report.html")
    with progress.step("release", "Release"):
        journey.release()
    with progress.step("ask", "Ask the API"):
        answered = journey.ask(home / "client.env")
    with progress.step("drift", "Check drift"):
        verdict = journey.check_drift()
    with progress.step("alerts", "Read the inbox"):
        alerts = journey.alerts(home / "inbox.jsonl")
    evaluation = journey.evaluation
    found = summary.Summary(
        reviews=summary.Reviews(
            **{name: journey.counts[name] for name in ("read", "kept", "duplicates", "rejected")},
            blank=journey.counts.get("blank", 0),
        ),
        model=summary.Model(
            version=journey.version,
            metrics={k: v for k, v in evaluation.items() if isinstance(v, int | float)},
            gate="passed" if evaluation["gate"]["passed"] else "failed",
        ),
        endpoint=summary.Endpoint(journey.endpoint_status(), journey.version),
        api=summary.Api(
            answered.base_url,
            answered.status,
            answered.stars[0],
            answered.p50_milliseconds,
        ),
        drift=summary.Drift(verdict["verdict"], verdict["n"]),
        alerts=summary.Alerts(len(alerts)),
        seconds={**progress.seconds, "total": progress.total_seconds()},
    )
    found.save(home / "summary.json")
    summary.show(found, progress.console, _addresses(cloud))


def _addresses(cloud: LocalCloud) -> dict[str, str]:
    home = cloud.home
    values = dict(line.split("=", 1) for line in (home / "client.env").read_text().splitlines())
    return {
        "API": values["API_URL"],
        "ask it": f"set -a; . {home}/client.env; set +a   then the curl command of the README",
        "report": str(home / "report.html"),
        "MLflow": f"{cloud.tracking_url}/#/experiments/1/runs",
        "cloud": os.environ["AWS_ENDPOINT_URL"],
    }


def _serve(journey: Journey, cloud: LocalCloud, home: Path) -> None:
    """Stay, and say what happens: alerts as they arrive, a new version as it goes live."""
    from operate.status import Watch

    journey.progress.console.print("Serving. Another file starts the loop again: ", end="")
    journey.progress.console.print(
        "[bold].venv/bin/python -m operate upload FILE[/]; Ctrl-C stops."
    )
    watch = Watch(journey.deployment, home)
    watch.news()
    stack = journey.deployment.place.name(ENDPOINT_STACK)
    while cloud.alive():
        if not stacks.stands(stack):
            journey.progress.log_change("the stage was destroyed; Ctrl-C stops the local cloud too")
        else:
            try:
                lines = watch.news()
            except ReviewStarsError:
                if stacks.stands(stack):
                    raise
                lines = []  # it was being destroyed while we looked
            for line in lines:
                journey.progress.log(line)
        time.sleep(2)
    raise OperateError(f"the local cloud has stopped; see {cloud.log}")
