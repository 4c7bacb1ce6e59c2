"""Properties of templates that MiniStack accepts and drops, and a refusal that it leaves out.

Gap: encryption, access logs and lifecycle of buckets, the key of topics, request validators; the
logging of state machines it keeps as the template spells it; it deletes buckets that are not empty.
Delete each function when MiniStack applies the property itself.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from ministack.services import apigateway_v1, s3, sns, stepfunctions
from ministack.services.cloudformation import provisioners

from local_cloud.extension import gateway

Properties = dict[str, Any]
Created = tuple[str, Properties]
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def install() -> None:
    """Apply what is dropped right after MiniStack's own handler."""
    for kind, apply in APPLY.items():
        _after(kind, apply)
    provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]["delete"] = _delete_bucket
    provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RequestValidator"] = {
        "create": _create_validator,
        "update": _update_validator,
        "delete": _delete_validator,
    }


def _after(kind: str, apply: Callable[[str, Properties], None]) -> None:
    handlers = provisioners._RESOURCE_HANDLERS[kind]
    create, update = handlers["create"], handlers["update"]

    def created(logical_id: str, properties: Properties, stack: str) -> Created:
        made: Created = create(logical_id, properties, stack)
        apply(made[0], properties)
        return made

    def updated(
        physical_id: str, old: Properties, new: Properties, stack: str, *more: str
    ) -> Created:  # more: the logical id, where MiniStack's handler asks for it
        made: Created = update(physical_id, old, new, stack, *more)
        apply(made[0], new)
        return made

    handlers.update(create=created, update=updated)


def _bucket(name: str, properties: Properties) -> None:
    encryption = properties.get("BucketEncryption") or {}
    rules = encryption.get("ServerSideEncryptionConfiguration")
    # AWS's own key (aws/s3) does not exist here: the bootstrap bucket stays without encryption.
    if rules and not any(_is_by_aws_key(rule["ServerSideEncryptionByDefault"]) for rule in rules):
        body = "".join(map(_encryption_rule, rules))
        _put(s3._put_bucket_encryption, name, "ServerSideEncryptionConfiguration", body)
    log = properties.get("LoggingConfiguration") or {}
    if target := log.get("DestinationBucketName"):
        prefix = _element("TargetPrefix", log.get("LogFilePrefix", ""))
        enabled = f"<LoggingEnabled>{_element('TargetBucket', target)}{prefix}</LoggingEnabled>"
        _put(s3._put_bucket_logging, name, "BucketLoggingStatus", enabled)
    lifecycle = properties.get("LifecycleConfiguration") or {}
    if rules := lifecycle.get("Rules"):
        body = "".join(map(_lifecycle_rule, rules))
        _put(s3._put_bucket_lifecycle, name, "LifecycleConfiguration", body)


def _delete_bucket(name: str, _properties: Properties) -> None:
    """As a person would: what is in it is refused, and becomes the stack event's reason."""
    if name not in s3._buckets:
        return
    status, _, answer = s3._delete_bucket(name)
    if status != 204:
        message = ElementTree.fromstring(answer).findtext("Message")  # noqa: S314  # MiniStack's own
        raise ValueError(
            f'Resource handler returned message: "{message} (Service: S3, Status Code: {status})" '
            "(HandlerErrorCode: GeneralServiceException)"
        )


def _is_by_aws_key(default: Mapping[str, Any]) -> bool:
    return default["SSEAlgorithm"] == "aws:kms" and not default.get("KMSMasterKeyID")


def _put(call: Callable[..., Any], bucket: str, root: str, body: str) -> None:
    status, _, answer = call(bucket, f"<{root} {NAMESPACE}>{body}</{root}>".encode())
    if status not in (200, 204):
        raise ValueError(f"{root} of {bucket} was refused: {answer.decode(errors='replace')}")


def _element(name: str, value: object) -> str:
    return f"<{name}>{escape(str(value))}</{name}>"


def _encryption_rule(rule: Mapping[str, Any]) -> str:
    default = rule["ServerSideEncryptionByDefault"]
    inner = _element("SSEAlgorithm", default["SSEAlgorithm"])
    if key := default.get("KMSMasterKeyID"):
        inner += _element("KMSMasterKeyID", key)
    is_on = str(rule.get("BucketKeyEnabled", False)).lower()
    return (
        f"<Rule><ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault>"
        f"{_element('BucketKeyEnabled', is_on)}</Rule>"
    )


def _lifecycle_rule(rule: Mapping[str, Any]) -> str:
    inner = _element("ID", rule.get("Id") or uuid.uuid4().hex[:12])
    inner += f"<Filter>{_element('Prefix', rule.get('Prefix', ''))}</Filter>"
    inner += _element("Status", rule["Status"])
    if days := rule.get("ExpirationInDays"):
        inner += f"<Expiration>{_element('Days', days)}</Expiration>"
    if days := (rule.get("NoncurrentVersionExpiration") or {}).get("NoncurrentDays"):
        expiry = _element("NoncurrentDays", days)
        inner += f"<NoncurrentVersionExpiration>{expiry}</NoncurrentVersionExpiration>"
    if parts := rule.get("AbortIncompleteMultipartUpload"):
        expiry = _element("DaysAfterInitiation", parts["DaysAfterInitiation"])
        inner += f"<AbortIncompleteMultipartUpload>{expiry}</AbortIncompleteMultipartUpload>"
    return f"<Rule>{inner}</Rule>"


def _topic(arn: str, properties: Properties) -> None:
    if key := properties.get("KmsMasterKeyId"):
        sns._topics[arn]["attributes"]["KmsMasterKeyId"] = key


def _machine(arn: str, properties: Properties) -> None:
    if logging := properties.get("LoggingConfiguration"):
        stepfunctions._state_machines[arn]["loggingConfiguration"] = _as_in_api(logging)


def _as_in_api(value: Any) -> Any:
    """The members' names as the API spells them, which begin small."""
    if isinstance(value, Mapping):
        return {name[:1].lower() + name[1:]: _as_in_api(inner) for name, inner in value.items()}
    return [_as_in_api(inner) for inner in value] if isinstance(value, list) else value


def _method(_: str, properties: Properties) -> None:
    validator = properties.get("RequestValidatorId")
    if validator:
        resource = apigateway_v1._resources[properties["RestApiId"]][properties["ResourceId"]]
        resource["resourceMethods"][properties["HttpMethod"]]["requestValidatorId"] = validator


def _create_validator(logical_id: str, properties: Properties, _stack: str) -> Created:
    id = uuid.uuid4().hex[:6]
    of_api = apigateway_v1._request_validators.setdefault(properties["RestApiId"], {})
    of_api[id] = {
        "id": id,
        "name": properties.get("Name", logical_id),
        "validateRequestBody": _is_true(properties.get("ValidateRequestBody")),
        "validateRequestParameters": _is_true(properties.get("ValidateRequestParameters")),
    }
    return id, {"RequestValidatorId": id}


def _update_validator(id: str, old: Properties, new: Properties, stack: str) -> Created:
    _delete_validator(id, old)
    return _create_validator(id, new, stack)


def _delete_validator(id: str, properties: Properties) -> None:
    apigateway_v1._request_validators.get(properties.get("RestApiId", ""), {}).pop(id, None)


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


APPLY = {
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _topic,
    "AWS::StepFunctions::StateMachine": _machine,
    "AWS::ApiGateway::Method": _method,
    "AWS::ApiGateway::Stage": gateway.apply_settings,
}
