"""The firewall's verdict on a request, by the rules that prod's template names."""

from __future__ import annotations

from typing import Any

import pytest

from tests import emulator

if not emulator.is_reachable():
    pytest.skip("no emulator: run `make cloud`", allow_module_level=True)

from local_cloud.extension import firewall, managed_rules
from local_cloud.extension.managed_rules import UnknownRuleError, WebRequest

CORE = "AWSManagedRulesCommonRuleSet"


def request(**changes: Any) -> WebRequest:
    """A client's question, with something changed."""
    sent: dict[str, Any] = {
        "method": "POST",
        "path": "/v1/ratings",
        "query": "",
        "headers": {"user-agent": "shop/1", "content-type": "application/json"},
        "body": b'{"text": "It broke."}',
        "address": "203.0.113.7",
    }
    return WebRequest(**{**sent, **changes})


def acl(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    """An ACL that lets through what no rule stops."""
    return {"ARN": name, "DefaultAction": {"Allow": {}}, "Rules": list(rules)}


def managed(group: str, *count_only: str, priority: int = 1) -> dict[str, Any]:
    overrides = [{"Name": rule, "ActionToUse": {"Count": {}}} for rule in count_only]
    statement = {"VendorName": "AWS", "Name": group, "RuleActionOverrides": overrides}
    return {
        "Name": group,
        "Priority": priority,
        "OverrideAction": {"None": {}},
        "Statement": {"ManagedRuleGroupStatement": statement},
    }


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("NoUserAgent_HEADER", {"headers": {}}),
        ("SizeRestrictions_BODY", {"body": b"x" * 8_193}),
        ("SizeRestrictions_QUERYSTRING", {"query": "x" * 2_049}),
        ("CrossSiteScripting_BODY", {"body": b"<script>alert(1)</script>"}),
        ("EC2MetaDataSSRF_BODY", {"body": b"see http://169.254.169.254/latest"}),
        ("GenericLFI_BODY", {"body": b"../../etc/passwd"}),
        ("GenericRFI_QUERYARGUMENTS", {"query": "a=http%3A%2F%2F203.0.113.9%2Fx"}),
    ],
)
def test_a_rule_of_the_core_set_is_met_by_its_example_alone(
    rule: str, changes: dict[str, Any]
) -> None:
    assert managed_rules.matches(CORE, request()) == []
    assert rule in managed_rules.matches(CORE, request(**changes))


def test_a_rule_that_only_counts_lets_through_and_is_noted() -> None:
    asked = request(body=b"<script>alert(1)</script>")
    assert firewall.verdict(acl("a", managed(CORE)), asked, now=0).action == "BLOCK"
    counted = firewall.verdict(acl("b", managed(CORE, "CrossSiteScripting_BODY")), asked, now=0)
    assert (counted.action, counted.counted) == ("ALLOW", ((CORE, "CrossSiteScripting_BODY"),))


def test_the_rule_of_the_lowest_priority_number_decides() -> None:
    bad = "AWSManagedRulesKnownBadInputsRuleSet"
    asked = request(headers={}, body=b"${jndi:ldap://x}")
    found = firewall.verdict(acl("c", managed(CORE, priority=3), managed(bad)), asked, now=0)
    assert (found.rule, found.within) == (bad, "Log4JRCE_BODY")


def test_an_address_over_its_rate_waits_for_the_window() -> None:
    statement = {"Limit": 2, "AggregateKeyType": "IP", "EvaluationWindowSec": 300}
    rate = {
        "Name": "Rate",
        "Priority": 0,
        "Action": {"Block": {}},
        "Statement": {"RateBasedStatement": statement},
    }
    one = acl("rate", rate)
    actions = [firewall.verdict(one, request(), now=second).action for second in (0, 1, 2, 302)]
    assert actions == ["ALLOW", "ALLOW", "BLOCK", "ALLOW"]
    other = request(address="203.0.113.8")
    assert firewall.verdict(one, other, now=2).action == "ALLOW"


def test_a_rule_that_nothing_here_can_judge_is_refused() -> None:
    with pytest.raises(UnknownRuleError, match="has no rule NoSuch_BODY"):
        firewall._known(managed(CORE, "NoSuch_BODY")["Statement"])
    with pytest.raises(UnknownRuleError, match="AWSManagedRulesUnixRuleSet is not emulated"):
        firewall._known(managed("AWSManagedRulesUnixRuleSet")["Statement"])
