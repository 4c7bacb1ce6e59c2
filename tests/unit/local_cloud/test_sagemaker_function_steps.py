"""A pipeline's Lambda step: called by the pipeline's role; its failure is the step's."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, may
from tests.unit.local_cloud.test_sagemaker_pipelines import PIPELINE, Bench, bench, fail

pytestmark = [
    pytest.mark.slow,  # real processes, started and waited for
    # MiniStack leaves the pipes of a function that raised to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
__all__ = ["bench"]
MINOR = f"3.{sys.version_info.minor}"
ABSENT = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:none:1"
ANSWERS = "return {'uri': event['uri'] + '.signed', 'by': 7, 'more': 'x'}"


@pytest.fixture(autouse=True)
def _runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LAMBDA_PYTHON{MINOR.replace('.', '_')}", sys.executable)


def publish(cloud: Cloud, body: str) -> str:
    """A function whose handler has this body, published once; then `$LATEST` raises."""
    functions = cloud.client("lambda")
    made = functions.create_function(
        FunctionName="sign",
        Runtime=f"python{MINOR}",
        Role=cloud.role("sign", "lambda"),
        Handler="main.handler",
        Code={"ZipFile": packed(body)},
        Publish=True,
    )
    functions.update_function_code(FunctionName="sign", ZipFile=packed("raise KeyError('latest')"))
    name: str = made["FunctionArn"]
    return name if name.endswith(":1") else f"{name}:1"


def packed(body: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("main.py", f"def handler(event, context):\n    {body}\n")
    return written.getvalue()


def sign(bench: Bench, arn: str) -> dict[str, Any]:
    """A step that calls a function, which the pipeline's role may do."""
    bench.cloud.allow("steps", PIPELINE, may("lambda:InvokeFunction", on=arn))
    return {
        "Name": "Sign",
        "Type": "Lambda",
        "FunctionArn": arn,
        "Arguments": {"uri": {"Get": "Parameters.Uri"}},
        "OutputParameters": [
            {"OutputName": name, "OutputType": "String"} for name in ("uri", "by")
        ],
    }


def run(bench: Bench, step: dict[str, Any]) -> tuple[str, str]:
    """A pipeline of this step, and of one that ends it with the answer; -> (ARN, reason)."""
    outputs = [{"Get": f"Steps.Sign.OutputParameters['{name}']"} for name in ("uri", "by")]
    end = fail("End", {"Std:Join": {"On": " by ", "Values": outputs}})
    uri = {"Name": "Uri", "DefaultValue": "s3://data/m"}
    arn = bench.start(step, end, parameters=[uri])
    return arn, bench.ended(arn)["FailureReason"]


def test_the_answer_of_a_published_function_reaches_a_later_step(bench: Bench) -> None:
    function = publish(bench.cloud, ANSWERS)
    arn, reason = run(bench, sign(bench, function))
    assert reason.endswith("End: s3://data/m.signed by 7")
    found = bench.steps(arn)["Sign"]
    assert found["StepStatus"] == "Succeeded"
    outputs = [{"Name": "uri", "Value": "s3://data/m.signed"}, {"Name": "by", "Value": "7"}]
    assert found["Metadata"]["Lambda"] == {"Arn": function, "OutputParameters": outputs}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('the model did not pass its gate')", "the model did not pass its gate"),
        ("return {'uri': 'x'}", "did not answer the outputs ['by']"),
        ("return 'x'", "it did not answer with names and values"),
        ("return None", "it did not answer with names and values"),
    ],
)
def test_a_function_that_fails_fails_its_step_with_the_reason(
    bench: Bench, body: str, reason: str
) -> None:
    arn, ended = run(bench, sign(bench, publish(bench.cloud, body)))
    steps = bench.steps(arn)
    assert set(steps) == {"Sign"}
    assert steps["Sign"]["StepStatus"] == "Failed"
    assert reason in steps["Sign"]["FailureReason"]
    assert f"Sign: {steps['Sign']['FailureReason']}" in ended


def test_a_function_that_is_gone_fails_its_step(bench: Bench) -> None:
    _, reason = run(bench, sign(bench, ABSENT))
    assert f"Lambda function {ABSENT} failed: there is no function" in reason


def test_a_role_that_may_not_call_the_function_fails_the_step(
    bench: Bench, decisions: Callable[[], list[dict[str, Any]]]
) -> None:
    function = publish(bench.cloud, ANSWERS)
    step = sign(bench, function)
    bench.cloud.allow("steps", PIPELINE, may("lambda:InvokeFunction", on=ABSENT))
    _, reason = run(bench, step)
    assert f"perform: lambda:InvokeFunction on resource: {function}" in reason
    denied = [item for item in decisions() if item["decision"] != "Allow"]
    assert [(item["action"], item["via"]) for item in denied] == [
        ("lambda:InvokeFunction", "sagemaker")
    ]
