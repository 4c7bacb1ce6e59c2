"""Functions and machines: what they run on, their environment, what they leave in the log."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest
from aws_cdk.assertions import Match

from lambdas import settings as all_settings
from lambdas.contract.names import SMOKE
from lambdas.settings import Settings, SettingsError

from .synthesis import Json, Resource, Templates, text

MAX_SECONDS = {
    "lambdas.preprocess.plan.handler": 900,
    "lambdas.preprocess.worker.handler": 900,
    "lambdas.preprocess.finish.handler": 300,
    "lambdas.preprocess.remove.handler": 300,
    "lambdas.learn.prepare.handler": 60,
    "lambdas.learn.conclude.handler": 60,
    "lambdas.learn.sign.handler": 120,
    "lambdas.ratings.rate.handler": 29,  # the gateway waits no longer
    "lambdas.release.validate.handler": 60,
    "lambdas.release.verify.handler": 60,
    "lambdas.release.golden.handler": 240,
    "lambdas.release.record.handler": 60,
    "lambdas.monitor.check.handler": 300,
    "lambdas.probe.ask.handler": 55,
}
FUNCTION, MACHINE = "AWS::Lambda::Function", "AWS::StepFunctions::StateMachine"
VERSION = "AWS::Lambda::Version"


def settings_of(function: Resource) -> type[Settings]:
    """The settings that the package of a function reads."""
    package = function.properties["Handler"].split(".")[1]
    found: type[Settings] = getattr(all_settings, f"{package.title()}Settings")
    return found


def environment_of(function: Resource) -> dict[str, str]:
    """A function's variables, with what is known after the deploy as `${...}`."""
    variables: Json = function.properties["Environment"]["Variables"]
    return {name: text(value) for name, value in variables.items()}


def unknown_variables(templates: Templates) -> list[str]:
    """Variables that no settings know, each with its function."""
    return [
        f"{function.where}: {name}"
        for function in templates.resources(FUNCTION)
        for name in environment_of(function)
        if name.lower() not in settings_of(function).__dataclass_fields__
    ]


def unready_functions(templates: Templates) -> list[str]:
    """Functions whose settings cannot be read from their template."""
    found = []
    for function in templates.resources(FUNCTION):
        try:
            settings_of(function).from_env(environment_of(function))
        except SettingsError as error:
            found.append(f"{function.where}: {error}")
    return found


def test_there_is_a_function_for_every_handler_and_no_other(templates: Templates) -> None:
    found = {
        f.properties["Handler"]: f.properties["Timeout"] for f in templates.resources(FUNCTION)
    }
    assert found == MAX_SECONDS


@pytest.mark.parametrize("handler", MAX_SECONDS)
def test_every_handler_is_there(handler: str) -> None:
    module = handler.rpartition(".")[0]
    assert importlib.util.find_spec(module) is not None


def test_a_worker_has_the_disk_for_a_shard_of_which_every_byte_is_set_aside_as_six(
    templates: Templates,
) -> None:
    (worker,) = (
        function
        for function in templates.resources(FUNCTION)
        if function.properties["Handler"] == "lambdas.preprocess.worker.handler"
    )
    shard_bytes = int(environment_of(worker)["MAX_SHARD_BYTES"])
    assert worker.properties["EphemeralStorage"]["Size"] * 2**20 >= 6 * shard_bytes


def test_functions_run_on_the_stage_s_runtime(templates: Templates) -> None:
    for function in templates.resources(FUNCTION):
        assert function.properties["Runtime"] == f"python{templates.stage.python_version}"
        assert function.properties["Architectures"] == [templates.stage.architecture]
        assert function.properties["MemorySize"] == 1769


def test_dev_and_prod_have_one_runtime(every_stage: dict[str, Templates]) -> None:
    assert every_stage["dev"].stage.runtime == every_stage["prod"].stage.runtime
    assert every_stage["prod"].stage.runtime.python == "3.13"


def test_every_function_has_a_role_of_its_own(templates: Templates) -> None:
    roles = [text(function.properties["Role"]) for function in templates.resources(FUNCTION)]
    assert len(set(roles)) == len(roles) == len(MAX_SECONDS)


