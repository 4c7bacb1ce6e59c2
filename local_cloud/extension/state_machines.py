"""Step Functions: more services, the machine's own role, metrics of executions.

Gap: MiniStack calls neither CloudFormation nor SageMaker from a state and puts no object to S3,
asks nothing of the role of a machine, and counts no executions.
Delete, part by part, when it does.
"""

import contextvars
import json
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch
from ministack.services import stepfunctions as states

from local_cloud.operations import recorder, requests
from local_cloud.permissions import roles
from local_cloud.permissions.roles import RequiredCall
from local_cloud.sagemaker.runtime import arns, emulator

Parameters = dict[str, Any]

OUTCOMES = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
PUT_OBJECT = "arn:aws:states:::aws-sdk:s3:putObject"
ERROR_PREFIX = {"lambda": "Lambda", "sns": "SNS", "events": "EventBridge", "s3": "S3"}

_role: contextvars.ContextVar[str] = contextvars.ContextVar("machine_role", default="")
_machine: contextvars.ContextVar[str] = contextvars.ContextVar("machine", default="")


class UnknownCallError(Exception):
    """A state calls what this file has no rule for; a silent pass would prove nothing."""


def install() -> None:
    """Add the services, then wrap what runs executions, states and item readers."""
    _add_services()
    run: Callable[[str], None] = states._run_execution
    invoke: Callable[[str, Any], Any] = states._invoke_resource
    read: Callable[..., Any] = states._read_map_items

    def run_execution(arn: str) -> None:
        execution = states._executions.get(arn) or {}
        machine_arn = execution.get("stateMachineArn", "")
        machine = states._state_machines.get(machine_arn) or {}
        _role.set(machine.get("roleArn", ""))
        _machine.set(machine_arn)
        _count("ExecutionsStarted", machine_arn)
        run(arn)
        status = (states._executions.get(arn) or {}).get("status", "")
        if status in OUTCOMES:
            _count(OUTCOMES[status], machine_arn)

    def invoke_resource(resource: str, parameters: Any) -> Any:
        try:
            for action, touched, context in calls(resource, parameters):
                _require(action, touched, context)
        except roles.DeniedError as error:
            service = resource.split(":")[2 if ":lambda:" in resource else 5]
            service = resource.split(":")[6] if "aws-sdk:" in resource else service
            prefix = states._AWS_SDK_ERROR_PREFIX.get(service, ERROR_PREFIX.get(service, service))
            raise states._ExecutionError(f"{prefix}.{prefix}Exception", str(error)) from None
        except UnknownCallError as error:
            raise states._ExecutionError("States.Runtime", str(error)) from None
        recorder.note(lambda: usage(resource, parameters), "states")
        if resource == PUT_OBJECT:
            return _put_object(parameters)
        return invoke(resource, parameters)

    def read_map_items(reader: Parameters, effective: Any, context: Any) -> Any:
        parameters = states._resolve_params_obj(reader.get("Parameters") or {}, effective, context)
        try:
            _require(
                "s3:GetObject",
                f"arn:aws:s3:::{parameters.get('Bucket')}/{parameters.get('Key')}",
                {},
            )
        except roles.DeniedError as error:
            raise states._ExecutionError("States.ItemReaderFailed", str(error)) from None
        recorder.note(lambda: requests.of_call("s3", "GetObject", parameters), "states")
        return read(reader, effective, context)

    states._run_execution = run_execution
    states._invoke_resource = invoke_resource
    states._read_map_items = read_map_items


def _add_services() -> None:
    states._AWS_SDK_SERVICE_MAP["cloudformation"] = {"protocol": "query"}
    states._AWS_SDK_SERVICE_MAP["sagemaker"] = {"target_prefix": "SageMaker", "protocol": "json"}
    states._AWS_SDK_ERROR_PREFIX.update(cloudformation="CloudFormation", sagemaker="SageMaker")
    # Codes that the SDK's model does not name surface as the service's base exception.
    states._AWS_SDK_ERROR_CODE_OVERRIDES["cloudformation"] = {
        "ValidationError": "CloudFormationException",
        "ServiceException": "CloudFormationException",
    }
    states._AWS_SDK_ERROR_CODE_OVERRIDES["sagemaker"] = {
        "ValidationException": "SageMakerException"
    }


