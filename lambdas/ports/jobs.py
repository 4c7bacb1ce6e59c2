"""SageMaker Processing jobs of the training program."""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.contract import names
from lambdas.ports.clients import client

INSIDE = "/opt/ml/processing"


@dataclass(frozen=True, kw_only=True)
class PredictionJob:
    """What a batch job needs; model_uri: its model.tar.gz, manifest_uri: the files to answer.

    environment: of its container.
    """

    name: str
    role_arn: str
    image_uri: str
    instance_type: str
    model_uri: str
    manifest_uri: str
    out_uri: str
    environment: dict[str, str]
    volume_gib: int = 30
    longest_seconds: int = 86_400


@dataclass(frozen=True)
class Job:
    """What a job says of itself."""

    status: str
    failure: str


def start_prediction(wanted: PredictionJob) -> None:
    """Start `training predict` over a folder, isolated from the network."""
    folders = {name: f"{INSIDE}/{name}" for name in ("model", "reviews", "predictions")}
    client("sagemaker").create_processing_job(
        ProcessingJobName=wanted.name,
        RoleArn=wanted.role_arn,
        AppSpecification={
            "ImageUri": wanted.image_uri,
            "ContainerEntrypoint": ["python", "-m", "training"],
            "ContainerArguments": [
                "predict",
                *("--model", folders["model"]),
                *("--in", folders["reviews"]),
                *("--out", folders["predictions"]),
            ],
        },
        ProcessingInputs=[
            _input("model", wanted.model_uri, folders["model"], "S3Prefix"),
            _input("reviews", wanted.manifest_uri, folders["reviews"], "ManifestFile"),
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "predictions",
                    "S3Output": {
                        "S3Uri": wanted.out_uri,
                        "LocalPath": folders["predictions"],
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        ProcessingResources={
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": wanted.instance_type,
                "VolumeSizeInGB": wanted.volume_gib,
            }
        },
        Environment=wanted.environment,
        NetworkConfig={"EnableNetworkIsolation": True},
        StoppingCondition={"MaxRuntimeInSeconds": wanted.longest_seconds},
    )


def describe(name: str) -> Job:
    """How a job stands."""
    answer = client("sagemaker").describe_processing_job(ProcessingJobName=name)
    reason = answer.get("FailureReason") or answer.get("ExitMessage") or ""
    return Job(answer["ProcessingJobStatus"], reason)


def stop_predictions(stage: str) -> int:
    """Stop the batch predictions of a stage that still run; returns how many there were."""
    sagemaker = client("sagemaker")
    pages = sagemaker.get_paginator("list_processing_jobs").paginate(
        NameContains=names.name(stage, names.PREDICT), StatusEquals="InProgress"
    )
    listed = [
        item["ProcessingJobName"] for page in pages for item in page["ProcessingJobSummaries"]
    ]
    running = [name for name in listed if names.is_prediction_job(name, stage)]
    for name in running:
        sagemaker.stop_processing_job(ProcessingJobName=name)
    return len(running)


def _input(name: str, uri: str, folder: str, kind: str) -> dict[str, object]:
    where = {"S3Uri": uri, "LocalPath": folder, "S3DataType": kind, "S3InputMode": "File"}
    return {"InputName": name, "S3Input": where}
