"""What only production meets: full accounts, key policies, logs of services, ends of data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .policies import statements
from .synthesis import Json, Templates, synthesise, text, with_value

JOB_ROLES = ("TrainingJobs", "TrainingSender", "BatchRole")


def rights(templates: Templates, holder: str) -> set[tuple[str, str, str]]:
    """What a role may do: action, resource, and its condition's value."""
    return {
        (action, resource, json.dumps(grant.conditions.get("StringEquals", {})))
        for grant in statements(templates, "identity")
        if grant.holder.id.startswith(holder)
        for action in grant.actions
        for resource in grant.resources
    }


def functions(templates: Templates) -> dict[str, Json]:
    """The properties of every function, by its handler."""
    return {
        f.properties["Handler"].removeprefix("lambdas.").removesuffix(".handler"): f.properties
        for f in templates.resources("AWS::Lambda::Function")
        if "Handler" in f.properties
    }


@pytest.mark.parametrize("role", JOB_ROLES)
def test_a_job_encrypts_its_outputs_and_counts_its_use(templates: Templates, role: str) -> None:
    granted = rights(templates, role)
    on_key = {action for action, resource, _ in granted if "KeysData" in resource}
    assert {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"} <= on_key
    spaces = {space for action, _, space in granted if action == "cloudwatch:PutMetricData"}
    assert '{"cloudwatch:namespace": "/aws/sagemaker/ProcessingJobs"}' in spaces
    assert all("/aws/sagemaker/" in space for space in spaces)


def test_only_jobs_with_a_volume_of_our_key_hand_that_key_on(templates: Templates) -> None:
    """`make predict` names no key for its volume."""
    assert not {a for a, _, _ in rights(templates, "Batch") if a == "kms:CreateGrant"}
    [made] = templates.resources("AWS::SageMaker::Pipeline")
    assert "VolumeKmsKeyId" in text(made.properties["PipelineDefinition"]["PipelineDefinitionBody"])
    assert {a for a, _, _ in rights(templates, "TrainingJobs") if a == "kms:CreateGrant"}


def test_the_endpoint_writes_into_a_log_that_the_stack_made(templates: Templates) -> None:
    name = f"/aws/sagemaker/Endpoints/{templates.stage.name()}"
    [log] = [
        g
        for g in templates.resources("AWS::Logs::LogGroup")
        if g.properties.get("LogGroupName") == name
    ]
    assert {"KmsKeyId", "RetentionInDays"} <= log.properties.keys()
    granted = {(a, r) for a, r, _ in rights(templates, "ModelRole") if a.startswith("logs:")}
    actions = ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents")
    assert granted == {(action, f"${{{log.id}.Arn}}") for action in actions}


def expiring(templates: Templates, bucket: str) -> int | None:
    """After how many days every object of a bucket goes; None where it never does."""
    [found] = [
        b.properties
        for b in templates.resources("AWS::S3::Bucket")
        if b.properties["BucketName"] == templates.stage.bucket_name(bucket)
    ]
    rules = found["LifecycleConfiguration"]["Rules"]
    whole = [rule for rule in rules if "Prefix" not in rule]
    assert any("NoncurrentVersionExpiration" in rule for rule in whole), bucket
    days = [rule["ExpirationInDays"] for rule in whole if "ExpirationInDays" in rule]
    assert any(rule.get("ExpiredObjectDeleteMarker") for rule in whole) == bool(days)
    return days[0] if days else None


def test_every_kind_of_data_has_the_end_that_the_stage_gives_it(templates: Templates) -> None:
    kept = templates.stage.data
    assert {b: expiring(templates, b) for b in ("raw", "observations", "audit", "logs")} == {
        "raw": kept.raw_days,
        "observations": kept.observations_days,
        "audit": kept.audit_days,
        "logs": kept.access_log_days,
    }
    assert expiring(templates, "curated") is expiring(templates, "models") is None


def test_zero_days_are_for_ever(tmp_path: Path) -> None:
    made = synthesise("prod", tmp_path, with_value("prod", "data.raw_days", 0))
    assert expiring(made, "raw") is None


def test_bulk_work_leaves_the_api_its_share(prod: Templates) -> None:
    reserved = {
        name: f["ReservedConcurrentExecutions"]
        for name, f in functions(prod).items()
        if "ReservedConcurrentExecutions" in f
    }
    stage = prod.stage
    assert reserved == {
        "ratings.rate": stage.api.reserved_concurrency,
        "preprocess.worker": stage.data.worker_concurrency,
    }
    assert min(reserved.values()) > 0
    assert sum(reserved.values()) <= stage.runtime.account_concurrency - 100


def test_a_stage_of_a_new_account_reserves_nothing(every_stage: dict[str, Templates]) -> None:
    """Such an account has ten executions, and Lambda lets none of them be reserved."""
    for label in ("dev", "local"):
        made = functions(every_stage[label]).values()
        assert not any("ReservedConcurrentExecutions" in f for f in made)


def test_a_worker_waits_for_its_turn_for_hours(prod: Templates) -> None:
    """All files together have so many workers: another file's may take their 15 minutes each."""
    [machine] = [
        m
        for m in prod.resources("AWS::StepFunctions::StateMachine")
        if m.properties["StateMachineName"] == prod.stage.name("preprocess")
    ]
    definition = text(machine.properties["DefinitionString"])
    worker = json.loads(definition)["States"]["RefineShards"]["ItemProcessor"]["States"]
    [throttled] = [
        r
        for r in worker["RefineShard"]["Retry"]
        if "Lambda.TooManyRequestsException" in r["ErrorEquals"]
    ]
    mean_wait = throttled["MaxAttempts"] * throttled["MaxDelaySeconds"] / 2
    assert mean_wait > 4 * 3_600
