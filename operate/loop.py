"""The journey of one raw file: from its upload to the answer of the API and one drift check."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lambdas.contract import keys, learning, outputs, packages
from lambdas.contract.keys import INCOMING
from lambdas.contract.live import version
from lambdas.ports import functions, machines, models, objects, parameters
from operate import client, follow, inbox
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.evaluation import EvaluationSummary, read_evaluation
from operate.packages import Pointers
from operate.progress import RunProgress
from reviews.record import SCHEMA_2023

PREPROCESS_SECONDS = 1800
LEARN_SECONDS = 3600
RELEASE_SECONDS = 900
EVENT_SECONDS = 60


def learn_now(deployment: Deployment, *, without_champion: bool) -> None:
    """Start a run on the newest dataset and follow it: see `Journey.follow_learning`.

    without_champion: judged by the gate, and not against the model that serves.
    """
    journey = Journey(deployment, RunProgress())
    with journey.progress.step("learn", "Train, evaluate, track, gate, register"):
        reason = learning.WITHOUT_CHAMPION if without_champion else learning.PERSON
        journey.follow_learning(
            machines.start(deployment[outputs.LEARN_MACHINE_ARN], {"reason": reason})
        )


@dataclass
class Journey:
    """What one upload has led to so far; each step fills in its part."""

    deployment: Deployment
    progress: RunProgress
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    counts: dict[str, Any] = field(default_factory=dict)
    dataset_id: str = ""
    package_arn: str = ""
    evaluation: EvaluationSummary = field(init=False)  # of the model that was registered

    @property
    def version(self) -> int:
        """The version of the registered package."""
        return int(version(self.package_arn))

    def upload(self, path: Path) -> str:
        """Put the file into the raw bucket as a user would; the journey begins now."""
        key = f"{INCOMING}{path.name}"
        self.since = datetime.now(UTC).replace(microsecond=0)
        objects.put_file(self.deployment[outputs.RAW_BUCKET], key, path)
        self.progress.log(f"{path.name}, {path.stat().st_size / 1e6:.1f} MB → raw bucket, {key}")
        return key

    def preprocess(self) -> None:
        """Wait for the Preprocess machine that the upload has started.

        Raises OperateError with its reason where it failed.
        """
        arn = follow.started_since(
            self.deployment[outputs.PREPROCESS_MACHINE_ARN],
            self.since,
            EVENT_SECONDS,
            "preprocessing",
        )
        done = follow.finished(arn, self.progress, PREPROCESS_SECONDS)
        if not done.succeeded:
            raise OperateError(f"preprocessing ended {done.status}: {done.reason}")
        self.counts, self.dataset_id = done.output["counts"], done.output["dataset_id"]
        counts = self.counts
        self.progress.log(
            f"{counts['read']:,} read = {counts['kept']:,} kept + {counts['duplicates']:,} "
            f"duplicates + {sum(counts['rejected'].values()):,} rejected; "
            f"dataset {self.dataset_id}"
        )
        if set(schemas := counts.get("schemas", {})) - {SCHEMA_2023}:
            kept = ", ".join(f"{name} {rows:,}" for name, rows in sorted(schemas.items()))
            self.progress.log(f"kept by schema: {kept}")
        if reasons := counts["rejected"]:
            counted = ", ".join(f"{reason} {n:,}" for reason, n in sorted(reasons.items()))
            where = f"s3://{self.deployment[outputs.CURATED_BUCKET]}/{keys.REJECTED}"
            self.progress.log(f"rejected, with reasons, in {where}: {counted}")

    def learn(self) -> None:
        """Wait for the run of the Learn machine that the dataset starts, then `follow_learning`."""
        arn = follow.started_since(
            self.deployment[outputs.LEARN_MACHINE_ARN],
            self.since,
            EVENT_SECONDS,
            "a run of the Learn machine",
        )
        self.follow_learning(arn)

    def follow_learning(self, arn: str) -> None:
        """Follow a run of the Learn machine, saying each step of its pipeline.

        Raises OperateError with the gate's or the failed step's reason where no model came of it.
        """
        done = follow.finished(arn, self.progress, LEARN_SECONDS, watch=self._log_pipeline_steps)
        if not done.succeeded:
            raise OperateError(f"learning ended {done.status}: {done.reason}")
        if "model_package_arn" not in done.output:
            raise OperateError(f"nothing was learned: {done.output.get('why', 'no reason')}")
        self.package_arn = done.output["model_package_arn"]
        package = models.describe_package(self.package_arn)
        self.evaluation = found = read_evaluation(Pointers(package)[packages.EVALUATION_URI])
        self.progress.log(
            f"version {self.version}: accuracy {found.accuracy:.3f}, "
            f"macro-F1 {found.macro_f1:.3f} on {found.rows:,} hold-out "
            f"rows (majority {found.majority:.3f})"
        )
        self.progress.log(found.gate.message)
        if package.approval == packages.PENDING:
            stage = self.deployment.place.stage
            self.progress.log(
                f"version {self.version} waits for approval, what serves goes on serving: "
                f"`make release STAGE={stage} VERSION={self.version}` puts it live"
            )

    def keep_report(self, path: Path) -> None:
        """Copy the evaluation's page to this machine, for a browser."""
        package = models.describe_package(self.package_arn)
        path.write_bytes(objects.read_uri(Pointers(package)[packages.REPORT_URI]))

    def release(self) -> None:
        """Wait for the Release machine that the approval has started.

        Raises OperateError with its reason where the version does not serve.
        """
        arn = follow.started_since(
            self.deployment[outputs.RELEASE_MACHINE_ARN], self.since, EVENT_SECONDS, "a release"
        )
        done = follow.finished(arn, self.progress, RELEASE_SECONDS)
        if not done.succeeded:
            raise OperateError(f"the release ended {done.status}: {done.reason}")
        live = parameters.read(self.deployment[outputs.LIVE_PARAMETER])
        if live != self.package_arn:
            raise OperateError(f"the live record says {live}, not {self.package_arn}")

    def endpoint_status(self) -> str:
        """What SageMaker says of the endpoint."""
        return models.describe_endpoint(self.deployment[outputs.ENDPOINT_NAME]).status

    def ask(self, file: client.ClientFile) -> client.Answers:
        """Leave a client's credentials, and ask a few questions ourselves.

        Raises OperateError where the API does not answer 200.
        """
        file.renew()
        answers = client.probe_as(self.deployment)
        if answers.status != 200:
            reason = client.problem(answers.last)
            raise OperateError(f"the API answered {answers.status}: {reason}")
        self.progress.log(f"stars {answers.stars}, median {answers.p50_milliseconds:.0f} ms")
        return answers

    def check_drift(self) -> dict[str, Any]:
        """Run one monitor check now and return what it says."""
        verdict = functions.invoke(self.deployment[outputs.MONITOR_FUNCTION], {})
        self.progress.log(f"{verdict['verdict']}: {verdict.get('reason') or verdict['n']}")
        return verdict

    def alerts(self, kept: Path) -> list[inbox.Alert]:
        """Wait until the release has been told, then return every alert in the inbox."""
        url = self.deployment[outputs.INBOX_URL]
        box = inbox.Inbox(url, kept)
        follow.until(
            "an alert in the inbox", lambda: box.collect() or None, timeout_seconds=EVENT_SECONDS
        )
        for alert in box.alerts:
            self.progress.log(f"alert: {alert.line}")
        return box.alerts

    def _log_pipeline_steps(self) -> None:
        execution = models.newest_pipeline_execution(self.deployment[outputs.PIPELINE_NAME])
        if execution is None or execution.started < self.since:
            return  # not yet the one of this journey
        steps = models.pipeline_steps(execution.arn)
        states = [f"{step.name} {step.status}" for step in steps]
        if states:
            self.progress.log_change("pipeline: " + ", ".join(states))
