"""CloudFormation with the role that it was given, and with what it was told to import.

Gap: MiniStack accepts a stack's role, does everything as itself, and never names the role again;
and it takes a bucket that a change set imports for one whose name is in the way.
Delete when it acts under that role and DescribeStacks names it, and when such a change set runs.
"""

import contextvars
import re
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudformation
from ministack.services.cloudformation import handlers, provisioners

from local_cloud.permissions import roles
from local_cloud.permissions.roles import RequiredCall

Properties = dict[str, Any]

OPERATIONS = (
    "CreateStack",
    "UpdateStack",
    "DeleteStack",
    "CreateChangeSet",
    "ExecuteChangeSet",
    "ContinueUpdateRollback",
    "RollbackStack",
)
SAGEMAKER = {  # type -> (operation's noun, kind in the ARN, property of the name)
    "AWS::SageMaker::Model": ("Model", "model", "ModelName"),
    "AWS::SageMaker::EndpointConfig": (
        "EndpointConfig",
        "endpoint-config",
        "EndpointConfigName",
    ),
    "AWS::SageMaker::Endpoint": ("Endpoint", "endpoint", "EndpointName"),
}
PARAMETER = "AWS::SSM::Parameter"
SCALING = {  # type -> what makes or changes it, what deletes it
    "AWS::ApplicationAutoScaling::ScalableTarget": (
        "RegisterScalableTarget",
        "DeregisterScalableTarget",
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("PutScalingPolicy", "DeleteScalingPolicy"),
}
LINKED_SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
LINKED_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
ALARM = "AWS::CloudWatch::Alarm"
STACK_NAME = re.compile(rb"<member><StackName>([^<]+)</StackName>")

_role: contextvars.ContextVar[str] = contextvars.ContextVar("stack_role", default="")
_last_role: dict[tuple[str, str, str], str] = {}  # account, region, stack


def install() -> None:
    """Remember each operation's role, then check it on the types that a release touches."""
    for name in OPERATIONS:
        handlers._ACTION_HANDLERS[name] = _with_role(name, handlers._ACTION_HANDLERS[name])
    changes = handlers._ACTION_HANDLERS["CreateChangeSet"]
    handlers._ACTION_HANDLERS["CreateChangeSet"] = _without_conflicts_of_imports(changes)
    described = handlers._ACTION_HANDLERS["DescribeStacks"]
    handlers._ACTION_HANDLERS["DescribeStacks"] = _with_role_in_answer(described)
    if cloudformation._ACTION_HANDLERS is not handlers._ACTION_HANDLERS:
        cloudformation._ACTION_HANDLERS.update(handlers._ACTION_HANDLERS)
    for kind in (*SAGEMAKER, *SCALING, PARAMETER, ALARM):
        _check(kind, provisioners._RESOURCE_HANDLERS[kind])


def _with_role(action: str, operation: Callable[[Properties], Any]) -> Callable[[Properties], Any]:
    """Run an operation under its role; without one the stack's last role counts, as on AWS.

    A new stack has none, whatever a stack of its name had before.
    """

    def run(parameters: Properties) -> Any:
        if parameters.get("ResourcesToSkip") in ([""], ""):
            # `cdk rollback` sends an empty list, which MiniStack reads as one empty name.
            parameters.pop("ResourcesToSkip")
        name = _first(parameters, "StackName")
        name = name.split("/")[1] if name.startswith("arn:") else name
        key = (get_account_id(), get_region(), name)
        if action == "CreateStack" or _first(parameters, "ChangeSetType") == "CREATE":
            _last_role.pop(key, None)
        if role := _first(parameters, "RoleARN"):
            _last_role[key] = role
        token = _role.set(_last_role.get(key, ""))
        try:
            return operation(parameters)  # the task that it starts copies this context
        finally:
            _role.reset(token)

    return run


def _without_conflicts_of_imports(
    operation: Callable[[Properties], Any],
) -> Callable[[Properties], Any]:
    """Where existing resources are imported, look at no names before: they are meant to be taken.

    Nothing is lost: a name that is in the way after all fails when its resource is made.
    """

    def run(parameters: Properties) -> Any:
        if _first(parameters, "ImportExistingResources").lower() == "true":
            parameters["DisableValidation"] = ["true"]
        return operation(parameters)

    return run


def _with_role_in_answer(operation: Callable[[Properties], Any]) -> Callable[[Properties], Any]:
    """Add to each described stack the role under which it was last changed."""

    def add(found: re.Match[bytes]) -> bytes:
        key = (get_account_id(), get_region(), found[1].decode())
        role = _last_role.get(key)
        return found[0] + (f"<RoleARN>{role}</RoleARN>".encode() if role else b"")

    def run(parameters: Properties) -> Any:
        status, headers, body = operation(parameters)
        return status, headers, STACK_NAME.sub(add, body)

    return run


def _first(parameters: Properties, name: str) -> str:
    value = parameters.get(name) or ""
    return str(value[0]) if isinstance(value, list) else str(value)


def _check(kind: str, found: dict[str, Callable[..., Any]]) -> None:
    create, update, delete = found["create"], found["update"], found["delete"]

    def created(logical_id: str, properties: Properties, stack: str) -> Any:
        _require(kind, "Create", properties)
        return create(logical_id, properties, stack)

    def updated(physical_id: str, old: Properties, new: Properties, stack: str, *more: Any) -> Any:
        if old != new:
            _require(kind, "Update", new)
        return update(physical_id, old, new, stack, *more)

    def deleted(physical_id: str, properties: Properties) -> Any:
        _require(kind, "Delete", properties)
        return delete(physical_id, properties)

    found.update(create=created, update=updated, delete=deleted)


def _require(kind: str, verb: str, properties: Properties) -> None:
    """Raise ValueError, which becomes the event's reason, where the role may not do it."""
    role = _role.get()
    if not role:
        return  # the caller's own rights, which were checked when the call came in
    for action, resource, context in calls(kind, verb, properties):
        try:
            roles.require(
                role,
                action,
                resource,
                service="cloudformation",
                session="AWSCloudFormation",
                source_arn="",
                context=context,
            )
        except roles.DeniedError as error:
            raise ValueError(
                f'Resource handler returned message: "{error}" (HandlerErrorCode: AccessDenied)'
            ) from None


def calls(kind: str, verb: str, properties: Properties) -> Iterator[RequiredCall]:
    """What the real resource handler calls for one change."""
    if kind == PARAMETER:
        arn = _arn("ssm", f"parameter/{str(properties.get('Name', '*')).lstrip('/')}")
        yield ("ssm:DeleteParameter" if verb == "Delete" else "ssm:PutParameter"), arn, {}
        return
    if kind == ALARM:
        arn = _arn("cloudwatch", f"alarm:{properties.get('AlarmName', '*')}")
        yield f"cloudwatch:{'DeleteAlarms' if verb == 'Delete' else 'PutMetricAlarm'}", arn, {}
        return
    if kind in SCALING:
        yield from _scaling_calls(kind, verb, properties)
        return
    noun, part, field = SAGEMAKER[kind]
    arn = _arn("sagemaker", f"{part}/{str(properties.get(field, '*')).lower()}")
    if verb == "Update" and noun != "Endpoint":
        verb = "Create"  # every change replaces it
    yield f"sagemaker:{verb}{noun}", arn, {}
    if noun == "Endpoint" and verb != "Delete":
        config = str(properties.get("EndpointConfigName", "*")).rsplit("/", 1)[-1].lower()
        yield f"sagemaker:{verb}{noun}", _arn("sagemaker", f"endpoint-config/{config}"), {}
    if noun == "Model" and verb == "Create":
        passed = {"iam:PassedToService": "sagemaker.amazonaws.com"}
        yield "iam:PassRole", properties["ExecutionRoleArn"], passed
    if verb != "Delete":
        yield f"sagemaker:Describe{noun}", arn, {}


def _scaling_calls(kind: str, verb: str, properties: Properties) -> Iterator[RequiredCall]:
    """Application Auto Scaling asks its caller for what it does to the endpoint and its alarms.

    Source: its user guide, "Permissions required for API actions on target services".
    """
    put, delete = SCALING[kind]
    scaled = str(properties.get("ResourceId") or properties.get("ScalingTargetId", ""))
    resource_id = scaled.split("|", 1)[0]
    context = {
        "application-autoscaling:service-namespace": "sagemaker",
        "application-autoscaling:scalable-dimension": "sagemaker:variant:DesiredInstanceCount",
    }
    action = delete if verb == "Delete" else put
    target = _arn("application-autoscaling", "scalable-target/made-at-run-time")
    yield f"application-autoscaling:{action}", target, context
    if put == "PutScalingPolicy":
        alarm = _arn("cloudwatch", f"alarm:TargetTracking-{resource_id}-AlarmHigh")
        yield f"cloudwatch:{'DeleteAlarms' if verb == 'Delete' else 'PutMetricAlarm'}", alarm, {}
        yield "application-autoscaling:DescribeScalingPolicies", "*", {}
        return
    yield "application-autoscaling:DescribeScalableTargets", "*", {}
    if verb != "Delete":
        endpoint = _arn("sagemaker", f"endpoint/{resource_id.split('/')[1].lower()}")
        yield "sagemaker:DescribeEndpoint", endpoint, {}
        yield "sagemaker:UpdateEndpointWeightsAndCapacities", endpoint, {}
        linked = f"role/aws-service-role/{LINKED_SERVICE}/{LINKED_ROLE}"
        arn = f"arn:aws:iam::{get_account_id()}:{linked}"
        yield "iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": LINKED_SERVICE}


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{rest}"
