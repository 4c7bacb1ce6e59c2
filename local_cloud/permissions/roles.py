"""Decide for the roles that services use, and for the services themselves.

Gap: MiniStack never asks whether the role of a state machine, a delivery stream, a stack or an
event target may do what the service then does with it, nor whether a key policy lets a service in.
Delete when it does.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core import iam_actions
from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from local_cloud.permissions import decisions, encryption

RequiredCall = tuple[str, str, dict[str, str]]  # action, resource, context


class DeniedError(Exception):
    """A role or a service may not do what it was about to do."""


def require(
    role_arn: str,
    action: str,
    resource: str,
    *,
    service: str,
    session: str,
    source_arn: str,
    context: Mapping[str, Any] | None = None,
) -> None:
    """Raise DeniedError unless the service may take this role and the role may do this.

    service: the one that uses the role, as in `states`; it must be trusted by the role, for the
    resource for which it acts (source_arn; empty where it sends none).
    The key uses behind S3, SNS and SQS calls are decided too.
    """
    if not role_arn:
        raise DeniedError(f"{service} was given no role to perform {action} on {resource}")
    if not trusts(role_arn, service, source_arn):
        raise DeniedError(f"{service}.amazonaws.com is not authorized to assume {role_arn}")
    for wanted, arn, keys, is_implied in _wanted(action, resource, context or {}):
        decision = _decide(role_arn, session, wanted, arn, keys)
        _log(decision, action=wanted, resource=arn, context=keys, implied=is_implied, via=service)
        if decision.decision != "Allow":
            explicit = decision.decision == "Deny"
            who = decision.principal_arn
            raise DeniedError(iam_actions.identity_denial_message(wanted, who, arn, explicit))


def _wanted(
    action: str, resource: str, context: Mapping[str, Any]
) -> Iterator[tuple[str, str, Mapping[str, Any], bool]]:
    yield action, resource, context, False
    for use in encryption.implied(action, resource, context):
        yield use.action, use.key_arn, use.context, True


def _decide(
    role_arn: str, session: str, action: str, resource: str, context: Mapping[str, Any]
) -> Any:
    """Evaluate the role's policies, its boundary, and the policy of what is touched."""
    name, account = role_arn.rsplit("/", 1)[-1], role_arn.split(":")[4]
    principal = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
    asked = _question(principal, "AssumedRole", account, action, resource, context)
    limits = evaluator._permissions_boundary(iam._roles, name, account)
    policies = evaluator._gather_role_policies(name, account)
    result = evaluator.evaluate(asked, policies, *limits)
    service = action.split(":")[0]
    found = evaluator._resource_policy(service, resource)
    if found is not None:
        required = service in evaluator._POLICY_REQUIRED
        result = evaluator.combine_resource_policy(
            result, asked, *found, required=required, limits=limits
        )
    result.principal_arn = principal
    return result


def _question(
    principal: str,
    kind: str,
    account: str,
    action: str,
    resource: str,
    context: Mapping[str, Any],
) -> Any:
    return evaluator.EvalContext(
        principal_arn=principal,
        principal_type=kind,
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        secure_transport=True,  # inside AWS
        service_context={key.lower(): value for key, value in context.items()},
    )


def trusts(role_arn: str, service: str, source_arn: str) -> bool:
    """Tell whether a role exists and lets a service assume it for a resource."""
    role = iam._roles.get(role_arn.rsplit("/", 1)[-1])
    if role is None:
        return False
    context = {"aws:sourceaccount": get_account_id()}
    if source_arn:
        context["aws:sourcearn"] = source_arn
    asked = _question("", "Service", "", "sts:AssumeRole", role_arn, context)
    document = role.get("AssumeRolePolicyDocument")
    principal = f"{service}.amazonaws.com"
    decision = evaluator.evaluate_resource_policy(document, asked, service=principal)
    return bool(decision.decision == "Allow")


def service_may(
    principal: str,
    action: str,
    resource: str,
    policy: Any,
    *,
    source_arn: str = "",
    context: Mapping[str, str] | None = None,
) -> bool:
    """Tell whether the policy of a resource lets an AWS service in; the answer is logged."""
    source = {"aws:SourceAccount": get_account_id(), "aws:SourceArn": source_arn or None}
    context = {**source, **(context or {})}
    asked = _question("", "Service", "", action, resource, context)
    result = evaluator.evaluate_resource_policy(policy, asked, service=principal)
    result.principal_arn = principal
    _log(result, action=action, resource=resource, context=context, implied=True, via=principal)
    return bool(result.decision == "Allow")


def service_may_use_key(
    principal: str,
    key: str,
    actions: list[str],
    *,
    source_arn: str,
    encryption_context: Mapping[str, str],
) -> bool:
    """Tell whether a key's policy lets an AWS service do each of these."""
    from ministack.services import kms

    arn = encryption.key_arn(key)
    record = kms._resolve_key(arn) or {}
    arn = record.get("Arn", arn)
    policy = record.get("Policy")
    within = {f"kms:EncryptionContext:{name}": text for name, text in encryption_context.items()}
    allowed = [
        service_may(principal, action, arn, policy, source_arn=source_arn, context=within)
        for action in actions
    ]
    return all(allowed)  # a list first: every decision is logged, also after a refusal


def _log(
    result: Any,
    *,
    action: str,
    resource: str,
    context: Mapping[str, Any],
    implied: bool,
    via: str,
) -> None:
    with contextlib.suppress(OSError):
        decisions.record(
            decisions.AccessDecision(
                principal=result.principal_arn,
                type="AssumedRole" if ":assumed-role/" in result.principal_arn else "Service",
                action=action,
                resource=resource,
                decision=result.decision,
                region=get_region(),
                context={k: v for k, v in context.items() if v is not None},
                implied=implied,
                via=via,
            )
        )
