"""From what happens to whoever must hear of it, link by link; each answers with the broken links.

`test_infra_chains.py` proves each twice: it finds nothing, and it finds what is broken on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from infra.blocks.alarms import RUNBOOKS

from .policies import RESOURCE_POLICIES, lets_in
from .synthesis import Json, Resource, Templates, listed, text

ROOT = Path(__file__).parents[2]
ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
BUDGETS = "budgets.amazonaws.com"
CLOUDWATCH, EVENTS = "cloudwatch.amazonaws.com", "events.amazonaws.com"


def unheard_alarms(templates: Templates) -> list[str]:
    """Alarms that nobody hears: alarm, action, topic, its policy, its key, a person.

    The child of a composite alarm may have no action: the composite has one.
    """
    children = set(composed(templates))
    return [
        f"{alarm.where}: {why}"
        for alarm in templates.resources(*ALARMS)
        if alarm.properties.get("AlarmActions") or name_of(alarm) not in children
        for why in broken_links(templates, alarm)
    ]


def broken_links(templates: Templates, alarm: Resource) -> Iterator[str]:
    """What keeps one alarm from its subscribers."""
    actions = [text(action) for action in alarm.properties.get("AlarmActions", [])]
    if not actions:
        yield "no action"
    if alarm.properties.get("ActionsEnabled", True) is not True:
        yield "its actions are switched off"
    source = templates.stage.arn("cloudwatch", f"alarm:{name_of(alarm)}")
    for action in actions:
        topic = topic_of(templates, action)
        if topic is None:
            yield f"no topic {action}"
            continue
        context = {"aws:SourceArn": source, "aws:SourceAccount": templates.stage.account}
        if not may_come_in(templates, topic, CLOUDWATCH, "sns:Publish", context):
            yield "the topic does not let CloudWatch in"
        asked = {**context, "kms:EncryptionContext:aws:sns:topicArn": action}
        for call in ("kms:Decrypt", "kms:GenerateDataKey"):
            if not key_lets_in(templates, topic, CLOUDWATCH, call, asked):
                yield f"the topic's key does not let CloudWatch in ({call})"
        if not subscribed(templates, topic):
            yield "nobody has subscribed to the topic"


def topic_hears(templates: Templates, service: str, topic_arn: str) -> list[str]:
    """What keeps a service that publishes for this account from a topic's subscribers."""
    topic = topic_of(templates, topic_arn)
    if topic is None:
        return [f"no topic {topic_arn}"]
    source = f"arn:aws:{service.partition('.')[0]}::{templates.stage.account}:budget/any"
    context = {"aws:SourceArn": source, "aws:SourceAccount": templates.stage.account}
    found = []
    if not may_come_in(templates, topic, service, "sns:Publish", context):
        found.append(f"the topic does not let {service} in")
    asked = {**context, "kms:EncryptionContext:aws:sns:topicArn": topic_arn}
    calls = ("kms:Decrypt", "kms:GenerateDataKey")
    if not all(key_lets_in(templates, topic, service, call, asked) for call in calls):
        found.append(f"the key does not let {service} in")
    if not subscribed(templates, topic):
        found.append("nobody has subscribed to the topic")
    return found


def composed(templates: Templates) -> Iterator[str]:
    """The names of alarms that a composite alarm with an action is made of."""
    for composite in templates.resources("AWS::CloudWatch::CompositeAlarm"):
        if composite.properties.get("AlarmActions"):
            yield from re.findall(r'ALARM\("?([^")]+)"?\)', text(composite.properties["AlarmRule"]))


def unexplained_alarms(templates: Templates) -> list[str]:
    """Alarms whose description leads to no section of the runbooks."""
    sections = set(re.findall(r"^## ([a-z-]+)$", (ROOT / RUNBOOKS).read_text(), re.MULTILINE))
    found = []
    for alarm in templates.resources(*ALARMS):
        description = str(alarm.properties.get("AlarmDescription", ""))
        link = re.search(rf"What to do: {re.escape(RUNBOOKS)}#([a-z-]+)$", description)
        if link is None:
            found.append(f"{alarm.where}: no link")
        elif link[1] not in sections:
            found.append(f"{alarm.where}: no section {link[1]}")
    return found


def events_without_dead_letters(templates: Templates) -> list[str]:
    """Targets of rules from which an event can vanish: no queue, a closed queue, no alarm on it."""
    return [
        f"{rule.where}: {why}"
        for rule in templates.resources("AWS::Events::Rule")
        for target in rule.properties.get("Targets") or [{}]
        for why in ways_to_lose(templates, rule, target)
    ]


def ways_to_lose(templates: Templates, rule: Resource, target: Json) -> Iterator[str]:
    """How one target of a rule may lose an event."""
    if not target:
        yield "no target"
        return
    if not may_start(templates, rule, target):
        yield "its target does not let it in"
    if target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 185) < 1:
        yield "it is never tried again"
    letter = target.get("DeadLetterConfig")
    if letter is None:
        yield "no dead-letter queue"
        return
    queue = named_by(templates, rule.stack, letter["Arn"])
    context = {"aws:SourceArn": f"${{{rule.id}.Arn}}", "aws:SourceAccount": templates.stage.account}
    if not may_come_in(templates, queue, EVENTS, "sqs:SendMessage", context):
        yield "its dead-letter queue does not let EventBridge in"
    if queue.properties.get("QueueName") not in watched_queues(templates):
        yield "nobody watches its dead-letter queue"


