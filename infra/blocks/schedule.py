"""A function that a clock starts."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.blocks.dead_letters import DeadLetters
from infra.stage import Stage


def on_schedule(
    scope: Construct,
    function: lambda_.IFunction,
    schedule: events.Schedule,
    *,
    stage: Stage,
    name: str,
    max_age: Duration,
) -> DeadLetters:
    """The rule that starts it, and what becomes of starts that failed.

    name: of the rule, and of the queue. max_age: after which a start is of no use.
    """
    dead_letters = DeadLetters(scope, "DeadLetters", stage=stage, name=f"{name}-dead-letters")
    target = targets.LambdaFunction(
        function, dead_letter_queue=dead_letters.queue, retry_attempts=2, max_event_age=max_age
    )
    events.Rule(scope, "Schedule", rule_name=stage.name(name), schedule=schedule, targets=[target])
    return dead_letters
