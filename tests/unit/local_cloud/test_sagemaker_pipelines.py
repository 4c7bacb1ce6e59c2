"""Pipelines that really run: jobs as processes, data by S3, and a reason for every failure."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.sagemaker.jobs import channels
from local_cloud.sagemaker.pipelines import executions
from local_cloud.sagemaker.pipelines.definitions import VERSION
from local_cloud.sagemaker.runtime import containers
from tests.unit.local_cloud.conftest import ACCOUNT, IMAGE, REGION, Cloud, may, until

pytestmark = pytest.mark.slow  # real processes, started and waited for

JOB = may("s3:GetObject", "s3:PutObject", "s3:ListBucket", "logs:*")
PIPELINE = may("sagemaker:*", "iam:PassRole", "s3:GetObject")
ENDED = ("Succeeded", "Failed", "Stopped")


class Bench:
    """A bucket, a role for jobs, one for pipelines, and what runs with them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.s3, self.sagemaker = cloud.client("s3"), cloud.client("sagemaker")
        self.s3.create_bucket(Bucket="data")
        self.job_role = cloud.role("jobs", "sagemaker", JOB)
        self.pipeline_role = cloud.role("steps", "sagemaker", PIPELINE)

    def put(self, key: str, body: str) -> str:
        self.s3.put_object(Bucket="data", Key=key, Body=body.encode())
        return f"s3://data/{key}"

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return bytes(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def processing(self, *words: Any, name: str = "Evaluate", **more: Any) -> dict[str, Any]:
        """A step that runs the test's program with these words and keeps its report."""
        arguments = {
            "RoleArn": self.job_role,
            "AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": list(words)},
            "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large"}},
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": "report",
                        "S3Output": {
                            "S3Uri": "s3://data/report",
                            "LocalPath": "/opt/ml/processing/output/report",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                ]
            },
        }
        files = [
            {"PropertyFileName": "Figures", "OutputName": "report", "FilePath": "evaluation.json"}
        ]
        more = {"PropertyFiles": files, **more}
        return {"Name": name, "Type": "Processing", "Arguments": arguments, **more}

    def training(self, *sources: tuple[str, str], **more: Any) -> dict[str, Any]:
        """A step that trains on channels of (URI, type of data)."""
        channels = [
            {
                "ChannelName": f"part{i}",
                "DataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": kind}},
            }
            for i, (uri, kind) in enumerate(sources)
        ]
        arguments = {
            "RoleArn": self.job_role,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "InputDataConfig": channels,
            "OutputDataConfig": {"S3OutputPath": "s3://data/models"},
            "HyperParameters": {"folds": "3"},
        }
        return {"Name": "Train", "Type": "Training", "Arguments": arguments, **more}

    def start(self, *steps: dict[str, Any], parameters: Any = (), **given: str) -> str:
        """Deploy and start a pipeline of these steps; returns the execution's ARN."""
        self.ready(*steps, parameters=parameters)
        return self.begin(**given)

    def ready(self, *steps: dict[str, Any], parameters: Any = ()) -> None:
        """Deploy a pipeline of these steps."""
        text = json.dumps({"Version": VERSION, "Parameters": list(parameters), "Steps": steps})
        words = {"PipelineDefinition": text, "RoleArn": self.pipeline_role}
        try:
            self.sagemaker.create_pipeline(
                PipelineName="learn", ClientRequestToken=uuid.uuid4().hex, **words
            )
        except ClientError:
            self.sagemaker.update_pipeline(PipelineName="learn", **words)

    def begin(self, **given: str) -> str:
        """Start the pipeline; returns the execution's ARN."""
        answer = self.sagemaker.start_pipeline_execution(
            PipelineName="learn",
            PipelineParameters=[{"Name": name, "Value": value} for name, value in given.items()],
        )
        return str(answer["PipelineExecutionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        """The execution once it has ended."""

        def look() -> dict[str, Any] | None:
            found = self.sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
            return found if found["PipelineExecutionStatus"] in ENDED else None

        return dict(until(look, 30))

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        answer = self.sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)
        return {step["StepName"]: step for step in answer["PipelineExecutionSteps"]}


@pytest.fixture
def bench(cloud: Cloud) -> Bench:
    return Bench(cloud)


def fail(name: str, message: Any, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}, **more}


def gate(left: Any, right: Any, *, yes: list[Any], no: list[Any]) -> dict[str, Any]:
    condition = {"Type": "GreaterThanOrEqualTo", "LeftValue": left, "RightValue": right}
    arguments = {"Conditions": [condition], "IfSteps": yes, "ElseSteps": no}
    return {"Name": "Gate", "Type": "Condition", "Arguments": arguments}


def test_a_channel_brings_a_prefix_and_a_manifest_brings_what_it_lists(bench: Bench) -> None:
    bench.put("reviews/one/a.parquet", "a")
    bench.put("reviews/two/b.parquet", "b")
    bench.put("reviews/two/c.parquet", "c")
    listed = [{"prefix": "s3://data/reviews/"}, "one/a.parquet", "two/c.parquet"]
    manifest = bench.put("datasets/1/manifest.json", json.dumps(listed))
    step = bench.training(("s3://data/reviews/two", "S3Prefix"), (manifest, "ManifestFile"))
    arn = bench.start(step)
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    job = bench.steps(arn)["Train"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[1]
    found = until(lambda: describe(bench, job))
    archive = bench.read(found["ModelArtifacts"]["S3ModelArtifacts"])
    assert model_of(archive) == {
        "parameters": {"folds": "3"},
        "files": [
            "input/data/part0/b.parquet",
            "input/data/part0/c.parquet",
            "input/data/part1/one/a.parquet",
            "input/data/part1/two/c.parquet",
        ],
    }


def describe(bench: Bench, job: str) -> dict[str, Any]:
    listed = bench.sagemaker.list_training_jobs()["TrainingJobSummaries"]
    name = next(
        item["TrainingJobName"] for item in listed if item["TrainingJobName"].lower() == job
    )
    return dict(bench.sagemaker.describe_training_job(TrainingJobName=name))


def model_of(archive: bytes) -> Any:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        content = opened.extractfile("model.json")
        assert content is not None
        return json.loads(content.read())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[]", "is not of the form"),
        ('[{"prefix": "s3://data/"}]', "lists no objects"),
        ('[{"prefix": "s3://data/"}, "reviews/none.parquet"]', "NoSuchKey"),
        ('[{"prefix": "s3://data/"}, "../../etc/passwd"]', "NoSuchKey|would leave"),
    ],
)
def test_a_bad_manifest_fails_its_job_with_the_reason(
    bench: Bench, body: str, message: str
) -> None:
    bench.put("../../etc/passwd", "x")
    step = bench.training((bench.put("manifest.json", body), "ManifestFile"))
    ended = bench.ended(bench.start(step))
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert any(word in ended["FailureReason"] for word in message.split("|")), ended


def test_an_empty_prefix_fails_its_job_as_on_aws(bench: Bench) -> None:
    ended = bench.ended(bench.start(bench.training(("s3://data/none/", "S3Prefix"))))
    assert 'No S3 objects found under S3 URL "s3://data/none/"' in ended["FailureReason"]


def test_a_step_that_fails_fails_the_execution_with_its_own_message(bench: Bench) -> None:
    failing = bench.processing("fail", "the hold-out has one class only")
    never = fail("Never", "x", DependsOn=["Evaluate"])
    arn = bench.start(failing, never)
    ended = bench.ended(arn)
    assert ended["PipelineExecutionStatus"] == "Failed"
    reason = "AlgorithmError: the hold-out has one class only, exit code: 3"
    assert f"Evaluate: ClientError: {reason}" in ended["FailureReason"]
    assert reason in bench.steps(arn)["Evaluate"]["FailureReason"]
    assert "Never" not in bench.steps(arn)


def test_a_job_without_a_message_is_explained_by_its_last_line(bench: Bench) -> None:
    ended = bench.ended(bench.start(bench.processing("die")))
    assert "AlgorithmError: nobody told me what to do, exit code: 1" in ended["FailureReason"]


def broken(*_: Any, **__: Any) -> Any:
    raise TypeError("a bug of the local cloud")


BREAKABLE = [
    (channels, "fetch"),  # of the job
    (channels, "deliver"),
    (containers, "Container"),
    (executions, "perform"),  # of the step
    (executions, "branch"),  # of the execution
    (executions, "needs"),
]


@pytest.mark.parametrize(("module", "name"), BREAKABLE, ids=[name for _, name in BREAKABLE])
def test_whatever_breaks_in_the_background_ends_the_execution_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    train = bench.training((bench.put("a/x.txt", "x"), "S3Prefix"))
    when = {"Conditions": [], "IfSteps": [], "ElseSteps": []}
    condition = {"Name": "When", "Type": "Condition", "Arguments": when, "DependsOn": ["Train"]}

    bench.ready(train, condition)
    monkeypatch.setattr(module, name, broken)
    found = bench.ended(bench.begin())
    assert found["PipelineExecutionStatus"] == "Failed"
    assert "a bug of the local cloud" in found["FailureReason"]


def test_an_event_that_cannot_be_put_breaks_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ministack.services import eventbridge

    bench.ready(bench.training((bench.put("a/x.txt", "x"), "S3Prefix")))
    monkeypatch.setattr(eventbridge, "_put_events", broken)
    assert bench.ended(bench.begin())["PipelineExecutionStatus"] == "Succeeded"
    assert "was lost" in caplog.text


def test_a_property_file_decides_which_branch_runs(bench: Bench) -> None:
    figures = {"Get": "Steps.Evaluate.PropertyFiles.Figures"}
    accuracy = {"Std:JsonGet": {"PropertyFile": figures, "Path": "metrics.accuracy"}}
    message = {"Std:Join": {"On": " ", "Values": ["accuracy", accuracy, "is too low"]}}
    floor = {"Name": "Floor", "Type": "Float", "DefaultValue": 0.5}
    evaluate = bench.processing("evaluate", json.dumps({"metrics": {"accuracy": 0.7}}))
    steps = [
        evaluate,
        gate(accuracy, {"Get": "Parameters.Floor"}, yes=[], no=[fail("Low", message)]),
    ]
    passed = bench.start(*steps, parameters=[floor])
    assert bench.ended(passed)["PipelineExecutionStatus"] == "Succeeded"
    assert bench.steps(passed)["Gate"]["Metadata"]["Condition"]["Outcome"] == "True"
    refused = bench.start(*steps, parameters=[floor], Floor="0.8")
    assert bench.ended(refused)["FailureReason"].endswith("Low: accuracy 0.7 is too low")


def test_an_output_and_a_parameter_reach_a_later_step(bench: Bench) -> None:
    bench.put("reviews/a.parquet", "a")
    where = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    words = {"Std:Join": {"On": "", "Values": ['{"model": "', where, '"}']}}
    name = {"Name": "Word", "DefaultValue": "fail"}
    arn = bench.start(
        bench.training(("s3://data/reviews/", "S3Prefix")),
        bench.processing({"Get": "Parameters.Word"}, words),
        parameters=[name],
        Word="evaluate",
    )
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    report = json.loads(bench.read("s3://data/report/evaluation.json"))
    assert report["model"].startswith("s3://data/models/pipelines-")
    listed = bench.sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)
    assert listed["PipelineParameters"] == [{"Name": "Word", "Value": "evaluate"}]


def test_a_cached_step_does_not_run_again_and_says_where_it_ran(bench: Bench) -> None:
    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    first = bench.start(bench.processing("evaluate", "{}", **cached))
    bench.ended(first)
    jobs = bench.sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
    second = bench.start(bench.processing("evaluate", "{}", **cached))
    assert bench.ended(second)["PipelineExecutionStatus"] == "Succeeded"
    hit = bench.steps(second)["Evaluate"]["CacheHitResult"]
    assert hit["SourcePipelineExecutionArn"] == first
    third = bench.start(bench.processing("evaluate", '{"other": 1}', **cached))
    bench.ended(third)
    assert "CacheHitResult" not in bench.steps(third)["Evaluate"]
    assert len(bench.sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) == len(jobs) + 1


def test_a_pipeline_registers_a_package_and_reuses_its_arn(bench: Bench) -> None:
    bench.sagemaker.create_model_package_group(ModelPackageGroupName="stars")
    arguments = {
        "ModelPackageGroupName": "stars",
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {"Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://data/m"}]},
    }
    register = {"Name": "Register", "Type": "RegisterModel", "Arguments": arguments}
    arn = bench.start(register, fail("End", {"Get": "Steps.Register.ModelPackageArn"}))
    assert bench.ended(arn)["FailureReason"].endswith("model-package/stars/1")
    assert bench.steps(arn)["Register"]["Metadata"]["RegisterModel"]["Arn"].endswith("/stars/1")


def test_a_stopped_execution_stops_its_job(bench: Bench) -> None:
    arn = bench.start(bench.processing("wait"))
    until(lambda: log_events(bench, "/aws/sagemaker/ProcessingJobs"))
    bench.sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn, ClientRequestToken="s" * 32)
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Stopped"
    job = bench.sagemaker.list_processing_jobs()["ProcessingJobSummaries"][0]
    assert job["ProcessingJobStatus"] == "Stopped"


def log_events(bench: Bench, group: str) -> list[str]:
    logs = bench.cloud.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    return [item["message"] for item in logs.filter_log_events(logGroupName=group)["events"]]


def test_the_output_of_a_job_stands_in_cloudwatch_logs(bench: Bench) -> None:
    bench.ended(bench.start(bench.processing("evaluate", "{}")))
    assert log_events(bench, "/aws/sagemaker/ProcessingJobs") == ["I am evaluate {}"]


def test_a_job_whose_role_may_not_log_writes_no_log(bench: Bench) -> None:
    bench.cloud.allow("jobs", may("s3:GetObject", "s3:PutObject", "s3:ListBucket"))
    arn = bench.start(bench.processing("evaluate", "{}"))
    assert bench.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert log_events(bench, "/aws/sagemaker/ProcessingJobs") == []


@pytest.mark.parametrize(
    ("role", "rights", "message"),
    [
        ("jobs", [may("s3:PutObject", "s3:ListBucket", "logs:*")], "s3:GetObject"),
        ("jobs", [may("s3:GetObject", "s3:PutObject", "logs:*")], "s3:ListBucket"),
        ("jobs", [may("s3:GetObject", "s3:ListBucket", "logs:*")], "s3:PutObject"),
        ("steps", [may("iam:PassRole")], "sagemaker:CreateTrainingJob"),
        ("steps", [may("sagemaker:*")], "iam:PassRole"),
    ],
)
def test_what_a_role_may_not_do_fails_the_step_and_stands_in_the_decision_log(
    bench: Bench,
    decisions: Callable[[], list[dict[str, Any]]],
    role: str,
    rights: list[dict[str, Any]],
    message: str,
) -> None:
    bench.put("reviews/a.parquet", "a")
    bench.cloud.allow(role, *rights)
    ended = bench.ended(bench.start(bench.training(("s3://data/reviews/", "S3Prefix"))))
    assert f"is not authorized to perform: {message} on resource" in ended["FailureReason"]
    denied = [item for item in decisions() if item["decision"] != "Allow"]
    assert [(item["action"], item["via"]) for item in denied] == [(message, "sagemaker")]


def test_a_job_reads_an_encrypted_bucket_only_with_its_key(bench: Bench) -> None:
    key = bench.cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    bench.s3.put_bucket_encryption(
        Bucket="data",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
        },
    )
    bench.put("reviews/a.parquet", "a")
    step = bench.training(("s3://data/reviews/", "S3Prefix"))
    assert "kms:Decrypt" in bench.ended(bench.start(step))["FailureReason"]
    bench.cloud.allow("jobs", JOB, may("kms:Decrypt", on=key))
    assert "kms:GenerateDataKey" in bench.ended(bench.start(step))["FailureReason"]
    bench.cloud.allow("jobs", JOB, may("kms:Decrypt", "kms:GenerateDataKey", on=key))
    assert bench.ended(bench.start(step))["PipelineExecutionStatus"] == "Succeeded"


def test_a_role_that_does_not_trust_sagemaker_makes_no_pipeline(bench: Bench) -> None:
    other = bench.cloud.role("other", "lambda", PIPELINE)
    text = json.dumps({"Version": VERSION, "Steps": [fail("End", "x")]})
    for role in (other, f"arn:aws:iam::{ACCOUNT}:role/nobody"):
        with pytest.raises(ClientError, match="Could not assume role"):
            bench.sagemaker.create_pipeline(
                PipelineName="x", PipelineDefinition=text, RoleArn=role, ClientRequestToken="x" * 32
            )
    bad = json.dumps({"Version": VERSION, "Steps": [fail("End", {"Get": "Steps.Nope.X"})]})
    with pytest.raises(ClientError, match="unknown steps"):
        bench.sagemaker.create_pipeline(
            PipelineName="x",
            PipelineDefinition=bad,
            RoleArn=bench.pipeline_role,
            ClientRequestToken="x" * 32,
        )


def test_an_execution_puts_events_for_its_status_and_of_its_steps(bench: Bench) -> None:
    received = bench.cloud.inbox("pipelines", {"source": ["aws.sagemaker"]})
    arn = bench.start(fail("End", "no more"))
    bench.ended(arn)
    kinds = {"Execution Status": [], "Step Status": []}  # type: ignore[var-annotated]
    for event in received():
        detail = event["detail"]
        if "currentPipelineExecutionStatus" in detail:
            kinds["Execution Status"].append(detail["currentPipelineExecutionStatus"])
        else:
            kinds["Step Status"].append((detail["stepName"], detail["currentStepStatus"]))
        assert detail["pipelineExecutionArn"] == arn
    assert kinds["Execution Status"] == ["Executing", "Failed"]
    assert kinds["Step Status"] == [("End", "Executing"), ("End", "Failed")]


def test_another_image_than_the_account_s_own_is_refused(bench: Bench) -> None:
    step = bench.processing("evaluate", "{}")
    step["Arguments"]["AppSpecification"]["ImageUri"] = f"public/{REGION}/image:1"
    ended = bench.ended(bench.start(step))
    assert "is not in this account's registry" in ended["FailureReason"]


def test_no_file_of_a_job_is_left(bench: Bench, home: Path) -> None:
    bench.ended(bench.start(bench.processing("evaluate", "{}")))
    assert list((home / "jobs").glob("*")) == []


def test_a_job_leaves_compiled_code_for_the_next_one(bench: Bench, home: Path) -> None:
    bench.ended(bench.start(bench.processing("evaluate", "{}")))
    compiled = list((home / "cache" / "bytecode").rglob("*.pyc"))
    assert [path for path in compiled if path.name.startswith("server.")]  # http.server
