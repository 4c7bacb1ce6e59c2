"""Every star that a policy of the house holds, with its reason. A star not here fails the synth.

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


@dataclass(frozen=True)
class Star:
    """A resource with a star that may stand in a policy.

    resource: a regular expression for the whole of it; actions: empty for any.
    """

    resource: str
    reason: str
    actions: tuple[str, ...] = ()

    def covers(self, resource: str, actions: list[str]) -> bool:
        """Whether this is the reason why these actions may be allowed there."""
        fits = re.fullmatch(self.resource, resource) is not None
        return fits and (not self.actions or set(actions) <= set(self.actions))


STARS = (
    Star(
        r"\*",
        "log delivery of Step Functions and API Gateway takes no resource",
        actions=LOG_DELIVERY,
    ),
    Star(
        r"\*",
        "a login token of ECR is of the whole account",
        actions=("ecr:GetAuthorizationToken",),
    ),
    Star(
        r"arn:aws:s3:::review-stars-[^/*]+/[a-z][^*]*/\*",
        "one prefix of one bucket: keys are made at run time",
    ),
    Star(
        r"arn:aws:s3:::review-stars-[^/*]+-models-[^/*]+/runs/\*/evaluation/model_card\.json",
        "one file of each run: runs are named at run time",
    ),
    Star(
        r"arn:aws:states:[^*]+:execution:review-stars-[^*]+[:/]\*",
        "executions of one machine: their ids are made at run time",
    ),
    Star(
        r"arn:aws:sagemaker:[^*]+:pipeline/review-stars-[^/*]+/execution/\*",
        "executions of one pipeline: their ids are made at run time",
    ),
    Star(
        r"arn:aws:sagemaker:[^*]+:model-package/review-stars-[^/*]+/\*",
        "versions of one group: they are numbered as they come",
    ),
    Star(
        r"arn:aws:sagemaker:[^*]+:(training|processing)-job/pipelines-\*",
        "SageMaker Pipelines names its jobs itself, with this beginning",
    ),
    Star(
        r"arn:aws:sagemaker:[^*]+:(model|endpoint-config)/review-stars-[^/*]+-\*",
        "what one endpoint is made from: names end in version, digest and release",
    ),
    Star(
        r"\*",
        "SageMaker lists Models and EndpointConfigs of the whole account",
        actions=("sagemaker:ListEndpointConfigs", "sagemaker:ListModels"),
    ),
    Star(
        r"arn:aws:cloudformation:[^*]+:stack/review-stars-[^/*]+/\*",
        "one stack by its name: its id is made with it",
    ),
    Star(
        r"\*",
        "a metric has no ARN: the condition names the namespace",
        actions=("cloudwatch:PutMetricData",),
    ),
    Star(
        r"\*",
        "API Gateway takes one role for all its logs, and asks for these before it does",
        actions=API_LOGS,
    ),
    Star(
        r"arn:aws:logs:[^*]+:log-group:/aws/sagemaker/Endpoints/review-stars-[^/*]+:log-stream:\*",
        "the log of one endpoint: its streams are named after instances",
    ),
    Star(
        r"arn:aws:logs:[^*]+:log-group:/aws/sagemaker/(Training|Processing)Jobs\*",
        "SageMaker makes these two log groups itself",
    ),
)


def reason_for(resource: str, actions: list[str]) -> str | None:
    """Why this resource with a star may stand with these actions; None where nothing says so."""
    return next((star.reason for star in STARS if star.covers(resource, actions)), None)


def starred(document: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The resources with a star that a resolved policy document allows, with their actions."""
    for statement in document["Statement"]:
        if statement["Effect"] != "Allow":
            continue
        for resource in _listed(statement["Resource"]):
            if isinstance(resource, str) and "*" in resource:
                yield resource, _listed(statement["Action"])


def acknowledge_stars(nodes: list[IConstruct]) -> None:
    """Tell cdk-nag the reason of each star; it asks for one of every statement that holds one."""
    for node in nodes:
        if not isinstance(node, iam.CfnPolicy):
            continue
        document = cdk.Stack.of(node).resolve(node.policy_document)
        for resource, actions in starred(document):
            if reason := reason_for(resource, actions):
                cdk.Validations.of(node).acknowledge(
                    cdk.Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{resource}]", reason=reason)
                )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
