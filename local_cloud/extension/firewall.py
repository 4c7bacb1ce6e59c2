"""WAF before a REST API: associations and logging of templates, and its verdict on each request.

Gap: MiniStack keeps web ACLs, provisions neither an association nor a logging configuration from
a template, and asks no ACL about a request.
Delete when it does. Differences that stay: rules that look into what AWS does not publish let
everything through (`managed_rules`), and a rate is counted at once, where WAF looks every 10 s.
"""

import collections
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import ministack.app as ministack
from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import apigateway_v1, cloudwatch, waf
from ministack.services.cloudformation import provisioners

from local_cloud.extension import gateway_responses
from local_cloud.extension.managed_rules import UnknownRuleError, WebRequest, matches, rules
from local_cloud.sagemaker.runtime import emulator

logger = logging.getLogger(__name__)
Json = dict[str, Any]
Response = tuple[int, dict[str, str], Any]
ASSOCIATION = "AWS::WAFv2::WebACLAssociation"
LOGGING = "AWS::WAFv2::LoggingConfiguration"
REFUSED = "Forbidden"
HIDDEN = "*"  # what a log has in the place of a header that the ACL protects

_logging: dict[str, Json] = {}  # ARN of a web ACL -> properties of its logging configuration
_asked: dict[tuple[str, str, str], collections.deque[float]] = {}  # ACL, rule, address -> moments
_counting = threading.Lock()


@dataclass(frozen=True)
class Verdict:
    """What an ACL says of a request. rule: of the ACL; within: of the managed group, if any."""

    action: str  # ALLOW or BLOCK
    rule: str = "Default_Action"
    within: str = ""
    counted: tuple[tuple[str, str], ...] = ()  # rules that only count: (of the ACL, of its group)


def install() -> None:
    """Register the two types, then ask before anything else looks at a request."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[ASSOCIATION] = {
        "create": _associate,
        "update": lambda id, old, new, stack: _associate(id, new, stack),
        "delete": lambda id, properties: waf._associations.pop(properties["ResourceArn"], None),
    }
    provisioners._REPLACING_PROPERTIES[ASSOCIATION] = ("ResourceArn", "WebACLArn")
    handlers[LOGGING] = {
        "create": _log_to,
        "update": lambda id, old, new, stack: _log_to(id, new, stack),
        "delete": lambda id, properties: _logging.pop(properties["ResourceArn"], None),
    }
    provisioners._REPLACING_PROPERTIES[LOGGING] = ("ResourceArn",)
    for verb in ("create", "update"):
        handlers["AWS::WAFv2::WebACL"][verb] = _checked(handlers["AWS::WAFv2::WebACL"][verb])
    _wrap_requests()


def _associate(logical_id: str, properties: Json, _stack: str) -> tuple[str, Json]:
    arn, acl = properties["ResourceArn"], properties["WebACLArn"]
    waf._associations[arn] = acl
    return f"{arn}|{acl}", {}


def _log_to(logical_id: str, properties: Json, _stack: str) -> tuple[str, Json]:
    for destination in properties["LogDestinationConfigs"]:
        name = destination.partition(":log-group:")[2]
        if not name.startswith("aws-waf-logs-"):
            raise ValueError(
                f"WAFInvalidParameterException: {destination} is no log group whose name begins "
                "with aws-waf-logs-"
            )
    _logging[properties["ResourceArn"]] = properties
    return properties["ResourceArn"], {}


def _checked(change: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse an ACL with a rule that nothing here could judge: it would prove nothing."""

    def checked(*given: Any, **named: Any) -> Any:
        for properties in (value for value in given if isinstance(value, dict)):
            for rule in properties.get("Rules", []):
                _known(rule["Statement"])
        return change(*given, **named)

    return checked