def test_handlers_know_every_variable(templates: Templates) -> None:
    assert unknown_variables(templates) == []


def test_an_unknown_variable_would_be_found(prod: Templates) -> None:
    handler = "lambdas.learn.prepare.handler"
    environment = {"Variables": {"STAGE": "prod", "COLOUR": "red"}}
    added = prod.having("Learning", "Added", FUNCTION, Handler=handler, Environment=environment)
    assert unknown_variables(added) == ["Learning/Added: COLOUR"]


def test_handlers_can_read_what_their_stack_tells_them(templates: Templates) -> None:
    assert unready_functions(templates) == []


def test_a_variable_that_is_missing_would_be_found(prod: Templates) -> None:
    handler = "lambdas.learn.prepare.handler"
    environment: Json = {"Variables": {"STAGE": "prod"}}
    added = prod.having("Learning", "Added", FUNCTION, Handler=handler, Environment=environment)
    assert unready_functions(added) == ["Learning/Added: CURATED_BUCKET is not set"]


def test_settings_arrive_as_the_stage_says_them(prod: Templates) -> None:
    settings = {
        function.properties["Handler"]: settings_of(function).from_env(environment_of(function))
        for function in prod.resources(FUNCTION)
    }
    worker: Any = settings["lambdas.preprocess.worker.handler"]
    assert worker.curated_bucket == prod.stage.bucket_name("curated")
    assert worker.max_shard_bytes == prod.stage.data.max_shard_bytes
    monitor: Any = settings["lambdas.monitor.check.handler"]
    assert (monitor.alarms_needed, monitor.alarms_of) == (2, 3)
    assert monitor.alert_topic_arn == prod.stage.arn("sns", "review-stars-prod-alerts")
    assert json.loads(monitor.drift_config)
    release: Any = settings["lambdas.release.validate.handler"]
    assert tuple(release.alarm_names.split(",")) == prod.stage.guardrails


def test_probes_are_known_by_the_names_of_their_roles(templates: Templates) -> None:
    [answer] = [
        function
        for function in templates.resources(FUNCTION)
        if function.properties["Handler"] == "lambdas.ratings.rate.handler"
    ]
    probes = environment_of(answer)["PROBE_ROLES"].split(",")
    named = [role.properties.get("RoleName") for role in templates.resources("AWS::IAM::Role")]
    assert len(probes) == 4
    # Of a workflow, whose stack no stage deploys by itself.
    assert set(probes) - {templates.stage.role_name(SMOKE)} <= set(named)


def test_the_role_of_the_probe_asks_nobody_s_question(templates: Templates) -> None:
    roles = {
        function.properties["Handler"]: text(function.properties["Role"])
        for function in templates.resources(FUNCTION)
    }
    asking = roles["lambdas.probe.ask.handler"]
    [name] = [
        role.properties["RoleName"]
        for role in templates.resources("AWS::IAM::Role")
        if f"${{{role.id}.Arn}}" == asking
    ]
    [answer] = [
        function
        for function in templates.resources(FUNCTION)
        if function.properties["Handler"] == "lambdas.ratings.rate.handler"
    ]
    assert environment_of(answer)["ASKING_ROLE"] == name


def test_machines_log_every_step(templates: Templates) -> None:
    machines = list(templates.resources(MACHINE))
    assert {m.properties["StateMachineName"] for m in machines} == {
        templates.stage.name(name) for name in ("preprocess", "learn", "release")
    }
    for machine in machines:
        logging = machine.properties["LoggingConfiguration"]
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", True)
        [destination] = logging["Destinations"]
        group, attribute = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"]
        assert attribute == "Arn"
        name = templates.stacks[machine.stack]["Resources"][group]["Properties"]["LogGroupName"]
        # Under this name CloudWatch Logs keeps its resource policy short: 5,120 characters in all.
        assert name.startswith("/aws/vendedlogs/states/")


