"""How each type of pipeline step runs, under the pipeline's own role."""

import secrets
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cloud.operations import recorder, requests
from local_cloud.sagemaker.jobs import operations as jobs
from local_cloud.sagemaker.jobs.job_process import JobProcess
from local_cloud.sagemaker.pipelines.conditions import ConditionError, all_hold
from local_cloud.sagemaker.pipelines.expressions import Values, resolve
from local_cloud.sagemaker.registry import packages
from local_cloud.sagemaker.runtime import arns, emulator, roles
from local_cloud.sagemaker.runtime.errors import ServiceError
from local_cloud.sagemaker.runtime.store import STORE, JsonObject

_ALPHABET = string.ascii_letters + string.digits
_POLL_SECONDS = 600.0


class StepFailedError(Exception):
    """A step that failed; the text is its reason."""


class StepStoppedError(Exception):
    """A step that was stopped on request."""


@dataclass
class StepRun:
    """One step while it runs.

    role_arn: the pipeline's role. definition: the whole step, as the pipeline has it.
    metadata: what listings show of the step, filled as it runs.
    """

    name: str
    kind: str
    arguments: dict[str, Any]
    execution_id: str
    role_arn: str
    values: Values
    definition: Mapping[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    process: JobProcess | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Ask the step to end, and with it the job that it started."""
        self.stopping.set()
        if self.process is not None:
            self.process.stop()


def perform(step: StepRun) -> Mapping[str, Any]:
    """JobProcess a step to its end; returns what later steps may refer to.

    Raises StepFailedError or StepStoppedError.
    """
    try:
        return _RUNNERS[step.kind](step)
    except roles.AccessDeniedError as error:
        raise StepFailedError(f"ClientError: AccessDeniedException: {error}") from None
    except ServiceError as error:
        raise StepFailedError(f"ClientError: {error.code}: {error.message}") from None
    except (ConditionError, KeyError) as error:
        raise StepFailedError(f"ClientError: {error}") from None


def _job(step: StepRun, kind: jobs.JobKind) -> Mapping[str, Any]:
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    name = f"pipelines-{step.execution_id}-{step.name[:32]}-{suffix}"
    request: JsonObject = {"RoleArn": step.role_arn, **step.arguments, kind.name: name}
    arn = STORE.arn(kind.table, name)
    operation = f"Create{kind.title}Job"
    recorder.note(lambda: requests.of_call("sagemaker", operation, request), "pipelines")
    roles.require(step.role_arn, f"sagemaker:{operation}", arn)
    roles.require(step.role_arn, f"sagemaker:Describe{kind.title}Job", arn)
    roles.may_pass(step.role_arn, request["RoleArn"])
    step.metadata[f"{kind.title}Job"] = {"Arn": arn}
    step.process = jobs.create(kind, request)
    if step.stopping.is_set():
        step.process.stop()
    while not step.process.done.wait(_POLL_SECONDS):
        pass
    record = jobs.one(kind, name)
    if record[kind.status] == "Completed":
        return record
    if step.stopping.is_set():
        raise StepStoppedError
    raise StepFailedError(f"ClientError: {record.get('FailureReason', record[kind.status])}")


def _condition(step: StepRun) -> Mapping[str, Any]:
    is_met = all_hold(
        step.arguments.get("Conditions", []), lambda value: resolve(value, step.values)
    )
    step.metadata["Condition"] = {"Outcome": str(is_met)}
    return {"Outcome": is_met}


def _fail(step: StepRun) -> Mapping[str, Any]:
    message = str(step.arguments.get("ErrorMessage", ""))
    step.metadata["Fail"] = {"ErrorMessage": message}
    raise StepFailedError(message)


def _register(step: StepRun) -> Mapping[str, Any]:
    group = step.arguments.get("ModelPackageGroupName", "")
    resource = STORE.arn("model-package", f"{group}/*")
    context = arns.approval(step.arguments)
    operation = "CreateModelPackage"
    recorder.note(lambda: requests.of_call("sagemaker", operation, step.arguments), "pipelines")
    roles.require(step.role_arn, f"sagemaker:{operation}", resource, context)
    arn = packages.create_package(step.arguments)["ModelPackageArn"]
    step.metadata["RegisterModel"] = {"Arn": arn}
    return packages.describe_package({"ModelPackageName": arn})


def _function(step: StepRun) -> Mapping[str, Any]:
    """Call a function and keep what the definition says that it answers."""
    arn = step.definition["FunctionArn"]
    roles.require(step.role_arn, "lambda:InvokeFunction", arn)
    try:
        answer = emulator.invoke_function(arn, step.arguments)
    except emulator.FunctionFailedError as error:
        raise StepFailedError(f"ClientError: Lambda function {arn} failed: {error}") from None
    wanted = [output["OutputName"] for output in step.definition.get("OutputParameters", [])]
    if missing := [name for name in wanted if name not in answer]:
        raise StepFailedError(
            f"ClientError: Lambda function {arn} did not answer the outputs {missing}"
        )
    outputs = {name: answer[name] for name in wanted}
    told = [{"Name": name, "Value": str(value)} for name, value in outputs.items()]
    step.metadata["Lambda"] = {"Arn": arn, "OutputParameters": told}
    return {"OutputParameters": outputs}


_RUNNERS: dict[str, Callable[[StepRun], Mapping[str, Any]]] = {
    "Training": lambda step: _job(step, jobs.TRAINING),
    "Processing": lambda step: _job(step, jobs.PROCESSING),
    "Condition": _condition,
    "Fail": _fail,
    "RegisterModel": _register,
    "Lambda": _function,
}
