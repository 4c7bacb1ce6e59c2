"""Alarms as data: one line each, one topic for all, and the place where the remedy stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.stage import Stage
from lambdas.contract.metrics import NAMESPACE, STAGE

RUNBOOKS = "docs/runbooks.md"
MISSING = {
    "good": cloudwatch.TreatMissingData.NOT_BREACHING,
    "bad": cloudwatch.TreatMissingData.BREACHING,
}


@dataclass(frozen=True)
class Alarm:
    """A signal and the bound beyond which a person is notified.

    id: in PascalCase; its physical name is made from it. minutes: one period. over, under: the
    bound, one of the two. times: periods in a row. missing: what no data means.
    """

    id: str
    signal: cloudwatch.Metric | cloudwatch.MathExpression
    message: str
    minutes: int
    over: float | None = None
    under: float | None = None
    times: int = 1
    missing: Literal["good", "bad"] = "good"

    @property
    def slug(self) -> str:
        """`ApiErrors` as `api-errors`: the end of its name, and its section in the runbooks."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.id).lower()


class Alarms(Construct):
    """CloudWatch alarms, each with the alert topic as its action."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        alert_topic_arn: str,
        alarms: Iterable[Alarm],
    ) -> None:
        super().__init__(scope, id)
        topic = sns.Topic.from_topic_arn(self, "Topic", alert_topic_arn)
        for alarm in alarms:
            self._add(stage, alarm).add_alarm_action(actions.SnsAction(topic))

    def _add(self, stage: Stage, alarm: Alarm) -> cloudwatch.Alarm:
        bound = alarm.under if alarm.over is None else alarm.over
        if bound is None:
            raise ValueError(f"{alarm.id} has no bound")
        operator = cloudwatch.ComparisonOperator
        return cloudwatch.Alarm(
            self,
            alarm.id,
            alarm_name=stage.name(alarm.slug),
            alarm_description=f"{alarm.message} What to do: {RUNBOOKS}#{alarm.slug}",
            metric=alarm.signal.with_(period=Duration.minutes(alarm.minutes)),
            threshold=bound,
            comparison_operator=(
                operator.LESS_THAN_THRESHOLD
                if alarm.over is None
                else operator.GREATER_THAN_THRESHOLD
            ),
            evaluation_periods=alarm.times,
            treat_missing_data=MISSING[alarm.missing],
        )


def own_metric(stage: Stage, name: str, statistic: str) -> cloudwatch.Metric:
    """A metric that our functions write, in the dimension set that alarms use: the stage alone."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={STAGE: stage.label},
        statistic=statistic,
    )
