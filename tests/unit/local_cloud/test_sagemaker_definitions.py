"""Pipeline definitions: what they say, what they may refer to, and which ones are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.sagemaker.pipelines import cache, definitions, expressions
from local_cloud.sagemaker.pipelines.conditions import ConditionError, all_hold, holds
from local_cloud.sagemaker.pipelines.definitions import (
    DefinitionError,
    needs,
    parameter_values,
    parse,
)
from local_cloud.sagemaker.pipelines.expressions import ExpressionError, Values, resolve

JOB = {
    "ProcessingOutputConfig": {
        "Outputs": [{"OutputName": "report", "S3Output": {"S3Uri": "s3://models/report"}}]
    },
    "ModelArtifacts": {"S3ModelArtifacts": "s3://models/model.tar.gz"},
}
VALUES = Values(
    parameters={"Rows": 7, "Group": "stars"},
    execution={"PipelineExecutionId": "abc"},
    step=lambda name: JOB,
    property_file=lambda step, name: {"metrics": [{"name": "mae", "value": 0.4}]},
    object_text=lambda uri: '{"accuracy": 0.7}' if uri == "s3://models/e.json" else "not json",
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Get": "Parameters.Rows"}, 7),
        ({"Get": "Execution.PipelineExecutionId"}, "abc"),
        ({"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}, "s3://models/model.tar.gz"),
        (
            {"Get": "Steps.E.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"},
            "s3://models/report",
        ),
        ({"Get": "Steps.E.ProcessingOutputConfig.Outputs[0].OutputName"}, "report"),
        (
            {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Group"}, 7, True]}},
            "s3://stars/7/true",
        ),
        ({"Std:JsonGet": {"S3Uri": "s3://models/e.json", "Path": "accuracy"}}, 0.7),
        ({"a": [{"Get": "Parameters.Rows"}, "text"]}, {"a": [7, "text"]}),
    ],
)
def test_an_expression_becomes_what_it_stands_for(expression: Any, value: Any) -> None:
    assert resolve(expression, VALUES) == value


def test_a_property_file_is_read_by_its_path() -> None:
    reference = {"Get": "Steps.E.PropertyFiles.Evaluation"}
    expression = {"Std:JsonGet": {"PropertyFile": reference, "Path": "metrics[0].value"}}
    assert resolve(expression, VALUES) == 0.4


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"Get": "Parameters.Nope"}, "Unknown parameter Nope"),
        ({"Get": "Execution.Nope"}, "Unknown execution variable"),
        ({"Get": "Steps.Train.ModelArtifacts.Nope"}, "step Train: nothing at 'Nope'"),
        ({"Get": "Steps.E.ProcessingOutputConfig.Outputs[5]"}, "nothing at '5'"),
        ({"Get": "Elsewhere.X"}, "only Parameters, Steps and Execution"),
        ({"Get": "Steps.Train.!b"}, "cannot read the path"),
        ({"Std:Split": {}}, "Std:Split is not a function"),
        ({"Std:JsonGet": {"PropertyFile": "report", "Path": "x"}}, "needs PropertyFile"),
        ({"Std:JsonGet": {"S3Uri": "s3://models/other", "Path": "x"}}, "is not JSON"),
    ],
)
def test_an_expression_that_points_to_nothing_says_which_part(
    expression: Any, message: str
) -> None:
    with pytest.raises(ExpressionError, match=message):
        resolve(expression, VALUES)


def test_the_steps_that_an_expression_needs_are_found_at_any_depth() -> None:
    inside = [{"Get": "Steps.Train.X"}, {"y": {"Std:Join": {"Values": [{"Get": "Steps.E.Y[0]"}]}}}]
    assert set(expressions.references({"a": inside, "b": {"Get": "Parameters.P"}})) == {
        "Train",
        "E",
    }


def condition(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def same(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("kind", "left", "right", "outcome"),
    [
        ("Equals", "a", "a", True),
        ("Equals", 1, 1.0, True),
        ("Equals", True, False, False),
        ("GreaterThan", 2, 1, True),
        ("GreaterThan", 1, 1, False),
        ("GreaterThanOrEqualTo", 1, 1, True),
        ("LessThan", 0.1, 0.2, True),
        ("LessThanOrEqualTo", 0.3, 0.2, False),
    ],
)
def test_a_condition_compares(kind: str, left: Any, right: Any, outcome: bool) -> None:
    assert holds(condition(kind, left, right), same) is outcome


def test_conditions_combine() -> None:
    yes, no = condition("Equals", 1, 1), condition("Equals", 1, 2)
    assert holds({"Type": "Not", "Expression": no}, same)
    assert holds({"Type": "Or", "Conditions": [no, yes]}, same)
    assert not holds({"Type": "And", "Conditions": [no, yes]}, same)
    assert holds({"Type": "In", "QueryValue": "b", "Values": ["a", "b"]}, same)
    assert all_hold([yes, yes], same)
    assert not all_hold([yes, no], same)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (condition("Equals", "1", 1), "cannot compare a string with a number"),
        (condition("Equals", True, 1), "cannot compare a boolean with a number"),
        (condition("LessThan", "a", "b"), "compares numbers, not a string"),
        (condition("Resembles", 1, 1), "'Resembles' is not a type of condition"),
    ],
)
def test_what_cannot_be_compared_is_refused_and_not_guessed(wrong: Any, message: str) -> None:
    with pytest.raises(ConditionError, match=message):
        holds(wrong, same)


def step(name: str, kind: str = "Fail", **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": {"ErrorMessage": "x"}, **more}


def definition(*steps: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": definitions.VERSION, "Steps": list(steps), **more})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Unable to parse pipeline definition as JSON"),
        (json.dumps({"Version": "1", "Steps": [step("A")]}), "Version must be"),
        (definition(), "no Steps"),
        (definition(step("A"), step("A")), "must be unique"),
        (definition(step("")), "not empty"),
        (definition(step("A", "Tuning")), "type 'Tuning' does not run on this machine"),
        (definition(step("A", DependsOn=["B"])), r"unknown steps \['B'\]"),
        (definition(step("A", DependsOn=["B"]), step("B", DependsOn=["A"])), "wait for each other"),
        (
            definition(
                step("A"), Parameters=[{"Name": "P", "Type": "Integer", "DefaultValue": 1.5}]
            ),
            "Parameter P is of type Integer",
        ),
        (
            definition(step("A"), Parameters=[{"Name": "P", "Type": "Text", "DefaultValue": "x"}]),
            "'Text' is not a type of parameter",
        ),
        (" " * (definitions.MAX_CHARACTERS + 1), "more than 1048576 characters"),
    ],
)
def test_a_bad_definition_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        parse(text)


def test_a_step_inside_a_branch_may_refer_to_one_outside() -> None:
    inner = step("Inner", Arguments={"ErrorMessage": {"Get": "Steps.First.X"}})
    gate = {"Name": "Gate", "Type": "Condition", "Arguments": {"IfSteps": [inner]}}
    found = parse(definition(step("First"), gate))
    assert [item["Name"] for item in definitions.all_steps(found["Steps"])] == [
        "First",
        "Gate",
        "Inner",
    ]
    assert needs(inner) == {"First"}
    assert needs(gate) == set()  # what its branches need, they wait for themselves


PARAMETERS = {
    "Parameters": [
        {"Name": "Rows", "Type": "Integer", "DefaultValue": 3},
        {"Name": "Share", "Type": "Float"},
        {"Name": "Deep", "Type": "Boolean", "DefaultValue": False},
        {"Name": "Kind", "EnumValues": ["views", "plain"], "DefaultValue": "views"},
    ]
}


def test_parameters_take_their_types_and_their_defaults() -> None:
    given = [{"Name": "Share", "Value": "0.5"}, {"Name": "Deep", "Value": "TRUE"}]
    assert parameter_values(PARAMETERS, given) == {
        "Rows": 3,
        "Share": 0.5,
        "Deep": True,
        "Kind": "views",
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "Parameter Share has no default"),
        ([{"Name": "Nope", "Value": "1"}], "not defined in the pipeline"),
        ([{"Name": "Share", "Value": "much"}], "of type Float"),
        ([{"Name": "Share", "Value": "1"}, {"Name": "Kind", "Value": "odd"}], "one of"),
        ([{"Name": "Share", "Value": "1"}, {"Name": "Deep", "Value": "yes"}], "of type Boolean"),
        ([{"Name": "Share", "Value": "1"}, {"Name": "Rows", "Value": "1.5"}], "of type Integer"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_name(
    given: list[dict[str, str]], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        parameter_values(PARAMETERS, given)


@pytest.mark.parametrize(
    ("text", "seconds"), [("P30D", 2592000), ("PT1H30M", 5400), ("30d", 2592000), ("P1W", 604800)]
)
def test_a_cached_step_expires_after_a_duration(text: str, seconds: float) -> None:
    assert cache.duration_seconds(text) == seconds
    config = {"Enabled": True, "ExpireAfter": text}
    assert cache.is_fresh(config, finished=0, now=seconds)
    assert not cache.is_fresh(config, finished=0, now=seconds + 1)


@pytest.mark.parametrize("text", ["", "P", "soon", "10"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an ISO 8601 duration"):
        cache.duration_seconds(text)


def test_a_step_without_caching_is_never_fresh() -> None:
    assert not cache.is_fresh({}, finished=0, now=0)
    assert not cache.is_fresh({"Enabled": False, "ExpireAfter": "P1D"}, finished=0, now=0)
    assert cache.is_fresh({"Enabled": True}, finished=0, now=1e9)


def test_equal_arguments_and_only_they_have_one_fingerprint() -> None:
    one = cache.fingerprint("Training", {"a": 1, "b": [2]})
    assert one == cache.fingerprint("Training", {"b": [2], "a": 1})
    assert one != cache.fingerprint("Processing", {"a": 1, "b": [2]})
    assert one != cache.fingerprint("Training", {"a": 1, "b": [3]})
