"""The same pipeline by the SageMaker SDK: for the venv of notebooks/requirements.txt.

Reads what ours is made from as JSON from the standard input, writes the SDK's definition. It
reaches no network: the session has a region, no credentials are asked for, nothing is uploaded.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="none",
    AWS_SECRET_ACCESS_KEY="none",
    AWS_EC2_METADATA_DISABLED="true",
    SAGEMAKER_VALIDATE_ROLE="false",
)

from sagemaker.core.lambda_helper import Lambda
from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
    S3DataSource,
)
from sagemaker.core.training.configs import (
    Compute,
    InputData,
    Networking,
    OutputDataConfig,
    StoppingCondition,
)
from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.serve.model_builder import ModelBuilder
from sagemaker.train.model_trainer import ModelTrainer

QUIET = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}}}
RETRIES = [
    SageMakerJobStepRetryPolicy(
        exception_types=[
            SageMakerJobExceptionTypeEnum.INTERNAL_ERROR,
            SageMakerJobExceptionTypeEnum.CAPACITY_ERROR,
        ],
        interval_seconds=60,
        backoff_rate=2.0,
        max_attempts=3,
    ),
    StepRetryPolicy(
        exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING],
        interval_seconds=20,
        backoff_rate=2.0,
        max_attempts=4,
    ),
]
WORK = "/opt/ml/processing"


class Maker:
    """The steps as a user of the SDK would write them."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.session = PipelineSession(default_bucket=given["bucket"], sagemaker_config=QUIET)
        self.parameters = {
            name: ParameterString(name=name, default_value=default, enum_values=values)
            for name, (default, values) in given["parameters"].items()
        }
        self.cache = CacheConfig(enable_caching=True, expire_after="P30D")
        self.train = self._train()
        self.model = self.train.properties.ModelArtifacts.S3ModelArtifacts
        self.evaluation = PropertyFile(
            name="Evaluation", output_name="evaluation", path="evaluation.json"
        )
        self.evaluate = self._evaluate()
        self.evaluated = self.evaluate.properties.ProcessingOutputConfig.Outputs[
            "evaluation"
        ].S3Output.S3Uri
        self.sign = self._sign()

    def pipeline(self) -> Pipeline:
        """The whole pipeline."""
        track = self._track()
        passed = self._from_evaluation("gate.passed")
        message = self._from_evaluation("gate.message")
        refused = FailStep(
            name="Refused",
            depends_on=[track],
            error_message=Join(on=" ", values=["Refused:", message]),
        )
        gate = ConditionStep(
            name="Gate",
            conditions=[ConditionEquals(left=passed, right=True)],
            if_steps=[self.sign, self._register()],
            else_steps=[refused],
        )
        return Pipeline(
            name="review-stars",
            parameters=list(self.parameters.values()),
            steps=[self.train, self.evaluate, track, gate],
            sagemaker_session=self.session,
        )

    def _run(self, *parts: str) -> Join:
        root = f"s3://{self.given['bucket']}/runs"
        return Join(on="/", values=[root, ExecutionVariables.PIPELINE_EXECUTION_ID, *parts])

    def _from_evaluation(self, path: str) -> JsonGet:
        return JsonGet(step_name="Evaluate", property_file=self.evaluation, json_path=path)

    def _train(self) -> TrainingStep:
        given, parameters = self.given, self.parameters
        manifest = S3DataSource(
            s3_data_type="ManifestFile",
            s3_uri=parameters["DatasetManifestUri"],
            s3_data_distribution_type="FullyReplicated",
        )
        trainer = ModelTrainer(
            sagemaker_session=self.session,
            role=given["role"],
            training_image=given["image"],
            compute=Compute(
                instance_type=given["instance_type"],
                instance_count=1,
                volume_size_in_gb=given["volume"],
                volume_kms_key_id=given["key"],
                enable_managed_spot_training=True,
            ),
            networking=Networking(enable_network_isolation=True),
            stopping_condition=StoppingCondition(
                max_runtime_in_seconds=given["longest"],
                max_wait_time_in_seconds=2 * given["longest"],
            ),
            output_data_config=OutputDataConfig(
                s3_output_path=self._run("model"), kms_key_id=given["key"]
            ),
            hyperparameters={
                "folds": str(given["folds"]),
                "dataset_id": parameters["DatasetId"],
                "dataset_manifest_uri": parameters["DatasetManifestUri"],
                "dataset_sha256": parameters["DatasetSha256"],
                "git_commit": parameters["GitCommit"],
                "configuration_digest": parameters["ConfigurationDigest"],
                "program_digest": parameters["ProgramDigest"],
                "image_uri": given["image"],
            },
        )
        data = InputData(channel_name="dataset", data_source=manifest)
        return TrainingStep(
            name="Train",
            step_args=trainer.train(input_data_config=[data]),
            cache_config=self.cache,
            retry_policies=RETRIES,
        )

    def _processor(
        self,
        role: str,
        isolated: bool,
        env: dict[str, Any] | None = None,
        longest: int | None = None,
    ) -> Processor:
        given = self.given
        return Processor(
            role=given[role],
            image_uri=given["image"],
            instance_count=1,
            instance_type=given["instance_type"],
            entrypoint=["python", "-m", "training"],
            volume_size_in_gb=given["volume"],
            volume_kms_key=given["key"],
            output_kms_key=given["key"],
            max_runtime_in_seconds=longest or given["longest"],
            sagemaker_session=self.session,
            env=env,
            network_config=NetworkConfig(enable_network_isolation=isolated),
        )

    def _evaluate(self) -> ProcessingStep:
        parameters = self.parameters
        arguments = ["evaluate", "--model", f"{WORK}/model", "--data", f"{WORK}/dataset"]
        arguments += ["--champion", f"{WORK}/champion", "--out", f"{WORK}/evaluation"]
        args = self._processor("role", isolated=True).run(
            inputs=[
                taken("model", self.model),
                taken("dataset", parameters["DatasetManifestUri"], "ManifestFile"),
                taken("champion", parameters["ChampionModelUri"]),
            ],
            outputs=[left("evaluation", self._run("evaluation"))],
            arguments=arguments,
        )
        return ProcessingStep(
            name="Evaluate",
            step_args=args,
            property_files=[self.evaluation],
            cache_config=self.cache,
            retry_policies=RETRIES,
        )

    def _track(self) -> ProcessingStep:
        arguments = ["track", "--run", f"{WORK}/model", "--evaluation", f"{WORK}/evaluation"]
        arguments += ["--dataset", f"{WORK}/dataset/dataset.json"]
        datasets = f"s3://{self.given['curated']}/datasets"
        dataset = Join(on="/", values=[datasets, self.parameters["DatasetId"], ""])
        environment = {
            "MLFLOW_TRACKING_URI": self.parameters["TrackingUri"],
            "MLFLOW_EXPERIMENT_NAME": self.given["name"],
            "PIPELINE_EXECUTION_ID": ExecutionVariables.PIPELINE_EXECUTION_ID,
        }
        job = self._processor("tracking_role", isolated=False, env=environment, longest=900)
        args = job.run(
            inputs=[
                taken("model", self.model),
                taken("evaluation", self.evaluated),
                taken("dataset", dataset),
            ],
            outputs=[left("tracking", self._run("tracking"))],
            arguments=arguments,
        )
        return ProcessingStep(name="Track", step_args=args, retry_policies=RETRIES)

    def _sign(self) -> LambdaStep:
        return LambdaStep(
            name="Sign",
            lambda_func=Lambda(function_arn=self.given["sign_function"]),
            inputs={
                "model_uri": self.model,
                "evaluation_uri": Join(on="/", values=[self.evaluated, "evaluation.json"]),
                "signed_uri": self._run("signed/model.tar.gz"),
            },
            outputs=[LambdaOutput("model_uri"), LambdaOutput("signing_key")],
        )

    def _register(self) -> ModelStep:
        given, parameters = self.given, self.parameters
        model = ModelBuilder(
            s3_model_data_url=self.sign.properties.Outputs["model_uri"],
            image_uri=given["image"],
            role_arn=given["role"],
            sagemaker_session=self.session,
            instance_type=given["serving_instance_type"],
        )
        model.source_dir = model.entry_point = model.dependencies = None  # no code to upload
        statistics = MetricsSource(
            content_type="application/json",
            s3_uri=Join(on="/", values=[self.evaluated, "evaluation.json"]),
        )
        args = model.register(
            model_package_group_name=given["group"],
            content_types=["application/json"],
            response_types=["application/json"],
            inference_instances=[given["serving_instance_type"]],
            approval_status=parameters["ModelApprovalStatus"],
            model_metrics=ModelMetrics(model_statistics=statistics),
            customer_metadata_properties={
                "dataset_id": parameters["DatasetId"],
                "dataset_manifest_uri": parameters["DatasetManifestUri"],
                "dataset_version_id": parameters["DatasetVersionId"],
                "dataset_sha256": parameters["DatasetSha256"],
                "text_rules": parameters["TextRules"],
                "image_uri": given["image"],
                "run_prefix": self._run(),
                "evaluation_prefix": self.evaluated,
                "signing_key": self.sign.properties.Outputs["signing_key"],
            },
        )
        return ModelStep(name="Register", step_args=args)


def taken(name: str, uri: Any, kind: str = "S3Prefix") -> ProcessingInput:
    """An input of a Processing job."""
    return ProcessingInput(
        input_name=name,
        app_managed=False,
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=f"{WORK}/{name}",
            s3_data_type=kind,
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
            s3_compression_type="None",
        ),
    )


def left(name: str, uri: Any) -> ProcessingOutput:
    """An output of a Processing job."""
    return ProcessingOutput(
        output_name=name,
        app_managed=False,
        s3_output=ProcessingS3Output(
            s3_uri=uri, local_path=f"{WORK}/{name}", s3_upload_mode="EndOfJob"
        ),
    )


if __name__ == "__main__":
    sys.stdout.write(Maker(json.load(sys.stdin)).pipeline().definition())
