"""How each type of pipeline step runs, under the pipeline's own role."""

import secrets
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cloud.sagemaker.jobs import operations as jobs
from local_cloud.sagemaker.jobs.job_process import Run
from local_cloud.sagemaker.pipelines.conditions import ConditionError, all_hold
from local_cloud.sagemaker.pipelines.expressions import Values, resolve
from local_cloud.sagemaker.registry import packages
from local_cloud.sagemaker.runtime import roles
from local_cloud.sagemaker.runtime.errors import ServiceError
from local_cloud.sagemaker.runtime.store import STORE, Record

_ALPHABET = string.ascii_letters + string.digits
_POLL_SECONDS = 600.0


class StepFailedError(Exception):
    """A step that failed; the text is its reason."""


class StepStoppedError(Exception):
    """A step that was stopped on request."""


@dataclass
class Work:
    """One step while it runs.

    role_arn: the pipeline's role. metadata: what listings show of the step, filled as it runs.
    """

    name: str
    kind: str
    arguments: dict[str, Any]
    execution_id: str
    role_arn: str
    values: Values
    metadata: dict[str, Any] = field(default_factory=dict)
    run: Run | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Ask the step to end, and with it the job that it started."""
        self.stopping.set()
        if self.run is not None:
            self.run.stop()


def perform(work: Work) -> Mapping[str, Any]:
    """Run a step to its end; returns what later steps may refer to.

    Raises StepFailedError or StepStoppedError.
    """
    try:
        return _RUNNERS[work.kind](work)
    except roles.AccessDeniedError as error:
        raise StepFailedError(f"ClientError: AccessDeniedException: {error}") from None
    except ServiceError as error:
        raise StepFailedError(f"ClientError: {error.code}: {error.message}") from None
    except (ConditionError, KeyError) as error:
        raise StepFailedError(f"ClientError: {error}") from None


def _job(work: Work, kind: jobs.Kind) -> Mapping[str, Any]:
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    name = f"pipelines-{work.execution_id}-{work.name[:32]}-{suffix}"
    request: Record = {"RoleArn": work.role_arn, **work.arguments, kind.name: name}
    arn = STORE.arn(kind.table, name)
    roles.require(work.role_arn, f"sagemaker:Create{kind.title}Job", arn)
    roles.require(work.role_arn, f"sagemaker:Describe{kind.title}Job", arn)
    roles.may_pass(work.role_arn, request["RoleArn"])
    work.metadata[f"{kind.title}Job"] = {"Arn": arn}
    work.run = jobs.create(kind, request)
    if work.stopping.is_set():
        work.run.stop()
    while not work.run.done.wait(_POLL_SECONDS):
        pass
    record = jobs.one(kind, name)
    if record[kind.status] == "Completed":
        return record
    if work.stopping.is_set():
        raise StepStoppedError
    raise StepFailedError(f"ClientError: {record.get('FailureReason', record[kind.status])}")


def _condition(work: Work) -> Mapping[str, Any]:
    is_met = all_hold(
        work.arguments.get("Conditions", []), lambda value: resolve(value, work.values)
    )
    work.metadata["Condition"] = {"Outcome": str(is_met)}
    return {"Outcome": is_met}


def _fail(work: Work) -> Mapping[str, Any]:
    message = str(work.arguments.get("ErrorMessage", ""))
    work.metadata["Fail"] = {"ErrorMessage": message}
    raise StepFailedError(message)


def _register(work: Work) -> Mapping[str, Any]:
    group = work.arguments.get("ModelPackageGroupName", "")
    resource = STORE.arn("model-package", f"{group}/*")
    roles.require(work.role_arn, "sagemaker:CreateModelPackage", resource)
    arn = packages.create_package(work.arguments)["ModelPackageArn"]
    work.metadata["RegisterModel"] = {"Arn": arn}
    return packages.describe_package({"ModelPackageName": arn})


_RUNNERS: dict[str, Callable[[Work], Mapping[str, Any]]] = {
    "Training": lambda work: _job(work, jobs.TRAINING),
    "Processing": lambda work: _job(work, jobs.PROCESSING),
    "Condition": _condition,
    "Fail": _fail,
    "RegisterModel": _register,
}
