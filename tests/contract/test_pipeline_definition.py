"""The pipeline's definition against SageMaker's own API shapes, offline.

Each step's arguments are those of an API call (botocore knows its members, types and enums), but
for the names that Pipelines chooses and for variables, which are known only when it runs. What no
API shape describes, conditions, failures, references between steps, is checked by hand.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape
from botocore.validate import ParamValidator

from infra.pipeline.pipeline import Resources, definition
from infra.stage import Stage, stages
from lambdas.contract import pipeline as names

Json = dict[str, Any]
SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")

# The call that a step makes, and the members that Pipelines adds.
CALLS: dict[str, tuple[str, Json]] = {
    "Training": ("CreateTrainingJob", {"TrainingJobName": "pipelines-x"}),
    "Processing": ("CreateProcessingJob", {"ProcessingJobName": "pipelines-x"}),
    "RegisterModel": ("CreateModelPackage", {}),
}
# Members of the API that Pipelines refuses or makes itself.
NOT_IN_PIPELINES = {"ExperimentConfig", "Tags"}
MEMBERS = {
    "Training": {"Name", "Type", "Arguments", "RetryPolicies", "CacheConfig"},
    "Processing": {"Name", "Type", "Arguments", "RetryPolicies", "CacheConfig", "PropertyFiles"},
    "RegisterModel": {"Name", "Type", "Arguments"},
    "Condition": {"Name", "Type", "Arguments"},
    "Fail": {"Name", "Type", "Arguments", "DependsOn"},
    "Lambda": {"Name", "Type", "Arguments", "FunctionArn", "OutputParameters"},
}
VARIABLES = {"Get", "Std:Join", "Std:JsonGet"}
SAMPLES = {"integer": 1, "long": 1, "float": 1.0, "double": 1.0, "boolean": True}
EXECUTION = {"PipelineExecutionId", "PipelineExecutionArn", "PipelineName", "PipelineArn"}
RESOURCES = Resources(
    image_uri="222222222222.dkr.ecr.us-east-1.amazonaws.com/review-stars:1",
    role_arn="arn:aws:iam::222222222222:role/review-stars-prod-jobs",
    tracking_role_arn="arn:aws:iam::222222222222:role/review-stars-prod-sender",
    key_arn="arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555",
    curated_bucket="review-stars-prod-curated",
    models_bucket="review-stars-prod-models",
    model_package_group="review-stars-prod",
    tracking={},
    sign_function="arn:aws:lambda:us-east-1:222222222222:function:review-stars-prod-sign:1",
)


def made(stage: str = "prod") -> Json:
    """The definition of a stage."""
    return definition(Stage.read(stage), RESOURCES)


def every_step(steps: list[Json]) -> Iterator[Json]:
    """All steps, those of both ways of a condition too."""
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            yield from every_step(step["Arguments"]["IfSteps"])
            yield from every_step(step["Arguments"]["ElseSteps"])


def is_variable(value: object) -> bool:
    """Whether a value is known only when the pipeline runs."""
    return isinstance(value, dict) and bool(value.keys() & VARIABLES)


def resolved(value: Any, shape: Shape) -> Any:
    """A value with a sample of the right type in place of each variable."""
    if is_variable(value):
        return SAMPLES.get(shape.type_name, "x" * max(1, shape.metadata.get("min", 1)))
    if isinstance(value, dict) and shape.type_name == "structure":
        return {
            k: resolved(v, shape.members[k]) if k in shape.members else v for k, v in value.items()
        }
    if isinstance(value, dict) and shape.type_name == "map":
        return {k: resolved(v, shape.value) for k, v in value.items()}
    if isinstance(value, list) and shape.type_name == "list":
        return [resolved(v, shape.member) for v in value]
    return value


def unknown(value: Any, shape: Shape, path: str) -> Iterator[str]:
    """Members and words that the API does not know; botocore lets both pass."""
    if isinstance(value, dict) and shape.type_name == "structure":
        for name, inner in value.items():
            if name not in shape.members:
                yield f"{path}.{name}: unknown"
            else:
                yield from unknown(inner, shape.members[name], f"{path}.{name}")
    elif isinstance(value, list) and shape.type_name == "list":
        for position, inner in enumerate(value):
            yield from unknown(inner, shape.member, f"{path}[{position}]")
    elif isinstance(value, str) and not is_sample(value):
        words = getattr(shape, "enum", [])
        if words and value not in words:
            yield f"{path}: {value!r} is not in the enum"
        pattern = shape.metadata.get("pattern")
        if pattern and is_plain(pattern) and not re.fullmatch(pattern, value):
            yield f"{path}: {value!r} does not fit {pattern}"


def is_sample(value: str) -> bool:
    """Whether a text stands for a variable."""
    return set(value) == {"x"}


def is_plain(pattern: str) -> bool:
    """Whether Python reads a pattern of the API as Java does."""
    return "\\p{" not in pattern and "&&" not in pattern


def shape_faults(steps: list[Json]) -> list[str]:
    """What the API would refuse of the arguments of each step."""
    found = []
    for step in every_step(steps):
        if step["Type"] not in CALLS:
            continue
        call, added = CALLS[step["Type"]]
        shape = SAGEMAKER.operation_model(call).input_shape
        arguments = {**resolved(copy.deepcopy(step["Arguments"]), shape), **added}
        report = ParamValidator().validate(arguments, shape)
        if report.has_errors():
            found.append(f"{step['Name']}: {report.generate_report()}")
        found += unknown(arguments, shape, step["Name"])
        found += [
            f"{step['Name']}.{m}: not in Pipelines" for m in arguments if m in NOT_IN_PIPELINES
        ]
    return found


def references(value: Any) -> Iterator[str]:
    """Everything that a body gets from elsewhere (`Steps.Train.ModelArtifacts...`)."""
    if isinstance(value, dict):
        if isinstance(value.get("Get"), str):
            yield value["Get"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def dangling(body: Json) -> list[str]:
    """References that lead nowhere: to no parameter, no step, no output, no file."""
    parameters = {parameter["Name"] for parameter in body["Parameters"]}
    steps = {step["Name"]: step for step in every_step(body["Steps"])}
    found = []
    for reference in references(body["Steps"]):
        kind, name, *path = re.findall(r"[^.\[\]']+", reference)
        if kind == "Parameters":
            fine = name in parameters and not path
        elif kind == "Execution":
            fine = name in EXECUTION and not path
        else:
            fine = kind == "Steps" and name in steps and leads_to(steps[name], path)
        if not fine:
            found.append(reference)
    return found


def leads_to(step: Json, path: list[str]) -> bool:
    """Whether a step has what is asked of it: a file, an output, a member of its description."""
    if path[:1] == ["PropertyFiles"]:
        names = [file["PropertyFileName"] for file in step.get("PropertyFiles", [])]
        return len(path) == 2 and path[1] in names
    if path[:2] == ["ProcessingOutputConfig", "Outputs"]:
        outputs = step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
        named = path[2] in [output["OutputName"] for output in outputs]
        return named and path[3:] == ["S3Output", "S3Uri"]
    if path[:1] == ["OutputParameters"]:
        return path[1:] in [[output["OutputName"]] for output in step["OutputParameters"]]
    describe = CALLS[step["Type"]][0].replace("Create", "Describe")
    shape = SAGEMAKER.operation_model(describe).output_shape
    for member in path:
        if shape.type_name != "structure" or member not in shape.members:
            return False
        shape = shape.members[member]
    return True


def form_faults(body: Json) -> list[str]:
    """What is wrong with the definition around the arguments."""
    steps = list(every_step(body["Steps"]))
    names = [step["Name"] for step in steps]
    found = [f"{name}: twice" for name in {n for n in names if names.count(n) > 1}]
    for step in steps:
        found += [f"{step['Name']}.{m}: unknown" for m in step.keys() - MEMBERS[step["Type"]]]
        found += [f"{step['Name']}: after {s}" for s in step.get("DependsOn", []) if s not in names]
        cache = step.get("CacheConfig")
        if cache and not re.fullmatch(r"P\d+D", cache["ExpireAfter"]):
            found.append(f"{step['Name']}: cached for {cache['ExpireAfter']}")
        if step["Type"] == "Fail" and set(step["Arguments"]) != {"ErrorMessage"}:
            found.append(f"{step['Name']}: a failure has an ErrorMessage")
        for file in step.get("PropertyFiles", []):
            outputs = step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
            if file["OutputName"] not in [output["OutputName"] for output in outputs]:
                found.append(f"{step['Name']}: no output {file['OutputName']}")
    return found


@pytest.mark.parametrize("stage", stages())
def test_the_api_would_take_every_step(stage: str) -> None:
    body = made(stage)
    assert [step["Type"] for step in every_step(body["Steps"])] == [
        "Training",
        "Processing",
        "Processing",
        "Condition",
        "Lambda",
        "RegisterModel",
        "Fail",
    ]
    assert shape_faults(body["Steps"]) == []


@pytest.mark.parametrize("stage", stages())
def test_every_reference_leads_somewhere(stage: str) -> None:
    body = made(stage)
    assert len(list(references(body["Steps"]))) > 20
    assert dangling(body) == []


@pytest.mark.parametrize("stage", stages())
def test_the_definition_has_the_form_of_pipelines(stage: str) -> None:
    body = made(stage)
    assert body["Version"] == "2020-12-01"
    assert form_faults(body) == []


def test_no_parameter_is_idle() -> None:
    body = made()
    used = {r.partition(".")[2] for r in references(body["Steps"]) if r.startswith("Parameters.")}
    assert used == {*names.SENT, names.TRACKING_URI, names.MODEL_APPROVAL_STATUS}


def step(body: Json, name: str) -> Json:
    """One step, wherever it stands."""
    [found] = [step for step in every_step(body["Steps"]) if step["Name"] == name]
    return found


def arguments(body: Json, name: str) -> Json:
    """The arguments of a step."""
    found: Json = step(body, name)["Arguments"]
    return found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda b: arguments(b, "Train")["ResourceConfig"].update(VolumeSizeInGb=30),
            "Train.ResourceConfig.VolumeSizeInGb: unknown",
        ),
        (
            lambda b: arguments(b, "Train")["ResourceConfig"].update(InstanceType="ml.huge"),
            "Train.ResourceConfig.InstanceType: 'ml.huge' is not in the enum",
        ),
        (
            lambda b: arguments(b, "Train").pop("RoleArn"),
            'Train: Missing required parameter in input: "RoleArn"',
        ),
        (
            lambda b: arguments(b, "Evaluate")["StoppingCondition"].update(MaxRuntimeInSeconds="1"),
            "Evaluate: Invalid type for parameter StoppingCondition.MaxRuntimeInSeconds",
        ),
        (
            lambda b: arguments(b, "Register").update(ModelApprovalState="Approved"),
            "Register.ModelApprovalState: unknown",
        ),
        (
            lambda b: arguments(b, "Register").update(ModelPackageGroupName="review stars"),
            "Register.ModelPackageGroupName: 'review stars' does not fit",
        ),
        (
            lambda b: arguments(b, "Track").update(ExperimentConfig={}),
            "Track.ExperimentConfig: not in Pipelines",
        ),
    ],
)
def test_what_the_api_would_refuse_would_be_found(
    change: Callable[[Json], object], found: str
) -> None:
    body = copy.deepcopy(made())
    change(body)
    assert any(line.startswith(found) for line in shape_faults(body["Steps"]))


@pytest.mark.parametrize(
    "reference",
    [
        "Parameters.DatasetUri",
        "Execution.PipelineExecutionID",
        "Steps.Training.ModelArtifacts.S3ModelArtifacts",
        "Steps.Train.ModelArtifacts.S3ModelArtefacts",
        "Steps.Evaluate.PropertyFiles.Gate",
        "Steps.Sign.OutputParameters['uri']",
        "Steps.Evaluate.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri",
    ],
)
def test_a_reference_that_leads_nowhere_would_be_found(reference: str) -> None:
    body = copy.deepcopy(made())
    arguments(body, "Train")["HyperParameters"]["folds"] = {"Get": reference}
    assert dangling(body) == [reference]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda b: step(b, "Refused").update(DependsOn=["Trace"]), "Refused: after Trace"),
        (lambda b: step(b, "Train").update(CacheConfigs={}), "Train.CacheConfigs: unknown"),
        (lambda b: step(b, "Track").update(Name="Train"), "Train: twice"),
        (
            lambda b: step(b, "Train").update(CacheConfig={"ExpireAfter": "30 days"}),
            "Train: cached for 30 days",
        ),
        (
            lambda b: step(b, "Refused").update(Arguments={"Message": "no"}),
            "Refused: a failure has an ErrorMessage",
        ),
        (
            lambda b: step(b, "Evaluate")["PropertyFiles"][0].update(OutputName="report"),
            "Evaluate: no output report",
        ),
    ],
)
def test_a_wrong_form_would_be_found(change: Callable[[Json], object], found: str) -> None:
    body = copy.deepcopy(made())
    change(body)
    assert found in form_faults(body)
