"""The emulator's other services, as far as this SageMaker calls them.

Only this file, `images`, `cloudformation_types` and `service` know the emulator's modules.
"""

import contextvars
import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, cloudwatch_logs, eventbridge, lambda_svc, s3

logger = logging.getLogger("local_cloud.sagemaker")


class MissingObjectError(LookupError):
    """A bucket or an object that is not there; the text is S3's."""


class FunctionFailedError(Exception):
    """A Lambda function that is not there, or that raised; the text is the reason."""


def current_scope() -> tuple[str, str]:
    """Account and region of the request being served."""
    return get_account_id(), get_region()


def in_background(
    name: str, work: Callable[[], None], *, on_error: Callable[[str], None]
) -> threading.Thread:
    """Run `work` in a thread of its own, in the account and region of this request.

    on_error: called with a reason where `work` raises, so that nothing waits for it for ever.
    """

    def guarded() -> None:
        try:
            work()
        except Exception as error:
            logger.exception("%s ended by an error of the local cloud itself", name)
            on_error(f"InternalServerError: {name}: {type(error).__name__}: {error}")

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(guarded,), name=name, daemon=True)
    thread.start()
    return thread


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`; raises MissingObjectError for anything else."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise MissingObjectError(f"{uri!r} is not an S3 URI")
    return bucket, key


def read_object(bucket: str, key: str) -> bytes:
    """The newest version of an object. Raises MissingObjectError."""
    body = s3._get_object_data(bucket, key)
    if body is None:
        raise MissingObjectError(
            f"NoSuchKey (404): The specified key does not exist: s3://{bucket}/{key}"
        )
    return bytes(body)


def list_keys(bucket: str, prefix: str) -> list[str]:
    """Keys that start with `prefix`, sorted. Raises MissingObjectError for an unknown bucket."""
    found = s3._ensure_bucket(bucket)
    if found is None:
        raise MissingObjectError(f"NoSuchBucket (404): The bucket does not exist: {bucket}")
    return sorted(key for key in list(found["objects"]) if key.startswith(prefix))


def write_object(bucket: str, key: str, body: bytes, *, kms_key: str = "") -> None:
    """Put an object; with `kms_key` under that key, otherwise as the bucket's default says."""
    headers = {"content-type": "application/octet-stream"}
    if kms_key:
        headers["x-amz-server-side-encryption"] = "aws:kms"
        headers["x-amz-server-side-encryption-aws-kms-key-id"] = kms_key
    status, _, answer = s3._put_object(bucket, key, body, headers)
    if status != 200:
        raise MissingObjectError(f"PutObject s3://{bucket}/{key} answered {status}: {answer!r}")


def invoke_function(arn: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Call a function, or one version of it, and return its answer. Raises FunctionFailedError."""
    function, settings, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not settings:
        raise FunctionFailedError(f"there is no function {name}")
    record = lambda_svc._execution_record_for_config(function, settings)
    answer = lambda_svc._execute_function_with_config_scope(record, dict(event))
    body = answer.get("body")
    if answer.get("error"):
        told = body if isinstance(body, dict) else {"errorMessage": str(body)}
        raise FunctionFailedError(f"{told.get('errorType', '')}: {told.get('errorMessage', '')}")
    if not isinstance(body, dict):
        raise FunctionFailedError("it did not answer with names and values")
    return body


def put_event(detail_type: str, arn: str, detail: dict[str, Any]) -> None:
    """Put an event of source aws.sagemaker about one resource on the default bus.

    What the bus cannot take is logged: no job waits or fails because of its event.
    """
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": detail_type,
        "Resources": [arn],
        "Detail": json.dumps(detail),
    }
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:
        logger.exception("the event %r of %s was lost", detail_type, arn)


def record_metric(name: str, value: float, *, unit: str, dimensions: dict[str, str]) -> None:
    """One data point in the namespace AWS/SageMaker."""
    cloudwatch.record_metric("AWS/SageMaker", name, value, unit, dimensions)


def alarming(names: Sequence[str]) -> list[str]:
    """Those of the named alarms that are in ALARM, judged anew with the metrics of this moment."""
    found = []
    for name in names:
        alarm = cloudwatch._alarms.get(name)
        if alarm is None:
            continue
        if alarm.get("StateValue") != "ALARM":
            cloudwatch._evaluate_alarm(alarm)
        if alarm.get("StateValue") == "ALARM":
            found.append(name)
    return found


def write_log(group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
    """Append (milliseconds, line) pairs to a CloudWatch Logs stream, making what is missing."""
    names = {"logGroupName": group, "logStreamName": stream}
    if group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group({"logGroupName": group})
    if stream not in cloudwatch_logs._log_groups[group]["streams"]:
        cloudwatch_logs._create_log_stream(names)
    batch: list[dict[str, Any]] = [{"timestamp": at, "message": line} for at, line in events]
    cloudwatch_logs._put_log_events({**names, "logEvents": batch})


def home() -> Path:
    """Where job folders, server folders and their logs lie on this machine."""
    return Path(os.environ.get("LOCAL_CLOUD_HOME", ".local")).resolve()
