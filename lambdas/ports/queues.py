"""SQS queues."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.ports.clients import client


@dataclass(frozen=True)
class Message:
    """One message and the receipt by which it is deleted."""

    body: str
    receipt: str


def receive_all(url: str) -> list[Message]:
    """Every message that is visible now, oldest batches first."""
    found: list[Message] = []
    while True:
        answer = client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0, VisibilityTimeout=60
        )
        batch = answer.get("Messages", [])
        found += [Message(item["Body"], item["ReceiptHandle"]) for item in batch]
        if not batch:
            return found


def depths(prefix: str) -> dict[str, int]:
    """Messages that wait in the queues whose names begin so, by name."""
    sqs = client("sqs")
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
    urls = [url for page in pages for url in page.get("QueueUrls", [])]
    wanted = "ApproximateNumberOfMessages"
    return {
        url.rsplit("/", 1)[-1]: int(
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[wanted])["Attributes"][wanted]
        )
        for url in urls
    }


def delete(url: str, receipt: str) -> None:
    """Take a message off the queue for good."""
    client("sqs").delete_message(QueueUrl=url, ReceiptHandle=receipt)