def _known(statement: Json) -> None:
    group = statement.get("ManagedRuleGroupStatement")
    if group:
        overridden = {o["Name"] for o in group.get("RuleActionOverrides", [])}
        if unknown := overridden - set(rules(group["Name"])):
            raise UnknownRuleError(f"{group['Name']} has no rule {', '.join(sorted(unknown))}")
    elif "RateBasedStatement" not in statement:
        raise UnknownRuleError(f"{', '.join(statement)} is not emulated on this machine")


def _wrap_requests() -> None:
    handle: Callable[..., Any] = ministack._handle_execute_api_request

    async def handle_execute_api_request(
        host: str,
        path: str,
        method: str,
        headers: dict[str, str],
        body: bytes,
        query_params: dict[str, Any],
        raw_path: str | None = None,
        raw_query_string: str | None = None,
    ) -> Response | None:
        where = ministack._parse_execute_api_url(host, path)
        if where:
            api_id, stage, route = where
            query = urlencode(query_params, doseq=True)
            sent = {name.lower(): value for name, value in headers.items()}
            address = evaluator._request_origin.get()[0]
            request = WebRequest(method, route, query, sent, body or b"", address)
            if refused := _refusal(api_id, stage, request, query_params):
                return refused
        answer: Response | None = await handle(
            host, path, method, headers, body, query_params, raw_path, raw_query_string
        )
        return answer

    ministack._handle_execute_api_request = handle_execute_api_request


def _refusal(api_id: str, stage: str, request: WebRequest, query: Json) -> Response | None:
    """What the ACL before a stage answers in its place; in the account of the API."""
    scope = apigateway_v1.find_api_scope(api_id)
    if scope is None:
        return None
    with apigateway_v1.request_scope(*scope):
        return _judged(api_id, stage, request, query)


def _judged(api_id: str, stage: str, request: WebRequest, query: Json) -> Response | None:
    arn = f"arn:aws:apigateway:{get_region()}::/restapis/{api_id}/stages/{stage}"
    acl = _acl(waf._associations.get(arn, ""))
    if acl is None:
        return None
    found = verdict(acl, request, now=time.time())
    _measure(acl, found)
    _log(acl, found, request)
    if found.action == "ALLOW":
        return None
    headers = dict(request.headers)
    forbidden = gateway_responses.FORBIDDEN
    answer = gateway_responses.response("WAF_FILTERED", REFUSED, api_id, stage, headers, query)
    return answer or forbidden


def _acl(arn: str) -> Json | None:
    records: list[Json] = list(waf._values_for_scope(waf._web_acls, "REGIONAL")) if arn else []
    return next((record for record in records if record["ARN"] == arn), None)


def verdict(acl: Mapping[str, Any], request: WebRequest, *, now: float) -> Verdict:
    """Judge a request by the rules of an ACL, in the order of their priority.

    now: seconds since the epoch, for rules that count requests.
    """
    counted: list[tuple[str, str]] = []
    for rule in sorted(acl["Rules"], key=lambda rule: int(rule["Priority"])):
        for within, action in _actions(acl["ARN"], rule, request, now):
            if action == "COUNT":
                counted.append((rule["Name"], within))
            else:
                return Verdict(action, rule["Name"], within, tuple(counted))
    default = "BLOCK" if "Block" in acl["DefaultAction"] else "ALLOW"
    return Verdict(default, counted=tuple(counted))


def _actions(
    acl_arn: str, rule: Json, request: WebRequest, now: float
) -> Iterator[tuple[str, str]]:
    """The rules within a rule that a request meets, each with what is done about it."""
    statement = rule["Statement"]
    if rate := statement.get("RateBasedStatement"):
        if _is_over(acl_arn, rule["Name"], request.address, rate, now):
            yield "", next(iter(rule["Action"])).upper()
        return
    group = statement["ManagedRuleGroupStatement"]
    is_count_only = "Count" in rule.get("OverrideAction", {})
    overrides = {
        override["Name"]: next(iter(override["ActionToUse"])).upper()
        for override in group.get("RuleActionOverrides", [])
    }
    for name in matches(group["Name"], request):
        yield name, "COUNT" if is_count_only else overrides.get(name, "BLOCK")


