"""Who may do what, read from templates: statements, and what they decide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from .synthesis import Json, Resource, Templates, listed, text

RESOURCE_POLICIES = {
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}
IDENTITY_POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
Context = Mapping[str, str]


@dataclass(frozen=True)
class Statement:
    """One statement, the resource that holds it, and what kind of policy it is part of.

    kind: identity (what a role may), trust (who may be a role), resource (who may come in).
    """

    holder: Resource
    kind: str
    body: Json

    @property
    def where(self) -> str:
        """How a sweep names it."""
        return self.holder.where

    @property
    def allows(self) -> bool:
        """Whether it grants; the others deny."""
        return bool(self.body["Effect"] == "Allow")

    @property
    def actions(self) -> list[str]:
        """The actions; `NotAction` reads as a wildcard, which it is."""
        return [str(a) for a in listed(self.body.get("Action", "*"))]

    @property
    def resources(self) -> list[str]:
        """The resources as texts; `NotResource` reads as a wildcard."""
        return [text(r) for r in listed(self.body.get("Resource", "*"))]

    @property
    def conditions(self) -> dict[str, dict[str, object]]:
        """The conditions, by operator."""
        found: dict[str, dict[str, object]] = self.body.get("Condition", {})
        return found

    @property
    def condition_keys(self) -> set[str]:
        """The keys that its conditions look at."""
        return {key for keys in self.conditions.values() for key in keys}

    def principals(self, kind: str) -> list[str]:
        """The principals of a kind (`Service`, `AWS`); a bare wildcard is everybody of AWS."""
        named = self.body.get("Principal", {})
        if isinstance(named, str):
            named = {"AWS": named}
        return [text(p) for p in listed(named[kind])] if kind in named else []


def statements(templates: Templates, *kinds: str) -> Iterator[Statement]:
    """Every statement of a stage; kinds: identity, trust, resource; all where none is named."""
    for resource in templates.resources():
        for kind, document in documents(resource):
            if not kinds or kind in kinds:
                for body in listed(document["Statement"]):
                    yield Statement(resource, kind, body)


def documents(resource: Resource) -> Iterator[tuple[str, Json]]:
    """The policy documents of a resource, with their kind."""
    properties = resource.properties
    if resource.kind in IDENTITY_POLICIES:
        yield "identity", properties["PolicyDocument"]
    elif resource.kind == "AWS::IAM::Role":
        yield "trust", properties["AssumeRolePolicyDocument"]
        for inline in properties.get("Policies", []):
            yield "identity", inline["PolicyDocument"]
    elif resource.kind in RESOURCE_POLICIES:
        yield "resource", properties[RESOURCE_POLICIES[resource.kind]]


def lets_in(document: Json, service: str, action: str, resource: str, context: Context) -> bool:
    """Whether a resource's policy lets a service do this; a deny that applies wins.

    context: the condition keys of the call. One that a condition wants and the call lacks fails it.
    """
    allowed = False
    for body in listed(document["Statement"]):
        fits = (
            _names(body["Principal"], service)
            and any(fnmatchcase(action, wanted) for wanted in listed(body["Action"]))
            and any(fnmatchcase(resource, text(r)) for r in listed(body["Resource"]))
            and all(
                _holds(operator, key, listed(values), context)
                for operator, keys in body.get("Condition", {}).items()
                for key, values in keys.items()
            )
        )
        if fits and body["Effect"] == "Deny":
            return False
        allowed = allowed or fits
    return allowed


def _names(principal: object, service: str) -> bool:
    """Whether a principal is everybody, or this service among others."""
    if isinstance(principal, dict):
        return service in listed(principal.get("Service", [])) or principal.get("AWS") == "*"
    return principal == "*"


def _holds(operator: str, key: str, values: list[object], context: Context) -> bool:
    if key not in context:
        return False
    wanted = [text(value) for value in values]
    if re.fullmatch(r"StringEquals|Bool", operator):
        return context[key] in wanted
    if re.fullmatch(r"StringLike|ArnLike|ArnEquals", operator):
        return any(fnmatchcase(context[key], pattern) for pattern in wanted)
    raise ValueError(f"a condition that this reader does not know: {operator}")
