"""A web application firewall before the API, for stages that want one."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.stage import Stage
from lambdas.contract.firewall import WAF_LOGS

SECONDS = 300  # the window of the rate rule
NOTICED = ("BLOCK", "COUNT", "EXCLUDED_AS_COUNT")
# In samples and in the log a star stands for them.
HIDDEN = {
    "action": "SUBSTITUTION",
    "field": {
        "fieldType": "SINGLE_HEADER",
        "fieldKeys": ["authorization", "cookie", "x-amz-security-token"],
    },
}
# They look into the first 8 KB of the body for scripts and paths: real reviews hold both.
BODY_RULES = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
)


class Firewall(Construct):
    """Rate by address, known bad addresses, known bad inputs, the core rules without the body's."""

    def __init__(self, scope: Construct, id: str, *, stage: Stage, stage_arn: str) -> None:
        super().__init__(scope, id)
        rules = [
            self._rate(stage.api.throttle_rate * SECONDS),
            _managed("IpReputation", "AWSManagedRulesAmazonIpReputationList", 1),
            _managed("KnownBadInputs", "AWSManagedRulesKnownBadInputsRuleSet", 2),
            _managed("Core", "AWSManagedRulesCommonRuleSet", 3, count_only=BODY_RULES),
        ]
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            name=stage.name("api"),
            scope="REGIONAL",
            default_action={"allow": {}},
            visibility_config=_visible("Acl"),
            rules=rules,
            data_protection_config={"dataProtections": [HIDDEN]},
        )
        self._log(stage, acl)
        wafv2.CfnWebACLAssociation(
            self, "Association", resource_arn=stage_arn, web_acl_arn=acl.attr_arn
        )

    def _log(self, stage: Stage, acl: wafv2.CfnWebACL) -> None:
        """What was refused or only counted, and by which rule; what went through is not kept."""
        name = f"{WAF_LOGS}{stage.name()}"
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=name,
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        noticed = [{"ActionCondition": {"Action": action}} for action in NOTICED]
        kept = {"Behavior": "KEEP", "Conditions": noticed, "Requirement": "MEETS_ANY"}
        written = wafv2.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[stage.arn("logs", f"log-group:{name}")],
            logging_filter={"DefaultBehavior": "DROP", "Filters": [kept]},
        )
        written.node.add_dependency(log)

    def _rate(self, requests: int) -> dict[str, Any]:
        """One address may use the whole rate of the API, and no more."""
        limit = {"limit": requests, "aggregateKeyType": "IP", "evaluationWindowSec": SECONDS}
        return {
            "name": "Rate",
            "priority": 0,
            "action": {"block": {}},
            "statement": {"rateBasedStatement": limit},
            "visibilityConfig": _visible("Rate"),
        }


def _managed(
    name: str, group: str, priority: int, count_only: tuple[str, ...] = ()
) -> dict[str, Any]:
    overrides = [{"name": rule, "actionToUse": {"count": {}}} for rule in count_only]
    statement: dict[str, Any] = {"vendorName": "AWS", "name": group}
    if overrides:
        statement["ruleActionOverrides"] = overrides
    return {
        "name": name,
        "priority": priority,
        "overrideAction": {"none": {}},
        "statement": {"managedRuleGroupStatement": statement},
        "visibilityConfig": _visible(name),
    }


def _visible(metric: str) -> dict[str, Any]:
    """Counted, and sampled: a sample has the head of a request and no body."""
    return {
        "cloudWatchMetricsEnabled": True,
        "metricName": metric,
        "sampledRequestsEnabled": True,
    }
