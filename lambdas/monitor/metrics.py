"""What a check writes to CloudWatch, in the two dimension sets of the house."""

from __future__ import annotations

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from monitoring.drift import Verdict


def emit(namespace: str, stage: str, model_version: str, verdict: Verdict, judged: bool) -> None:
    """By stage: for alarms. By stage, version and test: for graphs. judged: a window was closed."""
    by_stage = EphemeralMetrics(namespace=namespace)
    by_stage.add_dimension("stage", stage)
    by_stage.add_metric("DriftChecks", MetricUnit.Count, 1)
    by_stage.add_metric("WindowRows", MetricUnit.Count, verdict.n)
    if judged:
        is_drift = verdict.verdict == "drift"
        by_stage.add_metric("DriftingWindows", MetricUnit.Count, int(is_drift))
        is_open = verdict.verdict == "insufficient"
        by_stage.add_metric("InsufficientWindows", MetricUnit.Count, int(is_open))
    by_stage.flush_metrics()
    for finding in verdict.tests:
        by_test = EphemeralMetrics(namespace=namespace)
        by_test.add_dimension("stage", stage)
        by_test.add_dimension("model_version", model_version)
        by_test.add_dimension("test", finding.name)
        by_test.add_metric("DriftStatistic", MetricUnit.NoUnit, finding.statistic)
        by_test.add_metric("DriftPValue", MetricUnit.NoUnit, finding.p_value)
        by_test.add_metric("DriftAlarm", MetricUnit.Count, int(finding.alarm))
        by_test.flush_metrics()
