"""What bounds every role of ours, whoever made it: who takes it, for what, and what it may at most.

A service that acts for whoever asks it could be sent to our role by another account: the
confused deputy. `aws:SourceAccount` refuses that, and `aws:SourceArn` whatever else of our own
account is not named, where the service says for whom it acts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_stepfunctions as sfn
from constructs import IConstruct

from infra.stage import Stage

SERVICE = "%s.amazonaws.com"
# Each service's guide names the keys for trust policies, under "confused deputy prevention".
TIED = tuple(SERVICE % name for name in ("events", "firehose", "sagemaker", "states"))
# Their guides name no condition for this trust policy, and one that the service does not send
# would fail the first deploy. None takes a role of another account: whoever hands one over needs
# iam:PassRole in this account.
UNTIED = tuple(SERVICE % name for name in ("apigateway", "cloudformation", "lambda"))
RoleId = tuple[str, str]  # the names of its stack and in it


def bound_roles(nodes: list[IConstruct], stage: Stage) -> None:
    """Let services take our roles for our own resources alone; give each the stage's boundary."""
    users = _users(nodes, stage)
    for node in nodes:
        if isinstance(node, iam.CfnRole):
            node.permissions_boundary = stage.permissions_boundary or None
            document = node.stack.resolve(node.assume_role_policy_document)
            for n, statement in enumerate(document["Statement"]):
                service = statement["Principal"].get("Service")
                if service in TIED:
                    node.add_property_override(
                        f"AssumeRolePolicyDocument.Statement.{n}.Condition",
                        _ties(stage, service, users[_id(node)]),
                    )


def _ties(stage: Stage, service: str, users: list[str]) -> dict[str, dict[str, object]]:
    """users: the ARNs of what names the role. Jobs name it, whose names are made at run time."""
    account: dict[str, dict[str, object]] = {
        "StringEquals": {"aws:SourceAccount": stage.account},
    }
    if service == SERVICE % "sagemaker":
        users = users or [stage.arn("sagemaker", "*")]
    return {**account, "ArnLike": {"aws:SourceArn": sorted(users)}} if any(users) else account


def _users(nodes: list[IConstruct], stage: Stage) -> defaultdict[RoleId, list[str]]:
    """The ARNs of the resources that name a role of their own stack, by role."""
    found: defaultdict[RoleId, list[str]] = defaultdict(list)
    for node in nodes:
        if isinstance(node, CfnResource):
            for arn, role in _named(node, stage):
                match node.stack.resolve(role):
                    case {"Fn::GetAtt": [str(id), "Arn"]}:
                        found[node.stack.stack_name, id].append(arn)
    return found


def _named(node: CfnResource, stage: Stage) -> Iterator[tuple[str, object]]:
    """The ARN of a resource with each role that it names; an empty one of what is not sent."""
    if isinstance(node, events.CfnRule):
        for target in Stack.of(node).resolve(node.targets) or []:
            yield stage.arn("events", f"rule/{node.name}"), target.get("roleArn")
    elif isinstance(node, sfn.CfnStateMachine):
        arn = stage.arn("states", f"stateMachine:{node.state_machine_name}")
        yield arn, node.role_arn
        yield f"{arn}/*", node.role_arn  # children of a Distributed Map are of a machine's part
    elif isinstance(node, firehose.CfnDeliveryStream):
        to = Stack.of(node).resolve(node.extended_s3_destination_configuration)
        arn = stage.arn("firehose", f"deliverystream/{node.delivery_stream_name}")
        yield arn, to["roleArn"]
    elif isinstance(node, sagemaker.CfnMlflowApp):
        yield "", node.role_arn  # no guide says what an app sends beside the account


def _id(node: CfnResource) -> RoleId:
    return node.stack.stack_name, str(node.stack.resolve(node.logical_id))
