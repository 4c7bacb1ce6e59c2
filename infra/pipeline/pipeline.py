"""The training pipeline: a pure function from a stage to a SageMaker pipeline definition.

Train, then Evaluate on the hold-out and against the champion, then Track beside the gate:
Sign and Register where it is passed, Refused with its message where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.pipeline.definition import (
    EXECUTION,
    RETRIES,
    Json,
    answer,
    channel,
    folder,
    from_file,
    job_input,
    job_output,
    joined,
    output_uri,
    parameter,
    result,
)
from infra.stage import Stage
from lambdas.contract import keys, packages
from lambdas.contract import pipeline as names

MODEL = result("Train.ModelArtifacts.S3ModelArtifacts")
CACHE_DAYS = 30
MAX_TRACKING_SECONDS = 900  # the run is over only when Track is; it sends some hundred small calls


@dataclass(frozen=True)
class Resources:
    """What the steps use; strings, which may hold CDK tokens.

    image_uri: with its tag or digest; key_arn: encrypts volumes and outputs; tracking_role_arn:
    of Track, the one job with a network; tracking: variables with which it finds the server that
    the stage names, if it names one; sign_function: the ARN of what signs a model.
    """

    image_uri: str
    role_arn: str
    tracking_role_arn: str
    key_arn: str
    curated_bucket: str
    models_bucket: str
    model_package_group: str
    tracking: Mapping[str, str]
    sign_function: str


def definition(stage: Stage, resources: Resources) -> Json:
    """The whole definition, of version 2020-12-01."""
    steps = Steps(stage, resources)
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": _parameters(stage, resources),
        "Steps": [steps.train(), steps.evaluate(), steps.track(), steps.gate()],
    }


def _parameters(stage: Stage, resources: Resources) -> list[Json]:
    approved = stage.learning.approve == "automatic"
    defaults = {
        names.CHAMPION_MODEL_URI: f"s3://{resources.models_bucket}/{keys.NO_CHAMPION}",
        names.TRACKING_URI: names.NO_TRACKING,
        names.MODEL_APPROVAL_STATUS: packages.APPROVED if approved else packages.PENDING,
    }
    # A start of the pipeline by hand cannot approve where the stage leaves that to persons.
    statuses = [packages.PENDING, *([packages.APPROVED] if approved else [])]
    own = [names.TRACKING_URI] if stage.has_own_tracking else []
    wanted = [*names.SENT, *own, names.MODEL_APPROVAL_STATUS]
    optional: dict[str, Json] = {n: {"DefaultValue": value} for n, value in defaults.items()}
    optional[names.MODEL_APPROVAL_STATUS]["EnumValues"] = statuses
    return [{"Name": name, "Type": "String", **optional.get(name, {})} for name in wanted]


class Steps:
    """The steps of one stage's pipeline, each a dict."""

    def __init__(self, stage: Stage, resources: Resources) -> None:
        self.stage = stage
        self.resources = resources

    def train(self) -> Json:
        """Fit on the dataset; hyperparameters also carry what model.json records of its origin."""
        uses = self.resources
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
                    "folds": str(self.stage.learning.folds),
                    packages.DATASET_ID: parameter(names.DATASET_ID),
                    packages.DATASET_MANIFEST_URI: parameter(names.DATASET_MANIFEST_URI),
                    packages.DATASET_SHA256: parameter(names.DATASET_SHA256),
                    packages.GIT_COMMIT: parameter(names.GIT_COMMIT),
                    packages.CONFIGURATION_DIGEST: parameter(names.CONFIGURATION_DIGEST),
                    packages.PROGRAM_DIGEST: parameter(names.PROGRAM_DIGEST),
                    packages.IMAGE_URI: uses.image_uri,
                },
                "InputDataConfig": [
                    channel("dataset", parameter(names.DATASET_MANIFEST_URI), "ManifestFile")
                ],
                "OutputDataConfig": {
                    "S3OutputPath": self._run("model"),
                    "KmsKeyId": uses.key_arn,
                },
                "ResourceConfig": self._instance(),
                "EnableNetworkIsolation": True,
                **self._network(),
                **self._spot(),
            },
            "RetryPolicies": RETRIES,
            **self._cache(),
        }

    def evaluate(self) -> Json:
        """Judge the model on the hold-out, beside the champion on the same rows."""
        arguments = [
            "evaluate",
            *("--model", folder("model")),
            *("--data", folder("dataset")),
            *("--champion", folder("champion")),
            *("--out", folder("evaluation")),
        ]
        inputs = [
            job_input("model", MODEL),
            job_input("dataset", parameter(names.DATASET_MANIFEST_URI), "ManifestFile"),
            job_input("champion", parameter(names.CHAMPION_MODEL_URI)),
        ]
        report = {
            "PropertyFileName": "Evaluation",
            "OutputName": "evaluation",
            "FilePath": keys.EVALUATION_FILE,
        }
        return {
            **self._processing("Evaluate", arguments, inputs=inputs, output=keys.EVALUATION),
            "PropertyFiles": [report],
            **self._cache(),
        }

    def track(self) -> Json:
        """Send the run's files to MLflow, refused runs too; never cached, never isolated.

        Nothing of a run that passed waits for it: a tracker that is down or slow costs no model.
        """
        arguments = [
            "track",
            *("--run", folder("model")),
            *("--evaluation", folder("evaluation")),
            *("--dataset", f"{folder('dataset')}/{keys.DATASET_FILE}"),
        ]
        dataset = joined(
            f"s3://{self.resources.curated_bucket}/{keys.DATASETS.rstrip('/')}",
            parameter(names.DATASET_ID),
            "",
        )
        inputs = [
            job_input("model", MODEL),
            job_input("evaluation", output_uri("Evaluate", "evaluation")),
            job_input("dataset", dataset),
        ]
        own = {"MLFLOW_TRACKING_URI": parameter(names.TRACKING_URI)}
        environment = {
            **(own if self.stage.has_own_tracking else self.resources.tracking),
            "MLFLOW_EXPERIMENT_NAME": self.stage.name(),
            "PIPELINE_EXECUTION_ID": EXECUTION,
        }
        step = self._processing(names.TRACK, arguments, inputs=inputs, output=keys.TRACKING)
        step["Arguments"] |= {
            "RoleArn": self.resources.tracking_role_arn,
            "NetworkConfig": {"EnableNetworkIsolation": False, **self._network()},
            "StoppingCondition": {"MaxRuntimeInSeconds": MAX_TRACKING_SECONDS},
            "Environment": environment,
        }
        return step

    def gate(self) -> Json:
        """Register what passed; stop with the gate's own sentence what did not."""
        passed = from_file("Evaluate", "Evaluation", "gate.passed")
        message = from_file("Evaluate", "Evaluation", "gate.message")
        refused = {
            "Name": names.REFUSED,
            "Type": "Fail",
            "DependsOn": [names.TRACK],  # a failure may end what still runs: refused runs are sent
            "Arguments": {"ErrorMessage": joined("Refused:", message, on=" ")},
        }
        return {
            "Name": "Gate",
            "Type": "Condition",
            "Arguments": {
                "Conditions": [{"Type": "Equals", "LeftValue": passed, "RightValue": True}],
                "IfSteps": [self.sign(), self.register()],
                "ElseSteps": [refused],
            },
        }

    def sign(self) -> Json:
        """The model with its signature, in an archive of this run's own; never cached."""
        evaluation = output_uri("Evaluate", "evaluation")
        return {
            "Name": names.SIGN,
            "Type": "Lambda",
            "FunctionArn": self.resources.sign_function,
            "Arguments": {
                "model_uri": MODEL,
                "evaluation_uri": joined(evaluation, keys.EVALUATION_FILE),
                "signed_uri": self._run(keys.SIGNED),
            },
            "OutputParameters": [
                {"OutputName": name, "OutputType": "String"}
                for name in (names.SIGNED_MODEL_URI, names.SIGNING_KEY)
            ],
        }

    def register(self) -> Json:
        """A package, with pointers from it to the rows that it learned from.

        What code and settings made it, the job alone knows: conclude adds it from its evaluation.
        """
        uses = self.resources
        evaluation = output_uri("Evaluate", "evaluation")
        metrics = {
            "ContentType": "application/json",
            "S3Uri": joined(evaluation, keys.EVALUATION_FILE),
        }
        return {
            "Name": "Register",
            "Type": "RegisterModel",
            "Arguments": {
                "ModelPackageGroupName": uses.model_package_group,
                "ModelApprovalStatus": parameter(names.MODEL_APPROVAL_STATUS),
                "InferenceSpecification": {
                    "Containers": [
                        {
                            "Image": uses.image_uri,
                            "ModelDataUrl": answer(names.SIGN, names.SIGNED_MODEL_URI),
                        }
                    ],
                    "SupportedContentTypes": ["application/json"],
                    "SupportedResponseMIMETypes": ["application/json"],
                    "SupportedRealtimeInferenceInstanceTypes": [self.stage.endpoint.instance_type],
                },
                "ModelMetrics": {"ModelQuality": {"Statistics": metrics}},
                "CustomerMetadataProperties": {
                    packages.DATASET_ID: parameter(names.DATASET_ID),
                    packages.DATASET_MANIFEST_URI: parameter(names.DATASET_MANIFEST_URI),
                    packages.DATASET_VERSION_ID: parameter(names.DATASET_VERSION_ID),
                    packages.DATASET_SHA256: parameter(names.DATASET_SHA256),
                    packages.TEXT_RULES: parameter(names.TEXT_RULES),
                    packages.IMAGE_URI: uses.image_uri,
                    packages.RUN_PREFIX: self._run(),
                    packages.EVALUATION_PREFIX: evaluation,
                    packages.SIGNING_KEY: answer(names.SIGN, names.SIGNING_KEY),
                },
            },
        }

    def _processing(
        self, name: str, arguments: list[str], *, inputs: list[Json], output: str
    ) -> Json:
        """A job of the training program, isolated from the network, with one output folder."""
        uses = self.resources
        outputs = [job_output(output, self._run(output))]
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
                "ProcessingInputs": inputs,
                "ProcessingOutputConfig": {"Outputs": outputs, "KmsKeyId": uses.key_arn},
                "ProcessingResources": {"ClusterConfig": self._instance()},
                "NetworkConfig": {"EnableNetworkIsolation": True, **self._network()},
                "StoppingCondition": {
                    "MaxRuntimeInSeconds": self.stage.learning.max_runtime_seconds
                },
            },
            "RetryPolicies": RETRIES,
        }

    def _run(self, *parts: str) -> Json:
        """A place of this execution's own in the models bucket."""
        return joined(
            f"s3://{self.resources.models_bucket}/{keys.RUNS.rstrip('/')}", EXECUTION, *parts
        )

    def _instance(self) -> Json:
        return {
            "InstanceType": self.stage.learning.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": self.stage.learning.volume_gib,
            "VolumeKmsKeyId": self.resources.key_arn,
        }

    def _network(self) -> Json:
        """The stage's own subnets, where it names any."""
        wanted = self.stage.network
        if not wanted.subnet_ids:
            return {}
        groups = wanted.security_group_ids
        return {"VpcConfig": {"SecurityGroupIds": groups, "Subnets": wanted.subnet_ids}}

    def _spot(self) -> Json:
        """Spare capacity may be waited for as long again as the run itself may take."""
        longest = self.stage.learning.max_runtime_seconds
        if not self.stage.learning.spot:
            return {"StoppingCondition": {"MaxRuntimeInSeconds": longest}}
        stopping = {"MaxRuntimeInSeconds": longest, "MaxWaitTimeInSeconds": 2 * longest}
        return {"EnableManagedSpotTraining": True, "StoppingCondition": stopping}

    def _cache(self) -> Json:
        if not self.stage.learning.step_cache:
            return {}
        return {"CacheConfig": {"Enabled": True, "ExpireAfter": f"P{CACHE_DAYS}D"}}
