"""Delivery streams: records collected into objects, under the role of the stream."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.extension import delivery_streams
from tests.unit.local_cloud.conftest import (
    ACCOUNT,
    REGION,
    Cloud,
    may,
    until,
)

HERE = f"{REGION}:{ACCOUNT}"


def stream(cloud: Cloud, *rights: dict[str, Any]) -> Any:
    cloud.client("s3").create_bucket(Bucket="observations")
    role = cloud.role("delivery", "firehose", *rights)
    firehose = cloud.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="predictions",
        ExtendedS3DestinationConfiguration={
            "RoleARN": role,
            "BucketARN": "arn:aws:s3:::observations",
            "Prefix": "predictions/",
        },
    )
    return firehose


def put(firehose: Any, *lines: str) -> None:
    firehose.put_record_batch(
        DeliveryStreamName="predictions", Records=[{"Data": f"{line}\n"} for line in lines]
    )


def delivered(cloud: Cloud) -> list[bytes]:
    s3 = cloud.client("s3")
    listed = s3.list_objects_v2(Bucket="observations").get("Contents", [])
    keys = [item["Key"] for item in listed]
    return [s3.get_object(Bucket="observations", Key=key)["Body"].read() for key in keys]


def test_records_are_gathered_into_one_object_in_their_order(cloud: Cloud) -> None:
    firehose = stream(cloud, may("s3:PutObject", on="arn:aws:s3:::observations/predictions/*"))
    delivery_streams.drain()
    put(firehose, "one", "two")
    put(firehose, "three")
    delivery_streams.drain()
    assert b"".join(until(lambda: delivered(cloud))) == b"one\ntwo\nthree\n"
    assert len(delivered(cloud)) <= 2  # the second's flush may fall in between


def test_a_stream_whose_role_may_not_write_loses_its_records_and_logs_it(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    firehose = stream(cloud, may("s3:PutObject", on="arn:aws:s3:::observations/feedback/*"))
    put(firehose, "a secret")
    delivery_streams.drain()
    assert until(lambda: "a delivery stream lost 9 bytes" in caplog.text)
    assert "s3:PutObject" in caplog.text
    assert "a secret" not in caplog.text
    assert delivered(cloud) == []
