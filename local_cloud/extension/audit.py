"""CloudTrail's log files: the events that a trail selects, as gzip JSON in the trail's bucket.

Gap: MiniStack writes no log file. The events are those of the decision log, so a call that needs
no right leaves none; of the parameters only bucket and key are kept. Files come every few seconds
instead of minutes, and no digest file stands beside them.
Delete when MiniStack delivers.
"""

import contextvars
import gzip
import json
import logging
import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudtrail, eventbridge, s3

from local_cloud.permissions import decisions, roles
from local_cloud.permissions.decisions import AccessDecision

logger = logging.getLogger(__name__)
Event = dict[str, Any]
SERVICE = "cloudtrail.amazonaws.com"
FLUSH_SECONDS = 5.0
OBJECT = "AWS::S3::Object"
READS = ("Get", "List", "Describe", "Head", "Lookup", "Search", "Decrypt", "GenerateDataKey")
# The services whose calls rules of ours look at; others are not put on the bus here.
ON_THE_BUS = ("kms", "cloudtrail")
# What CloudTrail calls an action where the permission has another name.
NAMES = {
    "s3:ListBucket": "ListObjects",
    "s3:ListBucketVersions": "ListObjectVersions",
    "s3:ListAllMyBuckets": "ListBuckets",
    "s3:GetObjectVersion": "GetObject",
    "s3:DeleteObjectVersion": "DeleteObject",
}
OBJECT_ACTIONS = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"} | NAMES.keys() - {
    "s3:ListAllMyBuckets"
}
# Data events of other services, which a trail of management and S3 events does not hold.
OTHER_DATA = {
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "events:PutEvents",
    "execute-api:Invoke",
    "firehose:PutRecord",
    "firehose:PutRecordBatch",
    "lambda:InvokeFunction",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sagemaker:InvokeEndpoint",
    "sns:Publish",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
}


@dataclass
class _Held:
    """Events of one trail that are not written yet; context: its account and region."""

    trail: dict[str, Any]
    context: contextvars.Context
    events: list[Event] = field(default_factory=list)


_held: dict[str, _Held] = {}
_lock = threading.Lock()


def install() -> None:
    """Listen to every decision, and write the collected events every few seconds."""
    decisions.LISTENERS.append(on_decision)
    threading.Thread(target=_flush_forever, daemon=True, name="audit").start()


def on_decision(decision: AccessDecision) -> None:
    """Keep a decision for each trail that selects it; our own deliveries are left out."""
    if decision.via == SERVICE or decision.action in OTHER_DATA:
        return
    made = event(decision, account=get_account_id())
    _put_event(made)
    for trail in list(cloudtrail._trails.values()):
        selectors = cloudtrail._event_selectors.get(trail["Name"]) or [{}]
        if trail.get("IsLogging") and any(is_selected(made, item) for item in selectors):
            with _lock:
                arn = trail["TrailARN"]
                held = _held.setdefault(arn, _Held(trail, contextvars.copy_context()))
                held.events.append(made)


