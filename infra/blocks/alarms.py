"""Alarms as data: one line each, one topic for all, and the place where the remedy stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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
# What clients feel, whatever the cause: these alarms tell nobody by themselves. One composite alarm
# looks at all of them, so that one cause is one message.
FELT = (
    *("probe-failed", "probe-silent", "probe-slow", "probe-dead-letters"),
    *("api-errors", "gateway-errors"),
    *("ratings-crashed", "ratings-throttled", "ratings-slow"),
    *("endpoint-errors", "endpoint-latency", "model-errors", "invocation-errors"),
)
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
    """CloudWatch alarms, each but those of FELT with the alert topic as its action."""

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
        notify = _notify(self, alert_topic_arn)
        for alarm in alarms:
            made = self._add(stage, alarm)
            if alarm.slug not in FELT:
                made.add_alarm_action(notify)

    def _add(self, stage: Stage, alarm: Alarm) -> cloudwatch.Alarm:
        bound = alarm.under if alarm.over is None else alarm.over
        if bound is None:
            raise ValueError(f"{alarm.id} has no bound")
        operator = cloudwatch.ComparisonOperator
        return cloudwatch.Alarm(
            self,
            alarm.id,
            alarm_name=stage.name(alarm.slug),
            alarm_description=_described(alarm.message, alarm.slug),
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


class FeltAlarm(Construct):
    """One message where clients feel something, with the causes; one where they no longer do."""

    SLUG = "customers-feel-it"

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        alert_topic_arn: str,
        without: Sequence[str],
    ) -> None:
        """without: alarms of FELT that the stage does not have."""
        super().__init__(scope, id)
        notify = _notify(self, alert_topic_arn)
        children = (stage.name(slug) for slug in FELT if slug not in without)
        made = cloudwatch.CompositeAlarm(
            self,
            "Alarm",
            composite_alarm_name=stage.name(self.SLUG),
            alarm_description=_described(
                "Clients get no answer, a wrong or a late one.", self.SLUG
            ),
            alarm_rule=cloudwatch.AlarmRule.from_string(
                " OR ".join(f'ALARM("{child}")' for child in children)
            ),
        )
        made.add_alarm_action(notify)
        made.add_ok_action(notify)


def own_metric(stage: Stage, name: str, statistic: str) -> cloudwatch.Metric:
    """A metric that our functions write, in the dimension set that alarms use: the stage alone."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={STAGE: stage.label},
        statistic=statistic,
    )


def _notify(scope: Construct, alert_topic_arn: str) -> actions.SnsAction:
    return actions.SnsAction(sns.Topic.from_topic_arn(scope, "Topic", alert_topic_arn))


def _described(message: str, slug: str) -> str:
    return f"{message} What to do: {RUNBOOKS}#{slug}"
