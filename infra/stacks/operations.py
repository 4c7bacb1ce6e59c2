"""The stack that watches: the drift monitor, the first alarms, one dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.alarms import FELT, Alarm, Alarms, FeltAlarm
from infra.blocks.dead_letters import DeadLetters
from infra.blocks.deployment import stack_properties
from infra.blocks.guardrails import endpoint_metric
from infra.blocks.machine import machine_arn
from infra.blocks.outages import api_metric
from infra.constructs.budget import Budget
from infra.constructs.dashboard import Dashboard
from infra.constructs.monitor import Monitor
from infra.constructs.probe import Probe
from infra.platform import Platform
from infra.stage import Stage
from lambdas.contract import outputs
from lambdas.contract.names import LEARN
from lambdas.settings import MonitorSettings


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What the other stacks let be watched."""

    preprocessing_failed: cloudwatch.Metric
    preprocess_dead_letters: DeadLetters
    rejected_share: cloudwatch.Metric
    preprocessing_stuck: cloudwatch.Metric
    learning_failed: cloudwatch.Metric
    learning_stuck: cloudwatch.Metric
    learn_dead_letters: DeadLetters
    release_failed: cloudwatch.Metric
    release_stuck: cloudwatch.Metric
    release_dead_letters: DeadLetters
    model_errors: cloudwatch.Metric
    dropped_observations: cloudwatch.Metric
    undelivered_observations: cloudwatch.MathExpression
    tampering_dead_letters: DeadLetters
    server_error_share: cloudwatch.Metric
    probe: Probe | None


class OperationsStack(cdk.Stack):
    """Signals in; alarms to the alert topic out, drift to the Learn machine."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        drift_config: str,
        signals: Signals,
        models: s3.IBucket,
        observations: s3.IBucket,
    ) -> None:
        """drift_config: configs/drift.yaml as JSON."""
        stage = platform.stage
        super().__init__(
            scope,
            id,
            description="Review Stars: monitor, alarms, dashboard",
            **stack_properties(stage, id),
        )
        monitor = Monitor(
            self,
            "Monitor",
            platform=platform,
            settings=MonitorSettings(
                stage=stage.label,
                observations_bucket=observations.bucket_name,
                models_bucket=models.bucket_name,
                live_parameter=stage.live_parameter,
                alert_topic_arn=platform.alerts.arn,
                learn_machine_arn=machine_arn(stage, LEARN),
                drift_config=drift_config,
                alarms_needed=stage.monitoring.alarms_needed,
                alarms_of=stage.monitoring.alarms_of,
                settle_minutes=stage.monitoring.settle_minutes,
                cool_down_hours=stage.monitoring.cool_down_hours,
            ),
            observations=observations,
            models=models,
        )
        self._watch(platform, [*first_alarms(stage, signals, monitor), *probe_alarms(signals)])
        if stage.cost.budget_dollars:
            Budget(self, "Budget", stage=stage, alert_topic_arn=platform.alerts.arn)
        Dashboard(self, "Dashboard", stage=stage, graphs=graphs(stage, signals))
        cdk.CfnOutput(self, outputs.MONITOR_FUNCTION, value=monitor.check.function.function_name)

    def _watch(self, platform: Platform, alarms: list[Alarm]) -> None:
        """The alarms, then the one that is made of them and of those of the stacks before."""
        stage, topic = platform.stage, platform.alerts.arn
        made = Alarms(self, "Alarms", stage=stage, alert_topic_arn=topic, alarms=alarms)
        here = {alarm.slug for alarm in alarms}
        without = [slug for slug in FELT if slug.startswith("probe-") and slug not in here]
        felt = FeltAlarm(self, "Felt", stage=stage, alert_topic_arn=topic, without=without)
        felt.node.add_dependency(made)


def probe_alarms(signals: Signals) -> list[Alarm]:
    """What the probe sees, where the stage has one.

    Here and not in the probe's stack: they ring also where that is deleted, and they are made
    after it has asked, since no data is bad.
    """
    return signals.probe.alarms() if signals.probe else []


def first_alarms(stage: Stage, signals: Signals, monitor: Monitor) -> list[Alarm]:
    """One line each, from top to bottom for whoever is on call.

    The alarms that undo a release stand in `infra.blocks.guardrails`.
    """
    s, m = signals, monitor
    refused = endpoint_metric(stage, "InvocationModelErrors", "Sum")
    # fmt: off
    return [
        Alarm("ModelErrors", s.model_errors, minutes=1, over=0,
              message="The model failed on a request."),
        Alarm("InvocationErrors", refused, minutes=1, over=0,
              message="The model's container answered something else than 2xx."),
        Alarm("ObservationsDropped", s.dropped_observations, minutes=1, times=2, over=0.5,
              message="Most predictions were answered and not kept: drift sees less."),
        Alarm("ObservationsUndelivered", s.undelivered_observations, minutes=5, over=0,
              message="A stream could not write what it was given: drift sees less."),
        Alarm("PreprocessingFailed", s.preprocessing_failed, minutes=5, over=0,
              message="A raw file became no dataset."),
        s.preprocess_dead_letters.alarm("PreprocessDeadLetters",
              message="A raw file's event started nothing."),
        Alarm("RejectedRecords", s.rejected_share, minutes=60, over=0.05,
              message="More than one record in twenty was rejected."),
        Alarm("PreprocessingStuck", s.preprocessing_stuck, minutes=5, over=0,
              message="A raw file found no end."),
        Alarm("LearningStuck", s.learning_stuck, minutes=5, over=0,
              message="A training run found no end."),
        Alarm("LearningFailed", s.learning_failed, minutes=5, over=0,
              message="A training run registered no model."),
        s.learn_dead_letters.alarm("LearnDeadLetters",
              message="A dataset's or the schedule's event started no training run."),
        Alarm("ReleaseFailed", s.release_failed, minutes=5, over=0,
              message="A release did not go out."),
        Alarm("ReleaseStuck", s.release_stuck, minutes=5, over=0,
              message="A release found no end."),
        s.release_dead_letters.alarm("ReleaseDeadLetters",
              message="An approval's event started nothing."),
        Alarm("MonitorSilent", m.runs(), minutes=60, under=1, times=3, missing="bad",
              message="No drift check for three hours."),
        Alarm("MonitorFailed", m.failures(), minutes=60, over=0,
              message="A drift check raised an error."),
        s.tampering_dead_letters.alarm("TamperingDeadLetters",
              message="A key or the trail was tampered with, and nobody was told."),
        m.dead_letters.alarm("MonitorDeadLetters",
              message="A drift check's event started nothing."),
    ]
    # fmt: on


def graphs(stage: Stage, signals: Signals) -> dict[str, list[cloudwatch.IMetric]]:
    """What the dashboard draws, in its order."""

    api = partial(api_metric, stage)

    return {
        "Requests": [api("Count", "Sum"), api("4XXError", "Sum"), api("5XXError", "Sum")],
        "Milliseconds to an answer": [api("Latency", "p50"), api("Latency", "p99")],
        "Share of server errors": [signals.server_error_share],
        **({"The probe": signals.probe.seen()} if signals.probe else {}),
        "Model: microseconds": [
            endpoint_metric(stage, "ModelLatency", "p50"),
            endpoint_metric(stage, "ModelLatency", "p95"),
        ],
        "Model: errors": [
            endpoint_metric(stage, "Invocation5XXErrors", "Sum"),
            signals.model_errors,
            signals.dropped_observations,
        ],
        "Share of records rejected": [signals.rejected_share],
        "What did not go through": [
            signals.preprocessing_failed,
            signals.learning_failed,
            signals.release_failed,
        ],
    }
