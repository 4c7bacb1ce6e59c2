"""What AWS itself counts of the API, which holds where our code does not run at all."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from infra.blocks.alarms import Alarm
from infra.stage import Stage

SLOW_SHARE = 0.7  # of the function's time-out: beyond it, clients soon get none


def outage_alarms(
    stage: Stage,
    *,
    function: lambda_.IFunction,
    timeout_seconds: int,
    not_deployed: cloudwatch.Metric,
) -> list[Alarm]:
    """An import error, a time-out, a throttle or a lost permission writes no metric of ours.

    No data is good in each: AWS writes these with every request, and without one nobody is hurt.
    """
    failed = cloudwatch.MathExpression(
        expression="IF(requests > 0, (failed - FILL(not_deployed, 0)) / requests, 0)",
        using_metrics={
            "failed": api_metric(stage, "5XXError", "Sum"),
            "requests": api_metric(stage, "Count", "Sum"),
            "not_deployed": not_deployed,
        },
        label="share of 5xx, without those that say that no model is released",
    )
    slow = function.metric_duration(statistic="p99")
    # fmt: off
    return [
        Alarm("GatewayErrors", failed, minutes=1, over=0.01,
              message="More than one answer in a hundred is a 5xx of the gateway."),
        Alarm("RatingsCrashed", function.metric_errors(), minutes=1, over=0,
              message="The API's function did not start, or did not end in time."),
        Alarm("RatingsThrottled", function.metric_throttles(), minutes=1, over=0,
              message="The API's function had no execution left."),
        Alarm("RatingsSlow", slow, minutes=1, over=1_000 * timeout_seconds * SLOW_SHARE,
              message="One answer in a hundred nearly took the time that the gateway waits."),
    ]
    # fmt: on


def api_metric(stage: Stage, name: str, statistic: str) -> cloudwatch.Metric:
    """A metric of the gateway, of all routes of the stage."""
    return cloudwatch.Metric(
        namespace="AWS/ApiGateway",
        metric_name=name,
        dimensions_map={"ApiName": stage.name(), "Stage": stage.label},
        statistic=statistic,
    )
