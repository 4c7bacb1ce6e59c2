"""Firehose delivery streams."""

from __future__ import annotations

from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.ports.clients import client, impatient_client


def offer(stream: str, records: Sequence[bytes], timeout_milliseconds: int) -> int:
    """Hand records over once and within a time limit; returns how many were not taken."""
    try:
        answer = impatient_client("firehose", timeout_milliseconds).put_record_batch(
            DeliveryStreamName=stream, Records=[{"Data": record} for record in records]
        )
    except (BotoCoreError, ClientError):
        return len(records)
    return int(answer.get("FailedPutCount", 0))


def put(stream: str, record: bytes) -> None:
    """Hand one record over, trying again where that helps.

    Raises ClientError or BotoCoreError where it could not be stored.
    """
    client("firehose").put_record(DeliveryStreamName=stream, Record={"Data": record})
