"""Two keys: one for data, one for alerts."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.blocks.deployment import data_removal
from infra.blocks.guardrails import ENDPOINT_LOGS
from infra.blocks.machine import MACHINE_LOGS
from infra.stage import Stage
from lambdas.contract.firewall import WAF_LOGS
from lambdas.contract.names import LEARN, PREPROCESS, RELEASE, SLEEP, STACKS, key_alias

MACHINES = (PREPROCESS, LEARN, RELEASE, SLEEP)


class Keys(Construct):
    """The keys of a stage, each with the service principals that need it and no other.

    IAM policies of the account decide for roles; services that act under their own name are
    let in here, or what they write is dropped silently.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.data = self._key("Data", stage)
        self.alerts = self._key("Alerts", stage)
        self.data.add_to_resource_policy(_for_logs(stage))
        self.data.add_to_resource_policy(_for_trail(stage))
        self._stage = stage
        if stage.cost.budget_dollars:
            self.alerts.add_to_resource_policy(_for_budgets(stage))

    def let_alarms_in(self, arns: Sequence[str]) -> None:
        """CloudWatch may use the alerts' key for these alarms, which publish to their topic."""
        self.alerts.add_to_resource_policy(_for_alarms(self._stage, arns))

    def let_rules_in(self) -> None:
        """EventBridge may use the alerts' key; which of its rules, the topic's policy says."""
        self.alerts.add_to_resource_policy(_for_rules(self._stage))

    def _key(self, id: str, stage: Stage) -> kms.Key:
        """Kept with what it encrypts, and its alias with it: the next deploy finds it by that."""
        policy = data_removal(stage)
        key = kms.Key(self, id, enable_key_rotation=True, removal_policy=policy)
        alias = key.add_alias(key_alias(stage.label, id.lower()))
        alias.apply_removal_policy(policy)
        return key


def _statement(
    service: str, actions: list[str], conditions: dict[str, object]
) -> iam.PolicyStatement:
    # In a key's own policy "*" is that key.
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal(service)],
        actions=actions,
        resources=["*"],
        conditions=conditions,
    )


def _for_logs(stage: Stage) -> iam.PolicyStatement:
    groups = [
        *(stage.arn("logs", f"log-group:{stage.name(stack)}-*") for stack in STACKS),
        *(stage.arn("logs", f"log-group:{MACHINE_LOGS}/{stage.name(m)}") for m in MACHINES),
        stage.arn("logs", f"log-group:{WAF_LOGS}{stage.name()}"),
        stage.arn("logs", f"log-group:{ENDPOINT_LOGS}/{stage.name()}"),
    ]
    return _statement(
        f"logs.{stage.region}.amazonaws.com",
        ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def _for_trail(stage: Stage) -> iam.PolicyStatement:
    return _statement(
        "cloudtrail.amazonaws.com",
        ["kms:GenerateDataKey*", "kms:DescribeKey"],
        {"StringLike": {"aws:SourceArn": stage.arn("cloudtrail", f"trail/{stage.name()}")}},
    )


def _for_alarms(stage: Stage, arns: Sequence[str]) -> iam.PolicyStatement:
    """CloudWatch alarms, which publish to the encrypted topic under their own name."""
    return _statement(
        "cloudwatch.amazonaws.com",
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        {**_for_topic(stage), "ArnLike": {"aws:SourceArn": list(arns)}},
    )


def _for_rules(stage: Stage) -> iam.PolicyStatement:
    """EventBridge rules, which publish under their own name.

    No aws:SourceArn: SNS does not support it for rules that publish to an encrypted topic.
    """
    return _statement(
        "events.amazonaws.com", ["kms:Decrypt", "kms:GenerateDataKey*"], _for_topic(stage)
    )


def _for_budgets(stage: Stage) -> iam.PolicyStatement:
    """Budgets, which publish too; its guide names these two conditions for key and topic."""
    return _statement(
        "budgets.amazonaws.com",
        ["kms:Decrypt", "kms:GenerateDataKey*"],
        {
            "StringEquals": {"aws:SourceAccount": stage.account},
            "ArnLike": {"aws:SourceArn": f"arn:aws:budgets::{stage.account}:*"},
        },
    )


def _for_topic(stage: Stage) -> dict[str, object]:
    """SNS asks for a data key in the name of one topic."""
    topic = stage.arn("sns", stage.name("alerts"))
    return {"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": topic}}
