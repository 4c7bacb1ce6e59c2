"""Two stages in one account: no right of the first reaches what is the second's.

The label of the second begins with that of the first, as `dev` and `dev-two`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest

from infra.stage import Stage, StageError

from .policies import statements
from .synthesis import STAGES, Json, Resource, Templates, listed, synthesise, text
from .test_infra_sweeps import granting

# What the account has once and all stages share, or what is bound by a condition.
SHARED = (
    r"\*",
    r"arn:aws:sagemaker:[^:]+:\d+:(training|processing)-job/pipelines-\*",
    r"arn:aws:sagemaker:[^:]+:\d+:\*",  # trust: SageMaker for this account's own jobs
    r"arn:aws:logs:[^:]+:\d+:log-group:/aws/sagemaker/(Training|Processing)Jobs\*",
    r"arn:aws:application-autoscaling:[^:]+:\d+:scalable-target/\*",
    r"arn:aws:budgets::\d+:\*",
)
OF_A_KEY = ("s3:prefix",)  # keys of one bucket, which the statement names


def patterns(templates: Templates) -> Iterator[tuple[str, str]]:
    """Every ARN or name with a wildcard that a statement names, and where it stands."""
    for statement in statements(templates):
        conditions = (
            text(value)
            for keys in statement.conditions.values()
            for key, values in keys.items()
            if key not in OF_A_KEY
            for value in listed(values)
        )
        for found in (*statement.resources, *conditions):
            if "*" in found and not any(re.fullmatch(shared, found) for shared in SHARED):
                yield statement.where, found


def arns(templates: Templates) -> set[str]:
    """What a stage's resources are called: as it names them, and as its statements do."""
    named = {pattern.replace("*", "x") for _, pattern in patterns(templates)}
    for statement in statements(templates):
        named |= {resource for resource in statement.resources if "*" not in resource}
    for resource in templates.resources():
        named |= set(_arns_of(templates.stage, resource))
    return named


def _arns_of(stage: Stage, resource: Resource) -> Iterator[str]:
    member, form = NAMES.get(resource.kind, ("", ""))
    if member in resource.properties:
        name = text(resource.properties[member])
    else:  # CloudFormation makes it of the stack's name
        name = f"{stage.stack_name(resource.stack)}-{resource.id}-1A2B"
    if form:
        yield stage.arn(*form.split("|")).replace("NAME", name)


NAMES = {
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch|alarm:NAME"),
    "AWS::Events::Rule": ("Name", "events|rule/NAME"),
    "AWS::Lambda::Function": ("FunctionName", "lambda|function:NAME"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs|log-group:NAME"),
    "AWS::SageMaker::Pipeline": ("PipelineName", "sagemaker|pipeline/NAME"),
    "AWS::SageMaker::Endpoint": ("EndpointName", "sagemaker|endpoint/NAME"),
    "AWS::SageMaker::ModelPackageGroup": (
        "ModelPackageGroupName",
        "sagemaker|model-package-group/NAME",
    ),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", "states|stateMachine:NAME"),
    "AWS::SNS::Topic": ("TopicName", "sns|NAME"),
    "AWS::SQS::Queue": ("QueueName", "sqs|NAME"),
    "AWS::KinesisFirehose::DeliveryStream": ("DeliveryStreamName", "firehose|deliverystream/NAME"),
}


def reaching(first: Templates, second: Templates) -> list[str]:
    """Patterns of the first stage that fit something of the second's."""
    theirs = {arn for arn in arns(second) if second.stage.name() in arn}
    return sorted(
        f"{where}: {pattern} fits {arn}"
        for where, pattern in set(patterns(first))
        for arn in theirs
        if fnmatchcase(arn, pattern)
    )


def neighbour(label: str, folder: Path) -> Templates:
    """The same stage once more, under a label that begins with its own."""
    stage = msgspec.structs.replace(Stage.read(label), label=f"{label}-two")
    return synthesise(label, folder, stage)


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Templates]:
    return {label: neighbour(label, tmp_path_factory.mktemp(label)) for label in STAGES}


def test_no_right_of_a_stage_reaches_one_whose_label_begins_with_its_own(
    every_stage: dict[str, Templates], neighbours: dict[str, Templates]
) -> None:
    for label, templates in every_stage.items():
        assert len(list(patterns(templates))) > 20
        assert reaching(templates, neighbours[label]) == []


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("sagemaker:DeleteModel", "arn:aws:sagemaker:us-east-1:222222222222:model/{}-*"),
        ("logs:PutLogEvents", "arn:aws:logs:us-east-1:222222222222:log-group:{}-*"),
        ("states:StartExecution", "arn:aws:states:us-east-1:222222222222:stateMachine:{}-*"),
        ("cloudwatch:DeleteAlarms", "arn:aws:cloudwatch:us-east-1:222222222222:alarm:{}*"),
    ],
)
def test_a_right_that_does_would_be_found(
    prod: Templates, neighbours: dict[str, Templates], action: str, resource: str
) -> None:
    added = granting(prod, action, resource.format(prod.stage.name()))
    found = reaching(added, neighbours["prod"])
    assert found
    assert all(line.startswith("Preprocessing/Added: ") for line in found)


def test_a_label_with_the_name_of_a_stack_in_it_is_refused(tmp_path: Path) -> None:
    """`log-group:review-stars-dev-serving-*` is of the stage dev alone."""
    values: Json = msgspec.yaml.decode((Path("configs") / "dev.yaml").read_bytes())
    (tmp_path / "dev-serving.yaml").write_bytes(msgspec.yaml.encode(values))
    with pytest.raises(StageError, match="has the name of a stack in it, serving"):
        Stage.read("dev-serving", tmp_path)
