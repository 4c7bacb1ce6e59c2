"""The metrics that our functions write: alarms and graphs watch them by these names.

An alarm on a name that nobody writes is silent for ever, and no deploy says so.
"""

from __future__ import annotations

NAMESPACE = "ReviewStars"
STAGE, MODEL_VERSION, TEST = "stage", "model_version", "test"  # dimensions; alarms use the first

# preprocess
RECORDS_READ = "RecordsRead"
RECORDS_KEPT = "RecordsKept"
RECORDS_DUPLICATE = "RecordsDuplicate"
RECORDS_REJECTED = "RecordsRejected"
REJECTED_SHARE = "RejectedShare"  # of all that one file holds, 0 to 1

# ratings
REQUESTS = "Requests"
QUESTIONS = "Questions"  # 1 for one that somebody asked, 0 for one of the probe
SERVER_ERRORS = "ServerErrors"  # 0 or 1 a request, so that its average is a share
MODEL_ERRORS = "ModelErrors"
NOT_DEPLOYED = "NotDeployed"  # answers of 503 with which nothing is wrong: no model is released
OBSERVATIONS_DROPPED = "ObservationsDropped"  # share of a request's, 0 to 1

# probe
PROBE_SUCCESS = "ProbeSuccess"  # 1 where the API answered rightly, else 0
PROBE_MILLISECONDS = "ProbeMilliseconds"  # of the right answer
CERTIFICATE_DAYS = "CertificateDays"  # that the API's certificate is still good for
RUNTIME_DAYS = "RuntimeDays"  # that AWS still keeps the functions' runtime up to date

# monitor, by stage
DRIFT_CHECKS = "DriftChecks"
WINDOW_ROWS = "WindowRows"
DRIFTING_WINDOWS = "DriftingWindows"
INSUFFICIENT_WINDOWS = "InsufficientWindows"
# monitor, by stage, version and test
DRIFT_STATISTIC = "DriftStatistic"
DRIFT_P_VALUE = "DriftPValue"
DRIFT_ALARM = "DriftAlarm"


def release(outcome: str) -> str:
    """How often a release ended so (`lambdas.contract.releases`)."""
    return f"Release{outcome.capitalize()}"
