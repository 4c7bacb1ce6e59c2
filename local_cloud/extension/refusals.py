"""What AWS refuses and MiniStack takes: limits, orders and names of S3, SNS, SQS, EventBridge.

Gap: MiniStack tells whoever may not list a bucket that a key is absent; it copies an object onto
itself, joins small or unordered parts, deletes any number of keys at once, and lists on from any
token; it takes subjects that SNS refuses, events that are no JSON, and rules that do not exist; a
message that is deleted twice is an error, and the policy of a function without one is none.
Delete each part when MiniStack does it. `local_cloud/operations/services` has AWS's pages.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

import ministack.app as ministack
from ministack.core import iam_evaluator
from ministack.core.responses import error_response_json, get_region
from ministack.services import eventbridge, lambda_svc, s3, sns, sqs

from local_cloud.extension import current_request

Response = Any  # status, headers and body, as MiniStack has them
MAX_KEYS = 1000
MIN_PART_BYTES = 5 << 20
MAX_SUBJECT_CHARACTERS = 100
# ASCII text without line breaks or control characters that begins with a letter, number or mark.
SUBJECT = re.compile(r"[!-~][ -~]*")
MALFORMED_XML = "The XML you provided was not well-formed or did not validate"


def install() -> None:
    """Ask before MiniStack does each of these."""
    _hide_absent_keys()
    _limit_deletes()
    _limit_copies()
    _limit_uploads()
    _limit_listings()
    _limit_subjects()
    _judge_events()
    _miss_rules()
    _delete_twice()
    _miss_policies()


def _hide_absent_keys() -> None:
    """Without s3:ListBucket nobody learns whether a key is there."""
    get: Callable[..., Response] = s3._get_object
    head: Callable[..., Response] = s3._head_object
    # MiniStack's own decision: a question that nobody asked belongs into no log.
    decide: Callable[..., Any] = iam_evaluator.enforce

    def hidden(answer: Response, bucket: str, key: str) -> Response:
        request = current_request.current()
        if answer[0] != 404 or request is None or request.path != f"/{bucket}/{key}":
            return answer
        if bucket not in s3._buckets or b"NoSuchVersion" in answer[2]:
            return answer
        caller = ministack.extract_access_key_id(dict(request.headers), dict(request.query))
        arn, context = f"arn:aws:s3:::{bucket}", {"s3:prefix": key}
        denied = decide(
            caller, "s3:ListBucket", "s3", get_region(), resource_arn=arn, service_context=context
        )
        return s3._error("AccessDenied", "Access Denied", 403) if denied else answer

    def get_object(
        bucket_name: str, key: str, headers: dict[str, str], query_params: Any = None
    ) -> Response:
        return hidden(get(bucket_name, key, headers, query_params), bucket_name, key)

    def head_object(
        bucket_name: str, key: str, headers: Any = None, query_params: Any = None
    ) -> Response:
        status, found, _ = hidden(head(bucket_name, key, headers, query_params), bucket_name, key)
        return status, found, b""

    s3._get_object = get_object
    s3._head_object = head_object


def _limit_deletes() -> None:
    delete: Callable[..., Response] = s3._delete_objects

    def delete_objects(bucket_name: str, body: bytes, headers: Any = None) -> Response:
        if len(_elements(body, "Object")) > MAX_KEYS:
            return s3._error("MalformedXML", MALFORMED_XML, 400)
        return delete(bucket_name, body, headers)

    s3._delete_objects = delete_objects


def _limit_copies() -> None:
    copy: Callable[..., Response] = s3._copy_object
    changes = ("x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-server-side")

    def copy_object(bucket_name: str, dest_key: str, headers: dict[str, str]) -> Response:
        source = s3.url_unquote(headers.get("x-amz-copy-source", "")).lstrip("/")
        replaces = headers.get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
        changed = any(name.startswith(changes) for name in headers)
        if source == f"{bucket_name}/{dest_key}" and not replaces and not changed:
            return s3._error(
                "InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself "
                "without changing the object's metadata, storage class, website redirect location "
                "or encryption attributes.",
                400,
            )
        return copy(bucket_name, dest_key, headers)

    s3._copy_object = copy_object


def _limit_uploads() -> None:
    complete: Callable[..., Response] = s3._complete_multipart_upload

    def complete_multipart_upload(
        bucket_name: str, key: str, body: bytes, query_params: Any, headers: Any = None
    ) -> Response:
        numbers = [int(_text(part, "PartNumber") or 0) for part in _elements(body, "Part")]
        upload = s3._multipart_uploads.get(s3._qp(query_params, "uploadId")) or {"parts": {}}
        if numbers != sorted(set(numbers)):
            return s3._error("InvalidPartOrder", "The list of parts was not in order.", 400)
        parts = [upload["parts"].get(number) for number in numbers[:-1]]
        if any(part and len(part["body"]) < MIN_PART_BYTES for part in parts):
            return s3._error("EntityTooSmall", "A part is smaller than the minimum size.", 400)
        return complete(bucket_name, key, body, query_params, headers)

    s3._complete_multipart_upload = complete_multipart_upload


def _limit_listings() -> None:
    listing: Callable[..., Response] = s3._list_objects_v2

    def list_objects_v2(bucket_name: str, query_params: Any) -> Response:
        token = s3._qp(query_params, "continuation-token", "")
        try:
            base64.b64decode(token, validate=True).decode()
        except ValueError:
            return s3._error("InvalidArgument", "The continuation token provided is incorrect", 400)
        return listing(bucket_name, query_params)

    s3._list_objects_v2 = list_objects_v2


def _elements(body: bytes, name: str) -> list[ElementTree.Element]:
    """The elements of this name; none in a body that is no XML, which MiniStack refuses itself."""
    try:
        root = s3.fromstring(body)
    except Exception:
        return []
    return [one for one in root.iter() if one.tag.rpartition("}")[2] == name]


def _text(element: ElementTree.Element, name: str) -> str:
    found = (child.text for child in element if child.tag.rpartition("}")[2] == name)
    return next(found, "") or ""


def _limit_subjects() -> None:
    publish: Callable[..., Any] = sns._publish

    def publish_within_limits(params: Mapping[str, Any]) -> Any:
        subject = sns._p(params, "Subject")
        if "Subject" in params and (
            len(subject) > MAX_SUBJECT_CHARACTERS or not SUBJECT.fullmatch(subject)
        ):
            return sns._error("InvalidParameter", "Invalid parameter: Subject", 400)
        return publish(params)

    sns._publish = publish_within_limits


def _judge_events() -> None:
    """An entry that is no event is named in the answer; the others go their way."""
    put: Callable[..., Any] = eventbridge._put_events

    def put_events(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
        entries = data.get("Entries", [])
        wrong = {number: why for number, entry in enumerate(entries) if (why := _flaw(entry))}
        if not wrong or len(entries) > 10:
            return put(data, allow_aws_source)
        right = [entry for number, entry in enumerate(entries) if number not in wrong]
        status, headers, body = put({**data, "Entries": right}, allow_aws_source)
        answer = json.loads(body)
        taken = iter(answer["Entries"])
        answer["Entries"] = [
            wrong[number] if number in wrong else next(taken) for number in range(len(entries))
        ]
        answer["FailedEntryCount"] += len(wrong)
        return status, headers, json.dumps(answer).encode()

    eventbridge._put_events = put_events


def _flaw(entry: Mapping[str, Any]) -> dict[str, str] | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": message}
    detail = entry["Detail"]  # a state machine gives an object, which it makes a text of itself
    try:
        found = detail if isinstance(detail, dict) else json.loads(detail)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return None
    return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def _miss_rules() -> None:
    enable: Callable[[dict[str, Any]], Any] = eventbridge._enable_rule
    disable: Callable[[dict[str, Any]], Any] = eventbridge._disable_rule

    def missing(data: Mapping[str, Any]) -> Any:
        name, bus = data.get("Name"), data.get("EventBusName", "default")
        if eventbridge._rule_key(name, bus) in eventbridge._rules:
            return None
        message = f"Rule {name} does not exist on EventBus {bus}."
        return error_response_json("ResourceNotFoundException", message, 400)

    def enable_rule(data: dict[str, Any]) -> Any:
        return missing(data) or enable(data)

    def disable_rule(data: dict[str, Any]) -> Any:
        return missing(data) or disable(data)

    eventbridge._enable_rule = enable_rule
    eventbridge._disable_rule = disable_rule


def _delete_twice() -> None:
    """A message that is gone already is no error; a receipt that none ever had is."""
    delete: Callable[..., dict[str, Any]] = sqs._HANDLERS["DeleteMessage"]
    deleted: set[str] = set()

    def delete_message(data: dict[str, Any], qurl: str) -> dict[str, Any]:
        receipt = str(data.get("ReceiptHandle", ""))
        if receipt in deleted:
            return {}
        answer = delete(data, qurl)
        deleted.add(receipt)
        return answer

    sqs._HANDLERS["DeleteMessage"] = delete_message


def _miss_policies() -> None:
    """A function without a statement has no policy, and asking for it is an error."""
    get: Callable[..., Response] = lambda_svc._get_policy

    def get_policy(
        func_name: str, query_params: Any = None, path_qualifier: str | None = None
    ) -> Response:
        record = lambda_svc._functions.get(func_name)
        if record and not record["policy"]["Statement"]:
            message = "The resource you requested does not exist."
            return error_response_json("ResourceNotFoundException", message, 404)
        return get(func_name, query_params, path_qualifier)

    lambda_svc._get_policy = get_policy
