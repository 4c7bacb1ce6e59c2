"""AWS's managed rules, as far as their published descriptions say what they look at.

Pure. Source: "Baseline rule groups", "IP reputation rule groups" of the WAF developer guide. What
AWS does not publish (the exact patterns, lists of addresses) is the published example's pattern
here, or nothing: `UNKNOWABLE` lists the groups that let everything through on this machine.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

UNKNOWABLE = (
    "AWSManagedRulesAmazonIpReputationList",  # of addresses that Amazon knows
    "AWSManagedRulesAnonymousIpList",
)


@dataclass(frozen=True)
class WebRequest:
    """What a rule looks at; header names are in lower case, the query is as it was sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    address: str

    def header(self, name: str) -> str:
        """A header's value, empty where it was not sent."""
        return self.headers.get(name, "")

    @property
    def seen_body(self) -> str:
        """What WAF inspects of a body before API Gateway: its first 16 KB."""
        return self.body[:16_384].decode("utf-8", "replace")

    @property
    def seen_query(self) -> str:
        """The query with its escapes decoded."""
        return unquote_plus(self.query)


Rule = Callable[[WebRequest], bool]

METADATA = re.compile(r"169\.254\.169\.254|fd00:ec2::254", re.IGNORECASE)
TRAVERSAL = re.compile(r"\.\./\.\./|\.\.\\\.\.\\")
REMOTE_FILE = re.compile(r"(?:https?|ftps?|file)://\d{1,3}(?:\.\d{1,3}){3}", re.IGNORECASE)
SCRIPT = re.compile(r"<\s*script\b|\bon(?:error|load|click)\s*=|javascript:", re.IGNORECASE)
EXTENSION = re.compile(r"\.(?:log|ini|conf|bak|backup|sql|key|pem)(?:$|[?&/])", re.IGNORECASE)
BOTS = re.compile(r"\b(?:nessus|nmap|nikto|sqlmap|masscan|zgrab)\b", re.IGNORECASE)
LOOKUP = re.compile(r"\$\{jndi:(?:ldap|ldaps|rmi|dns|iiop|http)", re.IGNORECASE)
DESERIALIZED = re.compile(r"\(java\.lang\.Runtime\)\.getRuntime\(\)\.exec|rO0AB|aced0005")
EXPLOITABLE = re.compile(r"web-inf|/\.git/|/\.env(?:$|[/?])", re.IGNORECASE)


def _found(pattern: re.Pattern[str], part: Callable[[WebRequest], str]) -> Rule:
    return lambda request: pattern.search(part(request)) is not None


def _body(request: WebRequest) -> str:
    return request.seen_body


def _path(request: WebRequest) -> str:
    return request.path


def _query(request: WebRequest) -> str:
    return request.seen_query


def _cookie(request: WebRequest) -> str:
    return request.header("cookie")


def _all_headers(request: WebRequest) -> str:
    return "\n".join(request.headers.values())


GROUPS: dict[str, dict[str, Rule]] = {
    "AWSManagedRulesCommonRuleSet": {
        "NoUserAgent_HEADER": lambda request: not request.header("user-agent"),
        "UserAgent_BadBots_HEADER": _found(BOTS, lambda request: request.header("user-agent")),
        "SizeRestrictions_QUERYSTRING": lambda request: len(request.query) > 2_048,
        "SizeRestrictions_Cookie_HEADER": lambda request: len(_cookie(request)) > 10_240,
        "SizeRestrictions_BODY": lambda request: len(request.body) > 8_192,
        "SizeRestrictions_URIPATH": lambda request: len(request.path) > 1_024,
        "EC2MetaDataSSRF_BODY": _found(METADATA, _body),
        "EC2MetaDataSSRF_COOKIE": _found(METADATA, _cookie),
        "EC2MetaDataSSRF_URIPATH": _found(METADATA, _path),
        "EC2MetaDataSSRF_QUERYARGUMENTS": _found(METADATA, _query),
        "GenericLFI_QUERYARGUMENTS": _found(TRAVERSAL, _query),
        "GenericLFI_URIPATH": _found(TRAVERSAL, _path),
        "GenericLFI_BODY": _found(TRAVERSAL, _body),
        "RestrictedExtensions_URIPATH": _found(EXTENSION, _path),
        "RestrictedExtensions_QUERYARGUMENTS": _found(EXTENSION, _query),
        "GenericRFI_QUERYARGUMENTS": _found(REMOTE_FILE, _query),
        "GenericRFI_BODY": _found(REMOTE_FILE, _body),
        "GenericRFI_URIPATH": _found(REMOTE_FILE, _path),
        "CrossSiteScripting_COOKIE": _found(SCRIPT, _cookie),
        "CrossSiteScripting_QUERYARGUMENTS": _found(SCRIPT, _query),
        "CrossSiteScripting_BODY": _found(SCRIPT, _body),
        "CrossSiteScripting_URIPATH": _found(SCRIPT, _path),
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {
        "JavaDeserializationRCE_HEADER": _found(DESERIALIZED, _all_headers),
        "JavaDeserializationRCE_BODY": _found(DESERIALIZED, _body),
        "JavaDeserializationRCE_URIPATH": _found(DESERIALIZED, _path),
        "JavaDeserializationRCE_QUERYSTRING": _found(DESERIALIZED, _query),
        # On this machine the host is always localhost: what a client named is not to be known.
        "Host_localhost_HEADER": lambda request: False,
        "PROPFIND_METHOD": lambda request: request.method == "PROPFIND",
        "ExploitablePaths_URIPATH": _found(EXPLOITABLE, _path),
        "Log4JRCE_HEADER": _found(LOOKUP, _all_headers),
        "Log4JRCE_QUERYSTRING": _found(LOOKUP, _query),
        "Log4JRCE_BODY": _found(LOOKUP, _body),
        "Log4JRCE_URIPATH": _found(LOOKUP, _path),
    },
    **{group: {} for group in UNKNOWABLE},
}


class UnknownRuleError(ValueError):
    """A rule group, or a rule of one, that this machine does not know: it would prove nothing."""


def matches(group: str, request: WebRequest) -> list[str]:
    """The names of a group's rules that a request meets, in the group's order.

    Raises UnknownRuleError for a group that is not known here.
    """
    return [name for name, rule in rules(group).items() if rule(request)]


def rules(group: str) -> dict[str, Rule]:
    """A group's rules by name. Raises UnknownRuleError for a group that is not known here."""
    if group not in GROUPS:
        raise UnknownRuleError(f"the rule group {group} is not emulated on this machine")
    return GROUPS[group]
