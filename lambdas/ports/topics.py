"""SNS topics."""

from __future__ import annotations

from lambdas.ports.clients import client

SUBJECT_CHARACTERS = 100  # SNS refuses longer ones


def publish(topic_arn: str, subject: str, message: str) -> None:
    """Tell every subscriber of a topic."""
    client("sns").publish(TopicArn=topic_arn, Subject=subject[:SUBJECT_CHARACTERS], Message=message)
