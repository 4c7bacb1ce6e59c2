"""The language of pipeline definitions: references, and the shapes that SageMaker's jobs share."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

PROCESSING = "/opt/ml/processing"
EXECUTION: Json = {"Get": "Execution.PipelineExecutionId"}

# SageMaker's own failures; a failure of our program is not repeated.
RETRIES: list[Json] = [
    {
        "ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"],
        "IntervalSeconds": 60,
        "BackoffRate": 2.0,
        "MaxAttempts": 3,
    },
    {
        "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
        "IntervalSeconds": 20,
        "BackoffRate": 2.0,
        "MaxAttempts": 4,
    },
]


def parameter(name: str) -> Json:
    """A reference to a parameter."""
    return {"Get": f"Parameters.{name}"}


def result(path: str) -> Json:
    """A reference to what a step left (`Train.ModelArtifacts.S3ModelArtifacts`)."""
    return {"Get": f"Steps.{path}"}


def answer(step: str, name: str) -> Json:
    """What the function of a Lambda step answered under a name."""
    return result(f"{step}.OutputParameters['{name}']")


def output_uri(step: str, name: str) -> Json:
    """Where an output of a Processing step lies; of an earlier run's where the step was cached."""
    return result(f"{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


def joined(*parts: str | Json, on: str = "/") -> Json:
    """Parts, one after the other, with a slash between: a URI."""
    return {"Std:Join": {"On": on, "Values": list(parts)}}


def from_file(step: str, file: str, path: str) -> Json:
    """A value in a property file of a step (`gate.passed`)."""
    reference = {"Get": f"Steps.{step}.PropertyFiles.{file}"}
    return {"Std:JsonGet": {"PropertyFile": reference, "Path": path}}


def folder(name: str) -> str:
    """Where an input or output of a Processing job lies in its container."""
    return f"{PROCESSING}/{name}"


def job_input(name: str, uri: Json, kind: str = "S3Prefix") -> Json:
    """An input of a Processing job; kind: S3Prefix or ManifestFile."""
    return {
        "InputName": name,
        "AppManaged": False,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": folder(name),
            "S3DataType": kind,
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
            "S3CompressionType": "None",
        },
    }


def job_output(name: str, uri: Json) -> Json:
    """An output of a Processing job, sent when it ends."""
    return {
        "OutputName": name,
        "AppManaged": False,
        "S3Output": {"S3Uri": uri, "LocalPath": folder(name), "S3UploadMode": "EndOfJob"},
    }


def channel(name: str, uri: Json, kind: str) -> Json:
    """An input of a Training job."""
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}
