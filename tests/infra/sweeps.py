"""Questions to all stacks of a stage at once; each answers with what breaks it, by its place.

`test_infra_sweeps.py` proves each twice: it finds nothing, and it finds what is broken on purpose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from infra.acknowledged import WILDCARDS, Wildcard, reason_for
from infra.trust import UNTIED

from .policies import Statement, statements
from .synthesis import Templates, listed, text

# Actions with a wildcard, each with the reason why it may stand; only policies of keys hold any.
ACTION_WILDCARDS = {
    "kms:*": "the account's own IAM policies decide; without it nobody could mend the key",
    "kms:GenerateDataKey*": "services ask with and without the plain key, as they document",
    "kms:ReEncrypt*": "CloudWatch Logs re-encrypts from one key to another, as it documents",
}
# Conditions that tie a service's call to our own resources: against the confused deputy.
SENDS_NO_SOURCE = "AppRole"  # of an MLflow app: no guide says what it sends
TIES = ("aws:SourceArn", "aws:SourceAccount", "kms:EncryptionContext:")


def open_actions(templates: Templates) -> list[str]:
    """Grants whose actions hold a wildcard without a reason (`*`, `s3:*`, `s3:GetObject*`)."""
    return [
        f"{grant.where}: {action}"
        for grant in grants(templates)
        for action in grant.actions
        if "*" in action and not (holder_is_key(grant) and action in ACTION_WILDCARDS)
    ]


def open_resources(templates: Templates) -> list[str]:
    """Grants of roles on a wildcard for which infra/acknowledged.py has no reason."""
    return [
        f"{grant.where}: {resource}"
        for grant in grants(templates, "identity")
        for resource in grant.resources
        if "*" in resource and reason_for(resource, grant.actions) is None
    ]


def reasons_used(templates: Templates) -> set[Wildcard]:
    """The reasons of infra/acknowledged.py that something stands on."""
    return {
        wildcard
        for grant in grants(templates, "identity")
        for resource in grant.resources
        for wildcard in WILDCARDS
        if "*" in resource and any(wildcard.covers(resource, [a]) for a in grant.actions)
    }


def managed_policies(templates: Templates) -> list[str]:
    """Roles with policies of AWS or of others, which change without us."""
    return [
        role.where
        for role in templates.resources("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group")
        if role.properties.get("ManagedPolicyArns")
    ]


def free_passes(templates: Templates) -> list[str]:
    """Rights to pass a role that name no service, or no role."""
    return [
        grant.where
        for grant in grants(templates, "identity")
        if "iam:PassRole" in grant.actions
        and (
            any("*" in role for role in grant.resources)
            or not grant.conditions.get("StringEquals", {}).get("iam:PassedToService")
        )
    ]


def confused_deputies(templates: Templates) -> list[str]:
    """Services that a key, bucket, topic or queue lets in for whoever asks them to."""
    return [
        f"{grant.where}: {service}"
        for grant in grants(templates, "resource")
        for service in grant.principals("Service")
        if not any(key.startswith(TIES) for key in grant.condition_keys)
    ]


def untied_roles(templates: Templates) -> list[str]:
    """Roles that a service takes for whoever asks it to, or for whatever of ours."""
    own = {"aws:SourceAccount": templates.stage.account}
    return [
        f"{grant.where}: {service}"
        for grant in grants(templates, "trust")
        for service in grant.principals("Service")
        if service not in UNTIED
        if grant.conditions.get("StringEquals") != own
        or not (_sources(grant) or grant.holder.id.startswith(SENDS_NO_SOURCE))
    ]


def _sources(grant: Statement) -> list[object]:
    """What a service may take a role for."""
    return listed(grant.conditions.get("ArnLike", {}).get("aws:SourceArn", []))


def approving(templates: Templates) -> list[str]:
    """Roles, other than the approvers', that can approve a model where persons are to do it."""
    status = {"sagemaker:ModelApprovalStatus": "Approved"}
    writing = {"sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"}
    if templates.stage.learning.approve == "automatic":
        return []
    return [
        grant.where
        for grant in grants(templates, "identity")
        if writing & set(grant.actions) and grant.conditions.get("StringNotEquals") != status
        if not grant.holder.id.startswith("ApproverRole")
    ]


def strangers(templates: Templates) -> list[str]:
    """Principals of AWS that are not of the stage's own account."""
    own = re.compile(rf"arn:aws:iam::{templates.stage.account}:.+|\$\{{[A-Za-z0-9]+\.Arn\}}")
    return [
        f"{grant.where}: {principal}"
        for grant in grants(templates)
        for principal in grant.principals("AWS")
        if not own.fullmatch(principal)
    ]


def foreign_accounts(templates: Templates) -> list[str]:
    """ARNs of other accounts than the stage's, wherever they stand in a template."""
    own = templates.stage.account
    return [
        f"{resource.where}: {account}"
        for resource in templates.resources()
        for account in re.findall(r"arn:aws:[a-z0-9-]*:[a-z0-9-]*:(\d{12}):", flat(resource.body))
        if account != own
    ]


def unencrypted_logs(templates: Templates) -> list[str]:
    """Log groups without a key of ours, or kept for ever."""
    return [
        group.where
        for group in templates.resources("AWS::Logs::LogGroup")
        if not {"KmsKeyId", "RetentionInDays"} <= group.properties.keys()
    ]


def unnamed_logs(templates: Templates) -> list[str]:
    """Functions that log to a group of Lambda's own making, without key and retention."""
    return [
        function.where
        for function in templates.resources("AWS::Lambda::Function")
        if "Ref" not in function.properties.get("LoggingConfig", {}).get("LogGroup", {})
    ]


def plain_http(templates: Templates) -> list[str]:
    """Buckets, topics and queues whose policy does not refuse what comes without TLS."""
    policies = {
        "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
        "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
        "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
    }
    return [
        resource.where
        for kind, (policy, member) in policies.items()
        for resource in templates.resources(kind)
        if not any(
            refuses_http(rule)
            for rule in statements(templates, "resource")
            if rule.holder.kind == policy
            and rule.holder.stack == resource.stack
            and {"Ref": resource.id} in as_list(rule.holder.properties[member])
        )
    ]


def refuses_http(rule: Statement) -> bool:
    """Whether a statement denies everybody what does not come by TLS."""
    return (
        not rule.allows
        and rule.principals("AWS") == ["*"]
        and rule.conditions.get("Bool", {}) == {"aws:SecureTransport": "false"}
    )


def grants(templates: Templates, *kinds: str) -> Iterator[Statement]:
    """The statements that allow."""
    return (s for s in statements(templates, *kinds) if s.allows)


def holder_is_key(grant: Statement) -> bool:
    """Whether a statement stands in a key's own policy."""
    return grant.holder.kind == "AWS::KMS::Key"


def flat(value: object) -> str:
    """A whole body as text, in which ARNs that a join makes can be found."""
    match value:
        case dict() if value.keys() & {"Fn::Join"}:
            return text(value) if is_text(value) else json.dumps(value)
        case dict():
            return " ".join(flat(v) for v in value.values())
        case list():
            return " ".join(flat(v) for v in value)
    return str(value)


def is_text(value: object) -> bool:
    """Whether `text` can read a value."""
    try:
        text(value)
    except ValueError:
        return False
    return True


def as_list(value: object) -> list[object]:
    """One or several, always as a list."""
    return value if isinstance(value, list) else [value]
