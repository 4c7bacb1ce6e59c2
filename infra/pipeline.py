"""The training pipeline: a pure function from a stage to a SageMaker pipeline definition.

Train, then Evaluate on the hold-out and against the champion, then Track, then the gate:
Register where it is passed, Refused with its message where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.stage import Stage

Json = dict[str, Any]

# What the Learn machine passes; `lambdas/learn/prepare.py` sends these names and no others.
PARAMETERS = (
    "DatasetManifestUri",
    "DatasetId",
    "DatasetVersionId",
    "DatasetSha256",
    "TextRules",
    "ChampionModelUri",
    "ConfigurationDigest",
    "GitCommit",
)
PROCESSING = "/opt/ml/processing"
CACHE_DAYS = 30
EXECUTION = {"Get": "Execution.PipelineExecutionId"}


@dataclass(frozen=True)
class Resources:
    """What the steps use; strings, which may hold CDK tokens.

    image_uri: with its tag or digest; key_arn: encrypts volumes and outputs.
    """

    image_uri: str
    role_arn: str
    key_arn: str
    curated_bucket: str
    models_bucket: str
    model_package_group: str


def definition(stage: Stage, resources: Resources) -> Json:
    """The whole definition, of version 2020-12-01."""
    steps = Steps(stage, resources)
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": _parameters(stage, resources),
        "Steps": [steps.train(), steps.evaluate(), steps.track(), steps.gate()],
    }


def parameter(name: str) -> Json:
    """A reference to a parameter."""
    return {"Get": f"Parameters.{name}"}


def result(path: str) -> Json:
    """A reference to what a step left (`Train.ModelArtifacts.S3ModelArtifacts`)."""
    return {"Get": f"Steps.{path}"}


def joined(*parts: str | Json) -> Json:
    """Parts of a URI, one after the other, with a slash between."""
    return {"Std:Join": {"On": "/", "Values": list(parts)}}


def _parameters(stage: Stage, resources: Resources) -> list[Json]:
    approved = stage.learning.approve == "automatic"
    defaults = {
        "ChampionModelUri": f"s3://{resources.models_bucket}/champion-none/",
        "ModelApprovalStatus": "Approved" if approved else "PendingManualApproval",
    }
    names = [*PARAMETERS, "ModelApprovalStatus"]
    optional = {name: {"DefaultValue": value} for name, value in defaults.items()}
    return [{"Name": name, "Type": "String", **optional.get(name, {})} for name in names]


class Steps:
    """The steps of one stage's pipeline, each a dict."""

    def __init__(self, stage: Stage, resources: Resources) -> None:
        self.stage = stage
        self.resources = resources

    def train(self) -> Json:
        """Fit on the dataset; hyperparameters also carry what model.json records of its origin."""
        learning, uses = self.stage.learning, self.resources
        stopping = {"MaxRuntimeInSeconds": learning.max_runtime_seconds}
        if learning.spot:  # waiting for spare capacity is allowed as long as the run itself
            stopping["MaxWaitTimeInSeconds"] = 2 * learning.max_runtime_seconds
        return {
            "Name": "Train",
            "Type": "Training",
            "Arguments": {
                "RoleArn": uses.role_arn,
                "AlgorithmSpecification": {
                    "TrainingImage": uses.image_uri,
                    "TrainingInputMode": "File",
                },
                "HyperParameters": {
                    "folds": str(learning.folds),
                    "dataset_id": parameter("DatasetId"),
                    "dataset_manifest_uri": parameter("DatasetManifestUri"),
                    "dataset_sha256": parameter("DatasetSha256"),
                    "git_commit": parameter("GitCommit"),
                    "image_uri": uses.image_uri,
                },
                "InputDataConfig": [
                    {
                        "ChannelName": "dataset",
                        "DataSource": {
                            "S3DataSource": {
                                "S3DataType": "ManifestFile",
                                "S3Uri": parameter("DatasetManifestUri"),
                                "S3DataDistributionType": "FullyReplicated",
                            }
                        },
                    }
                ],
                "OutputDataConfig": {
                    "S3OutputPath": self._run("model"),
                    "KmsKeyId": uses.key_arn,
                },
                "ResourceConfig": self._machine(),
                "EnableNetworkIsolation": True,
                "EnableManagedSpotTraining": learning.spot,
                "StoppingCondition": stopping,
            },
            **self._again(),
            **self._cache(),
        }

    def evaluate(self) -> Json:
        """Judge the model on the hold-out, beside the champion on the same rows."""
        manifest = self._input("dataset", parameter("DatasetManifestUri"), "ManifestFile")
        champion = self._input("champion", parameter("ChampionModelUri"))
        return {
            **self._processing(
                "Evaluate",
                [
                    "evaluate",
                    *("--model", f"{PROCESSING}/model"),
                    *("--data", f"{PROCESSING}/dataset"),
                    *("--champion", f"{PROCESSING}/champion"),
                    *("--out", f"{PROCESSING}/evaluation"),
                ],
                inputs=[self._model(), manifest, champion],
                outputs=[self._output("evaluation")],
                isolated=True,
            ),
            "PropertyFiles": [
                {
                    "PropertyFileName": "Evaluation",
                    "OutputName": "evaluation",
                    "FilePath": "evaluation.json",
                }
            ],
            **self._cache(),
        }

    def track(self) -> Json:
        """Send the run's files to MLflow, refused runs too; never cached, never isolated."""
        evaluation = "Evaluate.ProcessingOutputConfig.Outputs['evaluation'].S3Output.S3Uri"
        return self._processing(
            "Track",
            [
                "track",
                *("--run", f"{PROCESSING}/model"),
                *("--evaluation", f"{PROCESSING}/evaluation"),
            ],
            inputs=[self._model(), self._input("evaluation", result(evaluation))],
            outputs=[self._output("tracking")],
            isolated=False,
            environment={
                "MLFLOW_TRACKING_URI": self.stage.learning.tracking_uri,
                "MLFLOW_EXPERIMENT_NAME": self.stage.name(),
                "PIPELINE_EXECUTION_ID": EXECUTION,
            },
        )

    def gate(self) -> Json:
        """Register what passed; stop with the gate's own sentence what did not."""
        return {
            "Name": "Gate",
            "Type": "Condition",
            "DependsOn": ["Track"],
            "Arguments": {
                "Conditions": [
                    {"Type": "Equals", "LeftValue": _verdict("passed"), "RightValue": True}
                ],
                "IfSteps": [self.register()],
                "ElseSteps": [self.refused()],
            },
        }

    def register(self) -> Json:
        """A package, with pointers from it to the rows that it learned from."""
        uses = self.resources
        return {
            "Name": "Register",
            "Type": "RegisterModel",
            "Arguments": {
                "ModelPackageGroupName": uses.model_package_group,
                "ModelApprovalStatus": parameter("ModelApprovalStatus"),
                "InferenceSpecification": {
                    "Containers": [
                        {
                            "Image": uses.image_uri,
                            "ModelDataUrl": result("Train.ModelArtifacts.S3ModelArtifacts"),
                        }
                    ],
                    "SupportedContentTypes": ["application/json"],
                    "SupportedResponseMIMETypes": ["application/json"],
                    "SupportedRealtimeInferenceInstanceTypes": [self.stage.endpoint.instance_type],
                },
                "ModelMetrics": {
                    "ModelQuality": {
                        "Statistics": {
                            "ContentType": "application/json",
                            "S3Uri": self._run("evaluation", "evaluation.json"),
                        }
                    }
                },
                "CustomerMetadataProperties": {
                    "dataset_id": parameter("DatasetId"),
                    "dataset_manifest_uri": parameter("DatasetManifestUri"),
                    "dataset_version_id": parameter("DatasetVersionId"),
                    "dataset_sha256": parameter("DatasetSha256"),
                    "text_rules": parameter("TextRules"),
                    "git_commit": parameter("GitCommit"),
                    "configuration_digest": parameter("ConfigurationDigest"),
                    "image_uri": uses.image_uri,
                    "run_prefix": self._run(),
                },
            },
        }

    def refused(self) -> Json:
        """The end of a run whose model is not good enough."""
        return {
            "Name": "Refused",
            "Type": "Fail",
            "Arguments": {
                "ErrorMessage": {
                    "Std:Join": {"On": " ", "Values": ["Refused:", _verdict("message")]}
                }
            },
        }

    def _processing(
        self,
        name: str,
        arguments: list[str],
        *,
        inputs: list[Json],
        outputs: list[Json],
        isolated: bool,
        environment: Json | None = None,
    ) -> Json:
        uses = self.resources
        return {
            "Name": name,
            "Type": "Processing",
            "Arguments": {
                "RoleArn": uses.role_arn,
                "AppSpecification": {
                    "ImageUri": uses.image_uri,
                    "ContainerEntrypoint": ["python", "-m", "training"],
                    "ContainerArguments": arguments,
                },
                **({"Environment": environment} if environment else {}),
                "ProcessingInputs": inputs,
                "ProcessingOutputConfig": {"Outputs": outputs, "KmsKeyId": uses.key_arn},
                "ProcessingResources": {"ClusterConfig": self._machine()},
                "NetworkConfig": {"EnableNetworkIsolation": isolated},
                "StoppingCondition": {
                    "MaxRuntimeInSeconds": self.stage.learning.max_runtime_seconds
                },
            },
            **self._again(),
        }

    def _run(self, *parts: str) -> Json:
        """A place of this execution's own in the models bucket."""
        return joined(f"s3://{self.resources.models_bucket}/runs", EXECUTION, *parts)

    def _machine(self) -> Json:
        return {
            "InstanceType": self.stage.learning.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": self.stage.learning.volume_gib,
            "VolumeKmsKeyId": self.resources.key_arn,
        }

    def _model(self) -> Json:
        return self._input("model", result("Train.ModelArtifacts.S3ModelArtifacts"))

    def _input(self, name: str, uri: Json, kind: str = "S3Prefix") -> Json:
        return {
            "InputName": name,
            "AppManaged": False,
            "S3Input": {
                "S3Uri": uri,
                "LocalPath": f"{PROCESSING}/{name}",
                "S3DataType": kind,
                "S3InputMode": "File",
                "S3DataDistributionType": "FullyReplicated",
                "S3CompressionType": "None",
            },
        }

    def _output(self, name: str) -> Json:
        return {
            "OutputName": name,
            "AppManaged": False,
            "S3Output": {
                "S3Uri": self._run(name),
                "LocalPath": f"{PROCESSING}/{name}",
                "S3UploadMode": "EndOfJob",
            },
        }

    def _cache(self) -> Json:
        if not self.stage.learning.step_cache:
            return {}
        return {"CacheConfig": {"Enabled": True, "ExpireAfter": f"P{CACHE_DAYS}D"}}

    def _again(self) -> Json:
        """SageMaker's own failures; a failure of our program is not repeated."""
        return {
            "RetryPolicies": [
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
        }


def _verdict(name: str) -> Json:
    """A field of the gate in evaluation.json."""
    return {
        "Std:JsonGet": {
            "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Evaluation"},
            "Path": f"gate.{name}",
        }
    }