def _put_event(made: Event) -> None:
    """Hand a call that writes to EventBridge, where a trail logs such calls.

    Source: "AWS service events delivered via AWS CloudTrail" in the guide of EventBridge.
    """
    service = made["eventSource"].partition(".")[0]
    if service not in ON_THE_BUS or made["readOnly"] or not _logs_writes():
        return
    entry = {
        "Source": f"aws.{service}",
        "DetailType": "AWS API Call via CloudTrail",
        "Detail": json.dumps(made),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _logs_writes() -> bool:
    return any(
        trail.get("IsLogging")
        and any(
            selector.get("ReadWriteType", "All") != "ReadOnly"
            and str(selector.get("IncludeManagementEvents", True)).lower() == "true"
            for selector in cloudtrail._event_selectors.get(trail["Name"]) or [{}]
        )
        for trail in list(cloudtrail._trails.values())
    )


def event(decision: AccessDecision, *, account: str) -> Event:
    """Describe a decision in CloudTrail's form.

    Source: "CloudTrail record contents" in the service's guide, event version 1.11.
    """
    service, _, action = decision.action.partition(":")
    name = NAMES.get(decision.action, action)
    is_data = decision.action in OBJECT_ACTIONS
    made: Event = {
        "eventVersion": "1.11",
        "userIdentity": _identity(decision, account),
        "eventTime": _iso(time.time()),
        "eventSource": f"{'monitoring' if service == 'cloudwatch' else service}.amazonaws.com",
        "eventName": name,
        "awsRegion": decision.region,
        "sourceIPAddress": _service(decision.via) or "127.0.0.1",
        "requestParameters": _parameters(decision),
        "responseElements": None,
        "eventID": str(uuid.uuid4()),
        "readOnly": name.startswith(READS),
        "resources": [{"accountId": account, "ARN": decision.resource}],
        "eventType": "AwsApiCall",
        "managementEvent": not is_data,
        "recipientAccountId": account,
        "eventCategory": "Data" if is_data else "Management",
    }
    if decision.decision != "Allow":
        made["errorCode"] = "AccessDenied"
    return made


def _identity(decision: AccessDecision, account: str) -> dict[str, str]:
    if not decision.principal.startswith("arn:"):
        return {"type": "AWSService", "invokedBy": _service(decision.via) or decision.principal}
    found = {"type": decision.type, "arn": decision.principal, "accountId": account}
    return found | ({"invokedBy": _service(decision.via)} if decision.via else {})


def _service(via: str) -> str:
    return f"{via}.amazonaws.com" if via and "." not in via else via


def _parameters(decision: AccessDecision) -> dict[str, str] | None:
    if decision.resource.startswith("arn:aws:cloudtrail:"):
        return {"name": decision.resource, "trailName": decision.resource}
    if not decision.resource.startswith("arn:aws:s3:::"):
        return None
    bucket, _, key = decision.resource.removeprefix("arn:aws:s3:::").partition("/")
    return {"bucketName": bucket, **({"key": key} if key else {})}


def is_selected(made: Event, selector: Mapping[str, Any]) -> bool:
    """Whether a basic event selector takes an event."""
    wanted = selector.get("ReadWriteType", "All")
    if wanted != "All" and (wanted == "ReadOnly") != made["readOnly"]:
        return False
    if made["managementEvent"]:
        excluded = selector.get("ExcludeManagementEventSources") or []
        is_on = str(selector.get("IncludeManagementEvents", True)).lower() == "true"
        return is_on and made["eventSource"] not in excluded
    arn = made["resources"][0]["ARN"]
    prefixes = [
        prefix
        for resource in selector.get("DataResources") or []
        if resource["Type"] == OBJECT
        for prefix in resource.get("Values") or []
    ]
    return any(_is_below(arn, prefix) for prefix in prefixes)


def _is_below(arn: str, prefix: str) -> bool:
    """A value names a bucket (`arn:aws:s3:::bucket/`), a prefix in it, or all of S3."""
    return arn.startswith(prefix) or f"{arn}/" == prefix


def _flush_forever() -> None:
    pause = threading.Event()
    while not pause.wait(FLUSH_SECONDS):
        flush()


def flush() -> None:
    """Write one file for each trail that holds events."""
    with _lock:
        full = list(_held.values())
        _held.clear()
    for held in full:
        try:
            held.context.run(_deliver, held.trail, held.events)
        except Exception:
            logger.exception("a trail could not be written")


def _deliver(trail: dict[str, Any], events: list[Event]) -> None:
    bucket, key = trail["S3BucketName"], trail.get("KmsKeyId", "")
    is_there = bucket in s3._buckets
    if not is_there or not _may_deliver(trail, bucket, key):
        why = "a policy of bucket or key keeps CloudTrail out" if is_there else "no such bucket"
        logger.error("trail %s lost %d events: %s", trail["Name"], len(events), why)
        return
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    if key:
        headers["x-amz-server-side-encryption"] = "aws:kms"
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = key
    body = gzip.compress(json.dumps({"Records": events}).encode())
    s3._put_object(bucket, _name(trail, time.time()), body, headers)


def _may_deliver(trail: dict[str, Any], bucket: str, key: str) -> bool:
    """Whether the policies of bucket and key let CloudTrail in for this trail."""
    arn, policy = trail["TrailARN"], s3._bucket_policies.get(bucket)
    owned = {"s3:x-amz-acl": "bucket-owner-full-control"}
    may = roles.service_may(
        SERVICE, "s3:GetBucketAcl", f"arn:aws:s3:::{bucket}", policy, source_arn=arn
    )
    where = f"arn:aws:s3:::{bucket}/{_name(trail, time.time())}"
    may &= roles.service_may(SERVICE, "s3:PutObject", where, policy, source_arn=arn, context=owned)
    if key:
        within = {"aws:cloudtrail:arn": arn}
        may &= roles.service_may_use_key(
            SERVICE, key, ["kms:GenerateDataKey"], source_arn=arn, encryption_context=within
        )
    return may


def _name(trail: Mapping[str, Any], at: float) -> str:
    """The key of a log file, in the form that AWS gives it."""
    account, region = get_account_id(), get_region()
    moment = time.gmtime(at)
    day, minute = time.strftime("%Y/%m/%d", moment), time.strftime("%Y%m%dT%H%MZ", moment)
    prefix = f"{trail['S3KeyPrefix']}/" if trail.get("S3KeyPrefix") else ""
    file = f"{account}_CloudTrail_{region}_{minute}_{secrets.token_hex(8)}.json.gz"
    return f"{prefix}AWSLogs/{account}/CloudTrail/{region}/{day}/{file}"


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
