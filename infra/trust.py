"""What bounds every role of ours, whoever made it: who takes it, and what it may at most.

A service that acts for whoever asks it could be sent to our role by another account: the
confused deputy. `aws:SourceAccount` refuses that, where the service says for whom it acts.
"""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import IConstruct

from infra.stage import Stage

SERVICE = "%s.amazonaws.com"
# Each service's guide names the key for trust policies, under "confused deputy prevention".
TIED = tuple(SERVICE % name for name in ("events", "firehose", "sagemaker", "scheduler", "states"))
# Their guides name no condition for this trust policy, and one that the service does not send
# would fail the first deploy. None takes a role of another account: whoever hands one over needs
# iam:PassRole in this account.
UNTIED = tuple(SERVICE % name for name in ("apigateway", "cloudformation", "lambda"))


def bound_roles(nodes: list[IConstruct], stage: Stage) -> None:
    """Let services take our roles for this account alone; give each the stage's boundary."""
    for node in nodes:
        if isinstance(node, iam.CfnRole):
            node.permissions_boundary = stage.permissions_boundary or None
            document = node.stack.resolve(node.assume_role_policy_document)
            for n, statement in enumerate(document["Statement"]):
                if statement["Principal"].get("Service") in TIED:
                    node.add_property_override(
                        f"AssumeRolePolicyDocument.Statement.{n}.Condition",
                        {"StringEquals": {"aws:SourceAccount": stage.account}},
                    )