def usage(resource: str, parameters: Any) -> requests.Usage:
    """The operation that a task calls, and its parameters."""
    parts = resource.split(":")
    if parts[2] == "lambda":
        return requests.of_call("lambda", "Invoke", {"FunctionName": resource, "Payload": ""})
    service, action = parts[6:8] if parts[5] == "aws-sdk" else parts[5:7]
    return requests.of_call(service, action[0].upper() + action[1:], parameters)


def calls(resource: str, parameters: Any) -> Iterator[RequiredCall]:
    """What a task asks of the machine's role, of the service authorization reference.

    Raises UnknownCallError for a task that is not in this table.
    """
    parts = resource.split(":")
    if parts[2] == "lambda":
        yield "lambda:InvokeFunction", resource, {}
    elif resource.startswith("arn:aws:states:::lambda:invoke"):
        yield "lambda:InvokeFunction", parameters["FunctionName"], {}
    elif resource.startswith("arn:aws:states:::sns:publish"):
        yield "sns:Publish", parameters["TopicArn"], {}
    elif resource.startswith("arn:aws:states:::events:putEvents"):
        for entry in parameters["Entries"]:
            bus = entry.get("EventBusName", "default")
            yield "events:PutEvents", _arn("events", f"event-bus/{bus}"), _of_event(entry)
    elif parts[5] == "aws-sdk" and parts[6] in ("cloudformation", "sagemaker"):
        action = parts[7][0].upper() + parts[7][1:]
        of = _cloudformation if parts[6] == "cloudformation" else _sagemaker
        yield from of(action, parameters)
    elif resource == "arn:aws:states:::aws-sdk:ssm:getParameter":
        name = str(parameters["Name"]).lstrip("/")
        yield "ssm:GetParameter", _arn("ssm", f"parameter/{name}"), {}
    elif resource == PUT_OBJECT:
        yield "s3:PutObject", f"arn:aws:s3:::{parameters['Bucket']}/{parameters['Key']}", {}
    else:
        raise UnknownCallError(f"the local cloud has no rule for the role of {resource}")


def _put_object(parameters: Parameters) -> Parameters:
    """A body that is no text becomes JSON, as the SDK of a state writes it."""
    body = parameters["Body"]
    content = body if isinstance(body, str) else json.dumps(body)
    try:
        emulator.write_object(parameters["Bucket"], parameters["Key"], content.encode())
    except emulator.MissingObjectError as error:
        raise states._ExecutionError("S3.S3Exception", str(error)) from None
    return {}


def _of_event(entry: Parameters) -> dict[str, str]:
    return {"events:source": entry["Source"], "events:detail-type": entry["DetailType"]}


def _cloudformation(action: str, parameters: Parameters) -> Iterator[RequiredCall]:
    from ministack.services.cloudformation import _stacks

    name = str(parameters.get("StackName", ""))
    found = _stacks.get(name) or {}
    arn = (
        name
        if name.startswith("arn:")
        else found.get("StackId") or _arn("cloudformation", f"stack/{name}/*")
    )
    role = parameters.get("RoleARN")
    yield f"cloudformation:{action}", arn, {"cloudformation:RoleArn": role} if role else {}
    if role:
        yield "iam:PassRole", role, {"iam:PassedToService": "cloudformation.amazonaws.com"}


def _sagemaker(action: str, parameters: Parameters) -> Iterator[RequiredCall]:
    for arn in arns.resources(action, parameters, get_account_id(), get_region()):
        yield f"sagemaker:{action}", arn, {}


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{rest}"


def _require(action: str, resource: str, context: dict[str, str]) -> None:
    roles.require(
        _role.get(),
        action,
        resource,
        service="states",
        session="states",
        source_arn=_machine.get(),
        context=context,
    )


def _count(metric: str, machine_arn: str) -> None:
    cloudwatch.record_metric("AWS/States", metric, 1, "Count", {"StateMachineArn": machine_arn})
