"""What a stage may cost, and what becomes of an endpoint that nobody asks."""

from __future__ import annotations

import json

import msgspec
import pytest

from infra.stage import Stage
from lambdas.contract import keys
from lambdas.release.undone import PersonDecision

from . import sweeps
from .authorization import half_granted, idle_actions, unfit_resources, unknown_conditions
from .chains import BUDGETS, events_without_dead_letters, topic_hears, unheard_alarms
from .policies import statements
from .synthesis import Json, Templates, synthesise, text, with_value


@pytest.fixture(scope="module")
def sleepy(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Prod, with an endpoint that goes to sleep by itself and a boundary for every role."""
    stage = with_value("prod", "cost.sleep_when_idle", True)
    return synthesise("prod", tmp_path_factory.mktemp("sleepy"), stage)


def machine(templates: Templates) -> Json:
    """The Sleep machine's states."""
    [found] = [
        m
        for m in templates.resources("AWS::StepFunctions::StateMachine")
        if m.properties["StateMachineName"] == templates.stage.name("sleep")
    ]
    states: Json = json.loads(text(found.properties["DefinitionString"]))["States"]
    return states


def test_the_account_s_budget_is_heard_before_and_after_it_is_spent(
    every_stage: dict[str, Templates],
) -> None:
    for made in every_stage.values():
        budgets = list(made.resources("AWS::Budgets::Budget"))
        assert len(budgets) == bool(made.stage.cost.budget_dollars)
        for budget in budgets:
            limit = budget.properties["Budget"]["BudgetLimit"]
            assert limit == {"Amount": made.stage.cost.budget_dollars, "Unit": "USD"}
            notices = budget.properties["NotificationsWithSubscribers"]
            kinds = {n["Notification"]["NotificationType"] for n in notices}
            assert kinds == {"ACTUAL", "FORECASTED"}
            for notice in notices:
                [subscriber] = notice["Subscribers"]
                assert topic_hears(made, BUDGETS, subscriber["Address"]) == []


def test_a_budget_that_no_key_lets_in_would_be_found(prod: Templates) -> None:
    def close(resources: Json) -> None:
        for body in resources.values():
            if body["Type"] == "AWS::KMS::Key":
                rules = body["Properties"]["KeyPolicy"]["Statement"]
                rules[:] = [r for r in rules if r["Principal"].get("Service") != BUDGETS]

    topic = prod.stage.arn("sns", prod.stage.name("alerts"))
    closed = prod.broken("Foundation", close)
    assert topic_hears(closed, BUDGETS, topic) == [f"the key does not let {BUDGETS} in"]


def test_an_idle_endpoint_rings_where_the_stage_says_so(every_stage: dict[str, Templates]) -> None:
    for made in every_stage.values():
        name = made.stage.name("idle")
        alarms = [
            a.properties
            for a in made.resources("AWS::CloudWatch::Alarm")
            if a.properties["AlarmName"] == name
        ]
        assert len(alarms) == bool(made.stage.cost.idle_hours)
        for alarm in alarms:
            hours = alarm["EvaluationPeriods"] * alarm["Period"] / 3_600
            assert hours == made.stage.cost.idle_hours
            assert (alarm["MetricName"], alarm["Threshold"]) == ("Questions", 1)


def test_the_idle_alarm_takes_the_endpoint_down_so_that_wake_finds_it(sleepy: Templates) -> None:
    states = machine(sleepy)
    kept, update = states["KeepDecision"]["Parameters"], states["UpdateStack"]["Parameters"]
    assert kept["Key"] == keys.DECISION
    written = {name.removesuffix(".$") for name in kept["Body"]}
    assert written == {"outcome", *(f.name for f in msgspec.structs.fields(PersonDecision))}
    assert (kept["Body"]["command"], kept["Body"]["outcome"]) == ("sleep", "asleep")
    history = states["RecordSleep"]["Parameters"]
    assert history["Body"] == kept["Body"]
    assert history["Key.$"].startswith("States.Format('releases/{}{}{}T{}{}{}Z-sleep.json', $.now")
    changed = {p["ParameterKey"]: p for p in update["Parameters"]}
    assert changed["ModelPackageArn"]["ParameterValue"] == ""
    assert changed["Release"]["UsePreviousValue"] is changed["Rollout"]["UsePreviousValue"] is True
    assert update["UsePreviousTemplate"] is True
    [rule] = [
        r
        for r in sleepy.resources("AWS::Events::Rule")
        if r.properties["Name"] == sleepy.stage.name("idle")
    ]
    alarm = sleepy.stage.arn("cloudwatch", f"alarm:{sleepy.stage.name('idle')}")
    assert rule.properties["EventPattern"]["resources"] == [alarm]


def test_the_sleep_machine_updates_with_the_narrow_role_alone(sleepy: Templates) -> None:
    [update] = [
        grant
        for grant in statements(sleepy, "identity")
        if grant.holder.id.startswith("IdleMachine")
        and "cloudformation:UpdateStack" in grant.actions
    ]
    role = update.conditions["StringEquals"]["cloudformation:RoleArn"]
    assert text(role) == text(machine(sleepy)["UpdateStack"]["Parameters"]["RoleARN"])


def test_a_stage_that_sleeps_by_itself_keeps_every_rule(sleepy: Templates) -> None:
    for sweep in (
        *(sweeps.open_actions, sweeps.open_resources, sweeps.free_passes, sweeps.untied_roles),
        *(sweeps.unencrypted_logs, sweeps.plain_http, unheard_alarms, events_without_dead_letters),
        *(unfit_resources, idle_actions, half_granted, unknown_conditions),
    ):
        assert sweep(sleepy) == [], sweep.__name__
    failed = {
        d["Value"]
        for a in sleepy.resources("AWS::CloudWatch::Alarm")
        if a.properties.get("MetricName") == "ExecutionsFailed"
        for d in a.properties["Dimensions"]
    }
    assert sleepy.stage.arn("states", f"stateMachine:{sleepy.stage.name('sleep')}") in failed


def test_a_boundary_bounds_every_role(tmp_path_factory: pytest.TempPathFactory) -> None:
    boundary = "arn:aws:iam::222222222222:policy/most"
    stage: Stage = with_value("prod", "permissions_boundary", boundary)
    made = synthesise("prod", tmp_path_factory.mktemp("bounded"), stage)
    roles = list(made.resources("AWS::IAM::Role"))
    assert len(roles) > 10
    assert {role.properties.get("PermissionsBoundary") for role in roles} == {boundary}
