"""What watches: the monitor's schedule and rights, the alarms, the dashboard."""

from __future__ import annotations

import json
import re
from pathlib import Path

from aws_cdk.assertions import Match

from infra.blocks.alarms import FELT
from lambdas.contract.metrics import NAMESPACE

from .policies import statements
from .synthesis import Templates, synthesise, text, with_value


def test_windows_are_judged_on_schedule(templates: Templates) -> None:
    templates.of("Operations").has_resource_properties(
        "AWS::Events::Rule",
        {
            "ScheduleExpression": templates.stage.monitoring.schedule,
            "State": "ENABLED",
            "Targets": [
                Match.object_like(
                    {"RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2}}
                )
            ],
        },
    )


def test_the_monitor_reads_and_reports_and_starts_learning(templates: Templates) -> None:
    stage = templates.stage
    rights = {
        (action, resource)
        for grant in statements(templates, "identity")
        if grant.holder.id.startswith("MonitorCheck")
        for action in grant.actions
        for resource in grant.resources
    }
    writes = {resource for action, resource in rights if action == "s3:PutObject"}
    observations = f"arn:aws:s3:::{stage.bucket_name('observations')}"
    assert writes == {f"{observations}/monitoring/*"}
    started = {resource for action, resource in rights if action == "states:StartExecution"}
    assert started == {stage.arn("states", f"stateMachine:{stage.name('learn')}")}
    assert not [action for action, _ in rights if "Delete" in action or "Invoke" in action]


def test_alarms_look_at_the_stage_and_not_at_a_version(templates: Templates) -> None:
    """A new version must not silence an alarm."""
    own = [
        alarm.properties
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
        if alarm.properties.get("Namespace") == NAMESPACE
    ]
    assert len(own) >= 4
    for alarm in own:
        assert alarm["Dimensions"] == [{"Name": "stage", "Value": templates.stage.label}]


def test_every_alarm_says_what_no_data_means(templates: Templates) -> None:
    missing_data = {
        alarm.properties["AlarmName"]: alarm.properties["TreatMissingData"]
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
    }
    bad = ("monitor-silent", "probe-failed", "probe-silent")
    silent = {templates.stage.name(name) for name in bad}
    if templates.stage.cost.idle_hours:  # an endpoint that nobody asks writes nothing
        silent.add(templates.stage.name("idle"))
    assert {name for name, missing in missing_data.items() if missing == "breaching"} == silent
    assert set(missing_data.values()) == {"breaching", "notBreaching"}


def test_what_clients_feel_is_one_message_when_it_begins_and_one_when_it_is_over(
    templates: Templates,
) -> None:
    topic = templates.stage.arn("sns", templates.stage.name("alerts"))
    [felt] = [a.properties for a in templates.resources("AWS::CloudWatch::CompositeAlarm")]
    assert felt["AlarmName"] == templates.stage.name("customers-feel-it")
    assert (felt["AlarmActions"], felt["OKActions"]) == ([topic], [topic])
    silent = {
        alarm.properties["AlarmName"]
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
        if not alarm.properties.get("AlarmActions")
    }
    assert set(re.findall(r'ALARM\("([^"]+)"\)', felt["AlarmRule"])) == silent
    assert silent == {templates.stage.name(slug) for slug in FELT}


def test_a_stage_without_a_probe_has_nothing_of_it(prod: Templates, tmp_path: Path) -> None:
    made = synthesise("prod", tmp_path, with_value("prod", "monitoring.probe_minutes", 0))

    def names(templates: Templates) -> set[str]:
        kinds = ("AWS::Lambda::Function", "AWS::Events::Rule", "AWS::CloudWatch::Alarm")
        found = [str(r.properties) for r in templates.resources(*kinds)]
        [felt] = templates.resources("AWS::CloudWatch::CompositeAlarm")
        return {
            name
            for name in ("probe.ask", "stars-prod-probe'", "probe-failed", "probe-slow")
            if any(name in text for text in [*found, felt.properties["AlarmRule"]])
        }

    assert names(made) == set()
    assert len(names(prod)) == 4


def test_every_machine_s_failures_ring(templates: Templates) -> None:
    watched = {
        dimension["Value"]
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
        if alarm.properties.get("MetricName") == "ExecutionsFailed"
        for dimension in alarm.properties["Dimensions"]
    }
    stage = templates.stage
    assert watched == {
        stage.arn("states", f"stateMachine:{stage.name(name)}")
        for name in ("preprocess", "learn", "release")
    }


def test_no_machine_hangs_in_silence(templates: Templates) -> None:
    stage = templates.stage
    watched = {
        dimension["Value"]
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
        if alarm.properties.get("MetricName") == "ExecutionsTimedOut"
        for dimension in alarm.properties["Dimensions"]
    }
    machines = list(templates.resources("AWS::StepFunctions::StateMachine"))
    names = [machine.properties["StateMachineName"] for machine in machines]
    assert watched == {stage.arn("states", f"stateMachine:{name}") for name in names}
    for machine in machines:
        definition = json.loads(text(machine.properties["DefinitionString"]))
        assert 3_600 <= definition["TimeoutSeconds"] <= 86_400


def test_the_dashboard_draws_what_alarms_look_at(templates: Templates) -> None:
    [dashboard] = templates.resources("AWS::CloudWatch::Dashboard")
    body = json.loads(text(dashboard.properties["DashboardBody"]))
    assert dashboard.properties["DashboardName"] == templates.stage.name()
    titles = [widget["properties"]["title"] for widget in body["widgets"]]
    assert len(titles) == len(set(titles)) >= 6
    drawn = json.dumps(body)
    for name in ("RejectedShare", "ModelErrors", "ObservationsDropped", "ModelLatency", "5XXError"):
        assert name in drawn
