"""Whoever must hear of something hears of it, and a link that is missing is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra.blocks.alarms import FELT

from . import chains
from .synthesis import Json, Templates

ALARM, RULE = "AWS::CloudWatch::Alarm", "AWS::Events::Rule"
COMPOSITE = "AWS::CloudWatch::CompositeAlarm"
Change = Callable[[Json], object]


def of_kind(resources: Json, kind: str) -> list[Json]:
    """The properties of the resources of a type."""
    return [body["Properties"] for body in resources.values() if body["Type"] == kind]


def drop(kind: str, service: str) -> Change:
    """Take the statements for a service out of the policies of a type."""

    def change(resources: Json) -> None:
        for properties in of_kind(resources, kind):
            document = properties.get("PolicyDocument") or properties["KeyPolicy"]
            document["Statement"] = [
                statement
                for statement in document["Statement"]
                if service not in str(statement["Principal"])
            ]

    return change


def put(kind: str, **members: Any) -> Change:
    """Set members of all resources of a type."""

    def change(resources: Json) -> None:
        for properties in of_kind(resources, kind):
            properties.update(members)

    return change


def lose(kind: str, member: str = "") -> Change:
    """Take a member away from all resources of a type, or the resources themselves."""

    def change(resources: Json) -> None:
        for id in [id for id, body in resources.items() if body["Type"] == kind]:
            if member:
                resources[id]["Properties"].pop(member, None)
            else:
                del resources[id]

    return change


def targets(change: Callable[[Json], object]) -> Change:
    """Change every target of every rule."""

    def through(resources: Json) -> None:
        for properties in of_kind(resources, RULE):
            for target in properties["Targets"]:
                change(target)

    return through


def test_every_alarm_is_heard(templates: Templates) -> None:
    assert len(list(templates.resources(ALARM))) > 10
    assert chains.unheard_alarms(templates) == []


@pytest.mark.parametrize(
    ("stack", "change", "why"),
    [
        ("Operations", lose(ALARM, "AlarmActions"), "no action"),
        ("Operations", put(ALARM, ActionsEnabled=False), "its actions are switched off"),
        (
            "Operations",
            put(ALARM, AlarmActions=["arn:aws:sns:::x"]),
            "no topic arn:aws:sns:::x",
        ),
        (
            "Operations",
            put(ALARM, AlarmName="another-app-errors"),
            "the topic does not let CloudWatch in",
        ),
        (
            "Foundation",
            drop("AWS::SNS::TopicPolicy", "cloudwatch"),
            "the topic does not let CloudWatch in",
        ),
        (
            "Foundation",
            drop("AWS::KMS::Key", "cloudwatch"),
            "the topic's key does not let CloudWatch in (kms:Decrypt)",
        ),
        (
            "Foundation",
            put("AWS::SNS::Topic", KmsMasterKeyId="alias/aws/sns"),
            "the topic's key does not let CloudWatch in (kms:GenerateDataKey)",
        ),
        ("Foundation", lose("AWS::SNS::Subscription"), "nobody has subscribed to the topic"),
    ],
)
def test_an_alarm_that_nobody_hears_would_be_found(
    prod: Templates, stack: str, change: Change, why: str
) -> None:
    found = chains.unheard_alarms(prod.broken(stack, change))
    assert any(line.startswith("Operations/") and line.endswith(f": {why}") for line in found)


def test_a_child_of_a_composite_alarm_is_heard_through_it(prod: Templates) -> None:
    silent = prod.broken("Operations", lose(COMPOSITE, "AlarmActions"))
    found = chains.unheard_alarms(silent)
    assert len(found) == len(FELT) + 1  # the composite is silent, and so are its children
    assert all(line.endswith(": no action") for line in found)
    forgotten = prod.broken("Operations", put(COMPOSITE, AlarmRule='ALARM("another")'))
    assert len(chains.unheard_alarms(forgotten)) == len(FELT)


def test_every_alarm_leads_to_a_section_of_the_runbooks(templates: Templates) -> None:
    assert chains.unexplained_alarms(templates) == []


def test_an_alarm_without_a_runbook_would_be_found(prod: Templates) -> None:
    no_link = prod.having("Serving", "Added", ALARM, AlarmDescription="Something is wrong.")
    assert chains.unexplained_alarms(no_link) == ["Serving/Added: no link"]
    description = "Something is wrong. What to do: docs/runbooks.md#juggling"
    no_section = prod.having("Serving", "Added", ALARM, AlarmDescription=description)
    assert chains.unexplained_alarms(no_section) == ["Serving/Added: no section juggling"]


def test_no_rule_loses_an_event(templates: Templates) -> None:
    assert len(list(templates.resources(RULE))) >= 5
    assert chains.events_without_dead_letters(templates) == []


@pytest.mark.parametrize(
    ("stack", "change", "why"),
    [
        ("Learning", put(RULE, Targets=[]), "no target"),
        ("Learning", targets(lambda t: t.pop("DeadLetterConfig")), "no dead-letter queue"),
        (
            "Learning",
            targets(lambda t: t.update(RetryPolicy={"MaximumRetryAttempts": 0})),
            "it is never tried again",
        ),
        (
            "Learning",
            drop("AWS::SQS::QueuePolicy", "events.amazonaws.com"),
            "its dead-letter queue does not let EventBridge in",
        ),
        ("Operations", lose(ALARM), "nobody watches its dead-letter queue"),
        (
            "Learning",
            targets(lambda t: t.update(Arn="arn:aws:states:::another")),
            "its target does not let it in",
        ),
    ],
)
def test_a_rule_that_loses_events_would_be_found(
    prod: Templates, stack: str, change: Change, why: str
) -> None:
    found = chains.events_without_dead_letters(prod.broken(stack, change))
    assert any(line.startswith("Learning/") and line.endswith(f": {why}") for line in found)


def test_a_function_that_lets_its_rule_not_in_would_be_found(prod: Templates) -> None:
    closed = prod.broken("Operations", lose("AWS::Lambda::Permission"))
    [found] = chains.events_without_dead_letters(closed)
    assert found.endswith("its target does not let it in")


def test_every_log_can_be_written_under_its_key(templates: Templates) -> None:
    assert chains.unwritable_logs(templates) == []


@pytest.mark.parametrize(
    ("stack", "change"),
    [
        ("Foundation", drop("AWS::KMS::Key", "logs.us-east-1")),
        ("Serving", put("AWS::Logs::LogGroup", LogGroupName="/aws/lambda/elsewhere")),
        ("Serving", put("AWS::Logs::LogGroup", KmsKeyId="alias/unknown")),
    ],
)
def test_a_log_that_its_key_keeps_from_being_written_would_be_found(
    prod: Templates, stack: str, change: Change
) -> None:
    found = chains.unwritable_logs(prod.broken(stack, change))
    assert any(line.startswith("Serving/") for line in found)