def _is_over(acl_arn: str, rule: str, address: str, rate: Json, now: float) -> bool:
    """Whether an address has asked more often than the limit within the window."""
    window = float(rate.get("EvaluationWindowSec") or 300)
    with _counting:
        moments = _asked.setdefault((acl_arn, rule, address), collections.deque())
        moments.append(now)
        while moments and moments[0] <= now - window:
            moments.popleft()
        return len(moments) > int(rate["Limit"])


def _measure(acl: Json, found: Verdict) -> None:
    where = {"WebACL": acl["VisibilityConfig"]["MetricName"], "Region": get_region()}
    metric = "BlockedRequests" if found.action == "BLOCK" else "AllowedRequests"
    metrics = {rule["Name"]: rule["VisibilityConfig"]["MetricName"] for rule in acl["Rules"]}
    ended = metrics.get(found.rule, where["WebACL"])
    for name, rule in ((metric, ended), (metric, "ALL")):
        cloudwatch.record_metric("AWS/WAFV2", name, 1, "Count", {**where, "Rule": rule})
    for rule, _ in found.counted:
        dimensions = {**where, "Rule": metrics[rule]}
        cloudwatch.record_metric("AWS/WAFV2", "CountedRequests", 1, "Count", dimensions)


def _log(acl: Json, found: Verdict, request: WebRequest) -> None:
    """Write to the log groups of the ACL what its filter keeps, protected headers hidden."""
    configuration = _logging.get(acl["ARN"])
    if configuration is None or not _is_kept(configuration.get("LoggingFilter"), found):
        return
    line = json.dumps(_record(acl, found, request))
    for destination in configuration["LogDestinationConfigs"]:
        group = destination.partition(":log-group:")[2].removesuffix(":*")
        stream = f"{get_region()}_{acl['Name']}_0"
        emulator.write_log(group, stream, [(int(time.time() * 1000), line)])


def _is_kept(chosen: Json | None, found: Verdict) -> bool:
    if not chosen:
        return True
    actions = {found.action, *(["COUNT", "EXCLUDED_AS_COUNT"] if found.counted else [])}
    for one in chosen["Filters"]:
        wanted = {c["ActionCondition"]["Action"] for c in one["Conditions"]}
        is_met = bool(wanted & actions) if one["Requirement"] == "MEETS_ANY" else wanted <= actions
        if is_met:
            return bool(one["Behavior"] == "KEEP")
    return bool(chosen["DefaultBehavior"] == "KEEP")


def _record(acl: Json, found: Verdict, request: WebRequest) -> Json:
    protections = (acl.get("DataProtectionConfig") or {}).get("DataProtections") or []
    hidden = {
        key.lower() for one in protections for key in one["Field"].get("FieldKeys") or [] if key
    }
    headers = [
        {"name": name, "value": HIDDEN if name in hidden else value}
        for name, value in request.headers.items()
    ]
    return {
        "timestamp": int(time.time() * 1000),
        "webaclId": acl["ARN"],
        "terminatingRuleId": found.rule,
        "terminatingRuleType": "MANAGED_RULE_GROUP" if found.within else "REGULAR",
        "action": found.action,
        "ruleGroupList": [{"terminatingRule": {"ruleId": found.within}}] if found.within else [],
        "nonTerminatingMatchingRules": [
            {"ruleId": within or rule, "action": "COUNT"} for rule, within in found.counted
        ],
        "httpRequest": {
            "clientIp": request.address,
            "headers": headers,
            "uri": request.path,
            "args": request.query,
            "httpMethod": request.method,
            "requestId": new_uuid(),
        },
        "httpSourceId": f"{get_account_id()}:{request.path}",
    }
