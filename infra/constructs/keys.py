"""Three keys: for data, for alerts, and the one that signs models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.blocks.deployment import data_removal
from infra.blocks.guardrails import ENDPOINT_LOGS
from infra.blocks.machine import MACHINE_LOGS
from infra.stage import Stage
from lambdas.contract.firewall import WAF_LOGS
from lambdas.contract.names import LEARN, PREPROCESS, RELEASE, SIGNING, SLEEP, STACKS, key_alias

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
        self.signing = self._key(
            "Signing",
            stage,
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
        )
        self.signing.add_to_resource_policy(_against_other_signers(stage))
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

    def _key(self, id: str, stage: Stage, **form: Any) -> kms.Key:
        """Kept with what it encrypts, and its alias with it: the next deploy finds it by that.

        form: of a key that does not encrypt; KMS rotates none of those.
        """
        policy = data_removal(stage)
        form = form or {"enable_key_rotation": True}
        key = kms.Key(self, id, removal_policy=policy, **form)
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


def _against_other_signers(stage: Stage) -> iam.PolicyStatement:
    """Nobody signs but the function after the gate: no administrator, whatever IAM lets them do."""
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["kms:Sign"],
        resources=["*"],
        conditions={"ArnNotEquals": {"aws:PrincipalArn": stage.role_arn(SIGNING)}},
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
