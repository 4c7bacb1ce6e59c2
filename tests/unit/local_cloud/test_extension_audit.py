"""The trail's log files: what it selects, where policies let CloudTrail write it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.extension import audit
from local_cloud.permissions.decisions import AccessDecision
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, deploy, document, may

ARN = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/stars"
CLOUDTRAIL = {"Service": "cloudtrail.amazonaws.com"}
ME = f"arn:aws:iam::{ACCOUNT}:root"


def decision(
    action: str, resource: str = "*", answer: str = "Allow", via: str = ""
) -> AccessDecision:
    return AccessDecision(ME, "Root", action, resource, answer, REGION, via=via)


def told(action: str, resource: str = "*", answer: str = "Allow", via: str = "") -> Any:
    return audit.event(decision(action, resource, answer, via), account=ACCOUNT)


@pytest.mark.parametrize(
    ("action", "source", "name", "is_read", "category"),
    [
        ("s3:GetObject", "s3", "GetObject", True, "Data"),
        ("s3:PutObject", "s3", "PutObject", False, "Data"),
        ("s3:ListBucket", "s3", "ListObjects", True, "Data"),
        ("s3:GetObjectVersion", "s3", "GetObject", True, "Data"),
        ("s3:CreateBucket", "s3", "CreateBucket", False, "Management"),
        ("cloudwatch:PutMetricAlarm", "monitoring", "PutMetricAlarm", False, "Management"),
        ("kms:Decrypt", "kms", "Decrypt", True, "Management"),
        ("iam:PassRole", "iam", "PassRole", False, "Management"),
    ],
)
def test_a_decision_is_described_as_cloudtrail_names_it(
    action: str, source: str, name: str, is_read: bool, category: str
) -> None:
    made = told(action)
    assert made["eventSource"] == f"{source}.amazonaws.com"
    assert (made["eventName"], made["readOnly"], made["eventCategory"]) == (name, is_read, category)
    assert "errorCode" not in made


def test_a_refusal_and_the_service_behind_a_call_are_recorded() -> None:
    made = told("s3:GetObject", "arn:aws:s3:::raw/a/b", "ImplicitDeny", via="sagemaker")
    assert made["errorCode"] == "AccessDenied"
    assert made["userIdentity"]["invokedBy"] == "sagemaker.amazonaws.com"
    assert made["requestParameters"] == {"bucketName": "raw", "key": "a/b"}


WATCHED = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::raw/"]}],
}


@pytest.mark.parametrize(
    ("action", "resource", "more", "selected"),
    [
        ("s3:GetObject", "arn:aws:s3:::raw/a", {}, True),
        ("s3:ListBucket", "arn:aws:s3:::raw", {}, True),
        ("s3:GetObject", "arn:aws:s3:::rawer/a", {}, False),
        ("s3:GetObject", "arn:aws:s3:::raw/a", {"ReadWriteType": "WriteOnly"}, False),
        ("s3:PutObject", "arn:aws:s3:::raw/a", {"ReadWriteType": "WriteOnly"}, True),
        ("s3:PutObject", "arn:aws:s3:::raw/a", {"DataResources": []}, False),
        ("s3:CreateBucket", "arn:aws:s3:::raw", {}, True),
        ("s3:CreateBucket", "arn:aws:s3:::raw", {"IncludeManagementEvents": False}, False),
        (
            "kms:Decrypt",
            "*",
            {"ExcludeManagementEventSources": ["kms.amazonaws.com"]},
            False,
        ),
    ],
)
def test_a_selector_takes_what_it_names(
    action: str, resource: str, more: dict[str, Any], selected: bool
) -> None:
    assert audit.is_selected(told(action, resource), {**WATCHED, **more}) is selected


def trail(cloud: Cloud, *statements: dict[str, Any], key: str = "") -> None:
    """A trail over the bucket `raw` that writes into the bucket `audit`."""
    properties = {
        "TrailName": "stars",
        "S3BucketName": "audit",
        "IsLogging": True,
        "EventSelectors": [WATCHED],
        **({"KMSKeyId": key} if key else {}),
    }
    s3 = cloud.client("s3")
    for bucket in ("raw", "audit", "other"):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket="audit", Policy=document(*statements))
    made = {"Type": "AWS::CloudTrail::Trail", "Properties": properties}
    assert deploy(cloud, "trail", Trail=made) == "CREATE_COMPLETE"
    audit.flush()
    for version in s3.list_objects_v2(Bucket="audit").get("Contents", []):
        s3.delete_object(Bucket="audit", Key=version["Key"])


def lets(action: str, on: str, **condition: str) -> dict[str, Any]:
    keys = {"aws:SourceArn": ARN, **condition}
    return {
        "Effect": "Allow",
        "Principal": CLOUDTRAIL,
        "Action": action,
        "Resource": f"arn:aws:s3:::audit{on}",
        "Condition": {"StringEquals": keys},
    }


ACL = lets("s3:GetBucketAcl", "")
OWNED = {"s3:x-amz-acl": "bucket-owner-full-control"}
PUT = lets("s3:PutObject", f"/AWSLogs/{ACCOUNT}/*", **OWNED)


def files(cloud: Cloud) -> list[str]:
    audit.flush()
    listed = cloud.client("s3").list_objects_v2(Bucket="audit").get("Contents", [])
    return [item["Key"] for item in listed]


def records(cloud: Cloud) -> list[dict[str, Any]]:
    found = []
    for key in files(cloud):
        body = cloud.client("s3").get_object(Bucket="audit", Key=key)["Body"].read()
        found += json.loads(gzip.decompress(body))["Records"]
    return found


def test_a_trail_records_who_wrote_the_watched_bucket_and_not_the_others(cloud: Cloud) -> None:
    trail(cloud, ACL, PUT)
    role = cloud.role("writer", "account", may("s3:PutObject", on="arn:aws:s3:::raw/*"))
    mine = cloud.client("s3", cloud.assume(role))
    mine.put_object(Bucket="raw", Key="incoming/a", Body=b"the words of a customer")
    with pytest.raises(ClientError):
        mine.put_object(Bucket="other", Key="b", Body=b"b")
    with pytest.raises(ClientError):
        mine.get_object(Bucket="raw", Key="incoming/a")
    data = [item for item in records(cloud) if item["eventCategory"] == "Data"]
    writer = f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/test"
    assert [
        (item["eventName"], item["userIdentity"]["arn"], item.get("errorCode")) for item in data
    ] == [("PutObject", writer, None), ("GetObject", writer, "AccessDenied")]
    assert data[0]["requestParameters"] == {"bucketName": "raw", "key": "incoming/a"}
    names = {item["eventName"] for item in records(cloud)}
    assert {"CreateRole", "AssumeRole"} <= names


def test_a_file_has_the_key_that_aws_gives_it(cloud: Cloud) -> None:
    trail(cloud, ACL, PUT)
    cloud.client("s3").put_object(Bucket="raw", Key="a", Body=b"a")
    for key in files(cloud):
        start = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/20"
        assert key.startswith(start)
        assert f"/{ACCOUNT}_CloudTrail_{REGION}_20" in key
        assert key.endswith(".json.gz")
    assert files(cloud)


@pytest.mark.parametrize(
    "statements",
    [
        [ACL],
        [PUT],
        [ACL, lets("s3:PutObject", "/elsewhere/*", **OWNED)],
        [ACL, lets("s3:PutObject", "/*") | {"Principal": {"Service": "sns.amazonaws.com"}}],
    ],
)
def test_a_bucket_that_does_not_let_cloudtrail_in_gets_nothing_and_it_is_logged(
    cloud: Cloud, statements: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    trail(cloud, *statements)
    cloud.client("s3").put_object(Bucket="raw", Key="a", Body=b"a")
    assert files(cloud) == []
    assert "trail stars lost" in caplog.text


@pytest.mark.parametrize("lets_in", [True, False])
def test_a_key_must_let_cloudtrail_in_too(cloud: Cloud, lets_in: bool) -> None:
    within = {"StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": f"{ARN}*"}}
    statement = {
        "Effect": "Allow",
        "Principal": CLOUDTRAIL if lets_in else {"Service": "sns.amazonaws.com"},
        "Action": "kms:GenerateDataKey*",
        "Resource": "*",
        "Condition": within,
    }
    key = cloud.client("kms").create_key(Policy=document(statement))["KeyMetadata"]["Arn"]
    trail(cloud, ACL, PUT, key=key)
    cloud.client("s3").put_object(Bucket="raw", Key="a", Body=b"a")
    assert bool(files(cloud)) is lets_in


def test_a_trail_that_is_stopped_records_nothing(cloud: Cloud) -> None:
    trail(cloud, ACL, PUT)
    cloud.client("cloudtrail").stop_logging(Name="stars")
    audit.flush()
    before = files(cloud)
    cloud.client("s3").put_object(Bucket="raw", Key="a", Body=b"a")
    assert files(cloud) == before