def may_start(templates: Templates, rule: Resource, target: Json) -> bool:
    """Whether a target can be started: by its role, or by a permission of the function."""
    if topic := topic_of(templates, text(target["Arn"])):
        name = str(rule.properties["Name"])
        context = {
            "aws:SourceArn": templates.stage.arn("events", f"rule/{name}"),
            "aws:SourceAccount": templates.stage.account,
        }
        asked = {"kms:EncryptionContext:aws:sns:topicArn": text(target["Arn"])}
        return may_come_in(templates, topic, EVENTS, "sns:Publish", context) and all(
            key_lets_in(templates, topic, EVENTS, call, asked)
            for call in ("kms:Decrypt", "kms:GenerateDataKey")
        )
    if "RoleArn" not in target:
        return any(
            permission.properties["Principal"] == EVENTS
            and permission.properties["FunctionName"] == target["Arn"]
            and text(permission.properties["SourceArn"]) == f"${{{rule.id}.Arn}}"
            for permission in templates.resources("AWS::Lambda::Permission")
            if permission.stack == rule.stack
        )
    role = named_by(templates, rule.stack, target["RoleArn"])
    trusts = text(
        role.properties["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
    )
    return trusts == EVENTS and any(
        "states:StartExecution" in listed(statement["Action"])
        and text(target["Arn"]) in map(text, listed(statement["Resource"]))
        for policy in templates.resources("AWS::IAM::Policy")
        if policy.stack == rule.stack and {"Ref": role.id} in policy.properties["Roles"]
        for statement in policy.properties["PolicyDocument"]["Statement"]
    )


def watched_queues(templates: Templates) -> set[str]:
    """The names of queues on whose waiting messages an alarm looks."""
    return {
        str(dimension["Value"])
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
        if alarm.properties.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm.properties["Dimensions"]
        if dimension["Name"] == "QueueName"
    }


def unwritable_logs(templates: Templates) -> list[str]:
    """Log groups whose key does not let CloudWatch Logs in for a group of that name."""
    region, found = templates.stage.region, []
    for group in templates.resources("AWS::Logs::LogGroup"):
        # CloudFormation names a group after its stack, its logical id and something random.
        stack = templates.stage.stack_name(group.stack)
        name = group.properties.get("LogGroupName", f"{stack}-{group.id}-a1B2")
        arn = templates.stage.arn("logs", f"log-group:{name}")
        key = key_by(templates, group.stack, group.properties.get("KmsKeyId"))
        context = {"kms:EncryptionContext:aws:logs:arn": arn}
        calls = ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey")
        if key is None or not all(
            lets_in(key, f"logs.{region}.amazonaws.com", call, "*", context) for call in calls
        ):
            found.append(group.where)
    return found


def name_of(alarm: Resource) -> str:
    """An alarm's name."""
    return text(alarm.properties.get("AlarmName", f"unnamed {alarm.id}"))


def topic_of(templates: Templates, arn: str) -> Resource | None:
    """The topic with this ARN, or this logical id, in whatever stack it is."""
    for topic in templates.resources("AWS::SNS::Topic"):
        named = templates.stage.arn("sns", str(topic.properties.get("TopicName")))
        if arn in (named, f"${{{topic.id}}}"):
            return topic
    return None


def named_by(templates: Templates, stack: str, reference: object) -> Resource:
    """The resource of a stack to which a `Ref` or an `Fn::GetAtt` leads."""
    id = re.sub(r"\$\{([^.}]+).*\}", r"\1", text(reference))
    return Resource(stack, id, templates.stacks[stack]["Resources"][id])


def may_come_in(
    templates: Templates, resource: Resource, service: str, action: str, context: dict[str, str]
) -> bool:
    """Whether a policy of a topic or a queue lets a service do this."""
    member = {"AWS::SNS::Topic": "Topics", "AWS::SQS::Queue": "Queues"}[resource.kind]
    names = (f"${{{resource.id}}}", f"${{{resource.id}.Arn}}")
    return any(
        lets_in(policy.properties["PolicyDocument"], service, action, name, context)
        for policy in templates.resources(f"{resource.kind}Policy")
        if policy.stack == resource.stack and {"Ref": resource.id} in policy.properties[member]
        for name in names
    )


def key_lets_in(
    templates: Templates, topic: Resource, service: str, action: str, context: dict[str, str]
) -> bool:
    """Whether the key of an encrypted topic lets a service use it; a plain topic asks no key."""
    if "KmsMasterKeyId" not in topic.properties:
        return True
    key = key_by(templates, topic.stack, topic.properties["KmsMasterKeyId"])
    return key is not None and lets_in(key, service, action, "*", context)


def key_by(templates: Templates, stack: str, reference: object) -> Json | None:
    """The policy of the key that a value names, here or by the export of another stack."""
    if reference is None:
        return None
    named = text(reference)
    for key in templates.resources("AWS::KMS::Key"):
        here = key.stack == stack and named == f"${{{key.id}.Arn}}"
        exported = fnmatchcase(named, f"*:ExportsOutputFnGetAtt{key.id}Arn*")
        if here or exported:
            document: Json = key.properties[RESOURCE_POLICIES[key.kind]]
            return document
    return None


def subscribed(templates: Templates, topic: Resource) -> bool:
    """Whether somebody gets what a topic gets."""
    return any(
        subscription.stack == topic.stack
        and subscription.properties["TopicArn"] == {"Ref": topic.id}
        for subscription in templates.resources("AWS::SNS::Subscription")
    )