def unpublished(templates: Templates) -> list[str]:
    """What machines call, other than a published version that outlives its replacement."""
    kept = {
        f"${{{version.id}}}"
        for version in templates.resources(VERSION)
        if (version.body["DeletionPolicy"], version.body["UpdateReplacePolicy"])
        == ("RetainExceptOnCreate", "Retain")
    }
    return [
        f"{machine.where}: {name}"
        for machine in templates.resources(MACHINE)
        for name in called(json.loads(text(machine.properties["DefinitionString"])))
        if name not in kept
    ]


def called(states: object) -> list[str]:
    """The functions that a definition calls, wherever in it."""
    match states:
        case {"Type": "Task", "Resource": str(resource)} if not resource.startswith("arn:"):
            return [resource]
        case dict():
            return [name for state in states.values() for name in called(state)]
        case list():
            return [name for state in states for name in called(state)]
    return []


def test_machines_call_published_versions_that_stay(templates: Templates) -> None:
    """An execution ends with the code it began with, and a version of a failed deploy goes."""
    assert unpublished(templates) == []


def test_a_function_that_is_called_as_it_is_now_would_be_found(prod: Templates) -> None:
    state = {"Type": "Task", "Resource": "${Worker.Arn}", "End": True}
    states = {"Map": {"Type": "Map", "ItemProcessor": {"States": {"A": state}}, "End": True}}
    definition = json.dumps({"StartAt": "Map", "States": states})
    added = prod.having("Learning", "Added", MACHINE, DefinitionString=definition)
    assert unpublished(added) == ["Learning/Added: ${Worker.Arn}"]

    def forget(resources: Json) -> None:
        for body in resources.values():
            if body["Type"] == VERSION:
                body["DeletionPolicy"] = body["UpdateReplacePolicy"] = "Delete"

    assert len(unpublished(prod.broken("Preprocessing", forget))) == 4


def test_a_machine_may_start_and_use_what_it_names(templates: Templates) -> None:
    """The functions of a definition are those that its role may call, in every version."""
    for machine in templates.resources(MACHINE):
        definition = text(machine.properties["DefinitionString"])
        functions = {
            f"{text(version.properties['FunctionName']).replace('}', '.Arn}')}:*"
            for version in templates.resources(VERSION)
            if version.stack == machine.stack and f"${{{version.id}}}" in definition
        }
        role = machine.properties["RoleArn"]["Fn::GetAtt"][0]
        callable_ = {
            text(resource)
            for policy in templates.resources("AWS::IAM::Policy")
            if policy.stack == machine.stack and {"Ref": role} in policy.properties["Roles"]
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Action"] == "lambda:InvokeFunction"
            for resource in (
                statement["Resource"]
                if isinstance(statement["Resource"], list)
                else [statement["Resource"]]
            )
        }
        assert functions == callable_


def test_workers_run_side_by_side_under_a_distributed_map(templates: Templates) -> None:
    [machine] = [m for m in templates.resources(MACHINE) if m.stack == "Preprocessing"]
    states = json.loads(text(machine.properties["DefinitionString"]))["States"]
    refine = states["RefineShards"]
    assert refine["ItemProcessor"]["ProcessorConfig"] == {
        "Mode": "DISTRIBUTED",
        "ExecutionType": "STANDARD",
    }
    assert refine["MaxConcurrency"] == templates.stage.data.max_concurrency
    # jsii drops None: without this the workers' results would replace the input of FinishDataset.
    assert refine["ResultPath"] is None
    assert refine["ItemReader"]["ReaderConfig"] == {"InputType": "JSONL"}


@pytest.mark.parametrize("detail_type", ["Object Created", "Object Deleted"])
def test_arrivals_and_deletions_are_tried_for_a_day(templates: Templates, detail_type: str) -> None:
    templates.of("Preprocessing").has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.s3"],
                "detail-type": [detail_type],
                "detail": {
                    "bucket": {"name": [templates.stage.bucket_name("raw")]},
                    "object": {"key": [{"prefix": "incoming/"}]},
                },
            },
            "Targets": [
                Match.object_like(
                    {
                        "RetryPolicy": {
                            "MaximumEventAgeInSeconds": 86400,
                            "MaximumRetryAttempts": 185,
                        }
                    }
                )
            ],
        },
    )
