"""Authorize each call of the API in full, and keep a log of every decision.

Gap: MiniStack's evaluator knows neither PassRole nor the keys behind encrypted buckets and
topics, checks one resource where a call names several, and takes a session for its role's ARN.
Delete, part by part, when MiniStack does it; `touched_resources.py` and
`permissions/encryption.py` name the parts.
"""

import contextvars
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_actions
from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from local_cloud.extension import current_request, touched_resources
from local_cloud.permissions import decisions, encryption

Decide = Callable[..., Any]


@dataclass(frozen=True)
class AccessQuestion:
    """One action on one resource."""

    action: str
    resource: str
    service: str
    context: Mapping[str, Any]
    implied: bool = False


_refused: contextvars.ContextVar[AccessQuestion | None] = contextvars.ContextVar(
    "refused", default=None
)


def install() -> None:
    """Take the place of MiniStack's decision, which ours asks for every single question."""
    decide: Decide = evaluator.enforce
    refuse: Callable[..., Any] = iam_actions.access_denied_response
    resolve_key: Callable[..., Any] = evaluator._resolve_condition_key

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        _refused.set(None)
        caller = evaluator.resolve_principal(access_key_id or "", get_account_id())
        action = touched_resources.ACTIONS.get(iam_action, iam_action)
        first = AccessQuestion(action, resource_arn, service, service_context or {})
        for question in _questions(first, follow=_is_limited(caller)):
            answer = decide(
                access_key_id,
                question.action,
                question.service,
                region,
                resource_arn=question.resource,
                service_context=dict(question.context),
            )
            _log(caller, question, answer, region)
            if answer is not None:
                is_denial = isinstance(answer, evaluator.EvalResult)
                _refused.set(question if is_denial else None)
                return answer
        return None

    def access_denied_response(
        service: str, action: str, principal_arn: str, request_id: str, **named: Any
    ) -> Any:
        question = _refused.get()
        if question and question.resource != named.get("resource_arn", "*"):
            explicit = bool(named.get("explicit_deny"))
            named["message"] = iam_actions.identity_denial_message(
                question.action, principal_arn, question.resource, explicit
            )
        return refuse(service, action, principal_arn, request_id, **named)

    def resolve_condition_key(key: str, asked: Any) -> Any:
        found = resolve_key(key, asked)
        return _role_arn(str(found)) if key.lower() == "aws:principalarn" else found

    evaluator.enforce = enforce
    evaluator._resolve_condition_key = resolve_condition_key
    iam_actions.access_denied_response = access_denied_response


def _role_arn(principal: str) -> str:
    """Give aws:PrincipalArn of a session: the ARN of its role, as IAM's guide has it."""
    parts = principal.split(":")
    kind, _, rest = parts[-1].partition("/")
    if kind != "assumed-role":
        return principal
    name = rest.partition("/")[0]
    return str((iam._roles.get(name) or {}).get("Arn") or f"arn:aws:iam::{parts[4]}:role/{name}")


def _is_limited(caller: Any) -> bool:
    """Tell whether the caller is known and is not the account's root."""
    return getattr(caller, "policies", None) is not None


def _questions(first: AccessQuestion, *, follow: bool) -> Iterator[AccessQuestion]:
    """Give the call's own questions, then those that it implies."""
    request = current_request.current()
    parameters = request.parameters if request else {}
    headers = request.headers if request else {}
    keys = touched_resources.condition_keys(first.action, parameters, headers)
    context = {**first.context, **keys}
    arns = touched_resources.named(
        first.action, parameters, region=get_region(), account=get_account_id()
    )
    if first.service == "kms" and not first.action.endswith("Alias"):
        arns = [encryption.key_arn(first.resource)]
    for arn in arns or [first.resource]:
        yield AccessQuestion(first.action, arn, first.service, context)
    if not follow:
        return
    for use in encryption.implied(first.action, first.resource, context):
        yield AccessQuestion(use.action, use.key_arn, "kms", use.context, implied=True)
    for role, principal in touched_resources.passed_roles(first.action, parameters):
        passed = {"iam:PassedToService": principal}
        yield AccessQuestion("iam:PassRole", role, "iam", passed, implied=True)


def _log(caller: Any, question: AccessQuestion, answer: Any, region: str) -> None:
    denial = getattr(answer, "decision", None) or getattr(answer, "code", None)
    decisions.record(
        decisions.AccessDecision(
            principal=getattr(caller, "arn", "") or "anonymous",
            type=getattr(caller, "type", "") or "Unknown",
            action=question.action,
            resource=question.resource,
            decision="Allow" if answer is None else str(denial),
            region=region,
            context=question.context,
            implied=question.implied,
        )
    )
