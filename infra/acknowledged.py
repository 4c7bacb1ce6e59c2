"""Every wildcard that a policy of ours holds, with its reason. One not here fails the synth.

`*` within an ARN is a name that is not known before it exists. `*` alone stands only where the
service takes no resource; there each action is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import IConstruct

from lambdas.contract.keys import CARDS, EVALUATIONS, SIGNED_MODELS, TRACKED

LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)

API_LOGS = (
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:PutLogEvents",
)


FUNCTION_NETWORK = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
JOB_NETWORK = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
)


@dataclass(frozen=True)
class Wildcard:
    """A resource with a wildcard that may stand in a policy.

    resource: a regular expression for the whole of it; actions: empty for any.
    """

    resource: str
    reason: str
    actions: tuple[str, ...] = ()

    def covers(self, resource: str, actions: list[str]) -> bool:
        """Whether this is the reason why these actions may be allowed there."""
        fits = re.fullmatch(self.resource, resource) is not None
        return fits and (not self.actions or set(actions) <= set(self.actions))


RUN_FILES = "|".join(map(re.escape, (CARDS, EVALUATIONS, SIGNED_MODELS, TRACKED)))
WILDCARDS = (
    Wildcard(
        r"\*",
        "Lambda makes network interfaces, whose ids nobody knows before",
        actions=FUNCTION_NETWORK,
    ),
    Wildcard(
        r"\*",
        "SageMaker makes network interfaces, whose ids nobody knows before",
        actions=JOB_NETWORK,
    ),
    Wildcard(
        r"\*",
        "log delivery of Step Functions and API Gateway takes no resource",
        actions=LOG_DELIVERY,
    ),
    Wildcard(
        r"\*",
        "a login token of ECR is of the whole account",
        actions=("ecr:GetAuthorizationToken",),
    ),
    Wildcard(
        r"arn:aws:s3:::review-stars-[^/*]+/[a-z][^*]*/\*",
        "one prefix of one bucket: keys are made at run time",
    ),
    Wildcard(
        rf"arn:aws:s3:::review-stars-[^/*]+-models-[^/*]+/({RUN_FILES})",
        "one file of each run: runs are named at run time",
    ),
    Wildcard(
        r"(<|\$\{)[^*>}]+\.Arn(>|\}):\*",
        "versions of one function: they are numbered as they come, and running executions name "
        "older ones",
        actions=("lambda:InvokeFunction",),
    ),
    Wildcard(
        r"arn:aws:states:[^*]+:execution:review-stars-[^*]+[:/]\*",
        "executions of one machine: their ids are made at run time",
    ),
    Wildcard(
        r"arn:aws:sagemaker:[^*]+:pipeline/review-stars-[^/*]+/execution/\*",
        "executions of one pipeline: their ids are made at run time",
    ),
    Wildcard(
        r"arn:aws:sagemaker:[^*]+:model-package/review-stars-[^/*]+/\*",
        "versions of one group: they are numbered as they come",
    ),
    Wildcard(
        r"arn:aws:sagemaker:[^*]+:(training|processing)-job/pipelines-\*",
        "SageMaker Pipelines names its jobs itself, with this beginning",
    ),
    Wildcard(
        r"arn:aws:sagemaker:[^*]+:(model|endpoint-config)/review-stars-[^/*]+--\*",
        "what one endpoint is made from: names end in version, digest and release",
    ),
    Wildcard(
        r"\*",
        "SageMaker lists Models and EndpointConfigs of the whole account",
        actions=("sagemaker:ListEndpointConfigs", "sagemaker:ListModels"),
    ),
    Wildcard(
        r"arn:aws:application-autoscaling:[^*]+:scalable-target/\*",
        "ids of targets are made at run time; registering one takes the rights on its endpoint",
    ),
    Wildcard(
        r"\*",
        "Application Auto Scaling describes targets and policies of the whole account",
        actions=(
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
        ),
    ),
    Wildcard(
        r"arn:aws:cloudwatch:[^*]+:alarm:TargetTracking-endpoint/review-stars-[^/*]+/[^*]+-\*",
        "alarms of one variant's scaling: Application Auto Scaling names them itself",
    ),
    Wildcard(
        r"arn:aws:cloudformation:[^*]+:stack/review-stars-[^/*]+/\*",
        "one stack by its name: its id is made with it",
    ),
    Wildcard(
        r"\*",
        "a metric has no ARN: the condition names the namespace",
        actions=("cloudwatch:PutMetricData",),
    ),
    Wildcard(
        r"\*",
        "API Gateway takes one role for all its logs, and asks for these before it does",
        actions=API_LOGS,
    ),
    Wildcard(
        r"arn:aws:logs:[^*]+:log-group:/aws/sagemaker/(Training|Processing)Jobs\*",
        "SageMaker makes these two log groups itself",
    ),
    Wildcard(
        r"arn:aws:execute-api:[^*]+:\*/[a-z0-9-]+/(POST/v1/ratings|GET/v1/model)",
        "two routes of a stage's API: its id is made after the role",
        actions=("execute-api:Invoke",),
    ),
    Wildcard(
        r"arn:aws:kms:[^*]+:key/\*",
        "one key by its alias, which the condition names: its id is made after the role",
        actions=("kms:Decrypt",),
    ),
    Wildcard(
        r"arn:aws:sqs:[^*]+:review-stars-[^/*]+-\*",
        "queues of one stage, which only this prefix names",
        actions=("sqs:GetQueueAttributes",),
    ),
    Wildcard(
        r"\*",
        "CloudWatch shows composite alarms to nobody who may see only some; SQS lists all queues",
        actions=("cloudwatch:DescribeAlarms", "sqs:ListQueues"),
    ),
    Wildcard(
        r"arn:aws:execute-api:[^*]+/\*/v1/\*",
        "one API: a client that errs in path or verb is answered 404 or 405, not 403",
        actions=("execute-api:Invoke",),
    ),
)


def reason_for(resource: str, actions: list[str]) -> str | None:
    """Why this wildcard may stand with these actions; None where nothing says so of one of them.

    CDK joins the statements of a policy that have the same resources.
    """
    found = [
        next((w.reason for w in WILDCARDS if w.covers(resource, [action])), None)
        for action in actions
    ]
    reasons = [reason for reason in found if reason]
    return "; ".join(dict.fromkeys(reasons)) if len(reasons) == len(found) else None


def allowed_wildcards(document: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The wildcards that a resolved policy document allows, each with its actions."""
    for statement in document["Statement"]:
        if statement["Effect"] != "Allow":
            continue
        for resource in map(_flat, _listed(statement["Resource"])):
            if "*" in resource:
                yield resource, _listed(statement["Action"])


def acknowledge_wildcards(nodes: list[IConstruct]) -> None:
    """Give cdk-nag the reason of each wildcard; it asks for one of every statement with one."""
    for node in nodes:
        if not isinstance(node, iam.CfnPolicy):
            continue
        document = cdk.Stack.of(node).resolve(node.policy_document)
        for resource, actions in allowed_wildcards(document):
            if reason := reason_for(resource, actions):
                cdk.Validations.of(node).acknowledge(
                    cdk.Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{resource}]", reason=reason)
                )


def _flat(resource: Any) -> str:
    """A resource as cdk-nag names it: `<Id>` and `<Id.Attribute>` for what is not known yet."""
    match resource:
        case str():
            return resource
        case {"Fn::Join": [glue, parts]}:
            return str(glue).join(map(_flat, parts))
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    return ""  # of another stack: a whole ARN, which holds no wildcard


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
