"""What a training or processing request means on disk: inputs, command, outputs. Pure."""

from dataclasses import dataclass, field
from typing import Any

from local_cloud.sagemaker.jobs.channels import Download, Upload

_INSIDE = "/opt/ml"
_DAY_SECONDS = 86400


class JobSpecError(ValueError):
    """A request that asks for what does not run on this machine."""


@dataclass(frozen=True)
class JobSpec:
    """One job: everything relative to its root, the folder that stands for /opt/ml."""

    role_arn: str
    image: str
    arguments: list[str]
    log_group: str
    max_seconds: int
    isolated: bool
    environment: dict[str, str] = field(default_factory=dict)
    downloads: list[Download] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)


def training(request: dict[str, Any], arn: str) -> JobSpec:
    """CreateTrainingJob: channels below input/data, a model folder that becomes model.tar.gz."""
    name = request["TrainingJobName"]
    algorithm = request["AlgorithmSpecification"]
    output = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{name}/output"
    key = request["OutputDataConfig"].get("KmsKeyId", "")
    channels = request.get("InputDataConfig") or []
    entrypoint = algorithm.get("ContainerEntrypoint") or []
    return JobSpec(
        role_arn=request["RoleArn"],
        image=algorithm.get("TrainingImage", ""),
        arguments=[*entrypoint, *(algorithm.get("ContainerArguments") or [])] or ["train"],
        log_group="/aws/sagemaker/TrainingJobs",
        max_seconds=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DAY_SECONDS),
        isolated=bool(request.get("EnableNetworkIsolation")),
        environment={
            "TRAINING_JOB_NAME": name,
            "TRAINING_JOB_ARN": arn,
            **(request.get("Environment") or {}),
        },
        downloads=[_channel(channel) for channel in channels],
        uploads=[
            Upload("model", f"{output}/model.tar.gz", key, as_archive=True),
            Upload("output/data", f"{output}/output.tar.gz", key, as_archive=True),
        ],
        folders=["model", "output/data", "input/data", "input/config"],
        documents={
            "input/config/hyperparameters.json": request.get("HyperParameters") or {},
            "input/config/resourceconfig.json": _hosts(request.get("ResourceConfig") or {}),
            "input/config/inputdataconfig.json": {
                channel["ChannelName"]: {"TrainingInputMode": "File"} for channel in channels
            },
        },
    )


def _channel(channel: dict[str, Any]) -> Download:
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise JobSpecError(f"Channel {channel['ChannelName']}: only S3DataSource runs here")
    _only(channel, "CompressionType", "None")
    folder = f"input/data/{channel['ChannelName']}"
    return Download(source["S3Uri"], folder, source.get("S3DataType", "S3Prefix"))


def processing(request: dict[str, Any], arn: str) -> JobSpec:
    """CreateProcessingJob: each input and output is a folder of its own."""
    application = request["AppSpecification"]
    entrypoint = application.get("ContainerEntrypoint") or []
    outputs = request.get("ProcessingOutputConfig") or {}
    inputs = request.get("ProcessingInputs") or []
    uploads = [_output(item, outputs.get("KmsKeyId", "")) for item in outputs.get("Outputs") or []]
    cluster = request.get("ProcessingResources", {}).get("ClusterConfig") or {}
    return JobSpec(
        role_arn=request["RoleArn"],
        image=application.get("ImageUri", ""),
        arguments=[*entrypoint, *(application.get("ContainerArguments") or [])],
        log_group="/aws/sagemaker/ProcessingJobs",
        max_seconds=request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DAY_SECONDS),
        isolated=bool((request.get("NetworkConfig") or {}).get("EnableNetworkIsolation")),
        environment={"PROCESSING_JOB_ARN": arn, **(request.get("Environment") or {})},
        downloads=[_input(item) for item in inputs],
        uploads=uploads,
        folders=[upload.folder for upload in uploads],
        documents={
            "config/processingjobconfig.json": {"ProcessingJobArn": arn, **request},
            "config/resourceconfig.json": _hosts(cluster),
        },
    )


def _input(item: dict[str, Any]) -> Download:
    source = item.get("S3Input")
    if source is None:
        raise JobSpecError(f"Input {item['InputName']}: only S3Input runs here")
    _only(source, "S3CompressionType", "None")
    folder = _relative(source.get("LocalPath", ""), item["InputName"])
    return Download(source["S3Uri"], folder, source.get("S3DataType", "S3Prefix"))


def _output(item: dict[str, Any], kms_key: str) -> Upload:
    target = item.get("S3Output")
    if target is None:
        raise JobSpecError(f"Output {item['OutputName']}: only S3Output runs here")
    _only(target, "S3UploadMode", "EndOfJob")
    return Upload(
        _relative(target.get("LocalPath", ""), item["OutputName"]), target["S3Uri"], kms_key
    )


def _relative(path: str, what: str) -> str:
    """A path inside the container as one below the job's root."""
    parts = path.split("/")
    if not path.startswith(f"{_INSIDE}/") or ".." in parts:
        raise JobSpecError(f"{what}: LocalPath must lie below {_INSIDE}, not {path!r}")
    return path[len(_INSIDE) + 1 :]


def _only(item: dict[str, Any], name: str, supported: str) -> None:
    if item.get(name, supported) != supported:
        raise JobSpecError(f"{name} {item[name]!r} does not run on this machine, {supported} does")


def _hosts(cluster: dict[str, Any]) -> dict[str, Any]:
    return {
        "current_host": "algo-1",
        "hosts": ["algo-1"],
        "current_instance_type": cluster.get("InstanceType", ""),
        "network_interface_name": "lo",
    }
