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
from monitoring.drift import DRIFT, INSUFFICIENT, DriftVerdict


def emit(stage: str, model_version: str, verdict: DriftVerdict, is_closed: bool) -> None:
    """By stage: for alarms. By stage, version and test: for graphs.

    is_closed: a window was judged for good.
    """
    by_stage = EphemeralMetrics(namespace=NAMESPACE)
    by_stage.add_dimension(STAGE, stage)
    by_stage.add_metric(DRIFT_CHECKS, MetricUnit.Count, 1)
    by_stage.add_metric(WINDOW_ROWS, MetricUnit.Count, verdict.n)
    if is_closed:
        is_drift = verdict.verdict == DRIFT
        by_stage.add_metric(DRIFTING_WINDOWS, MetricUnit.Count, int(is_drift))
        is_open = verdict.verdict == INSUFFICIENT
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
