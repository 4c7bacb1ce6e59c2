"""The alert topic and its subscribers."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.stage import Stage


class Alerts(Construct):
    """One encrypted topic; an inbox and mail addresses where the stage names them."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.topic = sns.Topic(
            self, "Topic", topic_name=stage.name("alerts"), master_key=key, enforce_ssl=True
        )
        if stage.cost.budget_dollars:
            self._let_in("budgets.amazonaws.com", f"arn:aws:budgets::{stage.account}:*")
        for address in stage.alerts.emails:
            self._subscribe(subscriptions.EmailSubscription(address))
        self.inbox = self._inbox() if stage.alerts.inbox else None

    def let_alarms_in(self, arns: Sequence[str]) -> None:
        """CloudWatch may publish for these alarms. The key lets the same ones in."""
        self._let_in("cloudwatch.amazonaws.com", *arns)

    def let_rules_in(self, arns: Sequence[str]) -> None:
        """EventBridge may publish for these rules."""
        self._let_in("events.amazonaws.com", *arns)

    def _let_in(self, service: str, *sources: str) -> None:
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(service)],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"ArnLike": {"aws:SourceArn": list(sources)}},
            )
        )

    def _inbox(self) -> sqs.Queue:
        """Keeps every alert, for `operate status`."""
        inbox = sqs.Queue(
            self,
            "Inbox",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=RemovalPolicy.DESTROY,
        )
        for id in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
            Validations.of(inbox).acknowledge(
                Acknowledgment(
                    id=id, reason="the end of the line: it keeps alerts until somebody looks"
                )
            )
        self._subscribe(subscriptions.SqsSubscription(inbox, raw_message_delivery=False))
        return inbox

    def _subscribe(self, subscriber: sns.ITopicSubscription) -> None:
        Validations.of(self.topic.add_subscription(subscriber)).acknowledge(
            Acknowledgment(
                id="Serverless-SNSRedrivePolicy",
                reason="SNS tries for 6 hours by mail and for 23 days to a queue; what an alarm "
                "said stands in its history",
            )
        )
