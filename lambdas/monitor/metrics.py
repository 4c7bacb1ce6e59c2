"""What a check writes to CloudWatch, in the two dimension sets of ours."""

from __future__ import annotations

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from lambdas.contract.metrics import (
    DRIFT_ALARM,
    DRIFT_CHECKS,
    DRIFT_P_VALUE,
    DRIFT_STATISTIC,
    DRIFTING_WINDOWS,
    INSUFFICIENT_WINDOWS,
    MODEL_VERSION,
    NAMESPACE,
    STAGE,
    TEST,
    WINDOW_ROWS,
)
from monitoring.drift import Verdict


def emit(stage: str, model_version: str, verdict: Verdict, judged: bool) -> None:
    """By stage: for alarms. By stage, version and test: for graphs. judged: a window was closed."""
    by_stage = EphemeralMetrics(namespace=NAMESPACE)
    by_stage.add_dimension(STAGE, stage)
    by_stage.add_metric(DRIFT_CHECKS, MetricUnit.Count, 1)
    by_stage.add_metric(WINDOW_ROWS, MetricUnit.Count, verdict.n)
    if judged:
        is_drift = verdict.verdict == "drift"
        by_stage.add_metric(DRIFTING_WINDOWS, MetricUnit.Count, int(is_drift))
        is_open = verdict.verdict == "insufficient"
        by_stage.add_metric(INSUFFICIENT_WINDOWS, MetricUnit.Count, int(is_open))
    by_stage.flush_metrics()
    for finding in verdict.tests:
        by_test = EphemeralMetrics(namespace=NAMESPACE)
        by_test.add_dimension(STAGE, stage)
        by_test.add_dimension(MODEL_VERSION, model_version)
        by_test.add_dimension(TEST, finding.name)
        by_test.add_metric(DRIFT_STATISTIC, MetricUnit.NoUnit, finding.statistic)
        by_test.add_metric(DRIFT_P_VALUE, MetricUnit.NoUnit, finding.p_value)
        by_test.add_metric(DRIFT_ALARM, MetricUnit.Count, int(finding.alarm))
        by_test.flush_metrics()
