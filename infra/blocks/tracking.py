"""Where runs can be looked at and compared: MLflow, an app of the stage's own or somebody's."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.blocks.statements import allow, may_list, may_read, may_write
from infra.stage import OWN_TRACKING, Stage

ARTEFACTS = "mlflow"  # prefix of the models bucket
# What training/tracking/track.py does with a run, and no more: nothing is deleted or registered.
ACTIONS = (
    "CreateExperiment", "CreateRun", "GetExperimentByName", "GetRun", "ListArtifacts", "LogBatch",
    "LogInputs", "SearchRuns", "UpdateRun",
)  # fmt: skip


class Tracking(Construct):
    """The environment of the step Track, and what its role may do in SageMaker's MLflow.

    A URL is taken as it is: that server lets in whom it wants, and keeps artefacts itself.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, models: s3.IBucket) -> None:
        super().__init__(scope, id)
        self._arn = ""
        self._writes: list[iam.PolicyStatement] = []
        wanted = stage.learning.tracking_uri
        self.environment = {"MLFLOW_TRACKING_URI": wanted} if wanted else {}
        if wanted == OWN_TRACKING:
            self._arn = self._app(stage, models).attr_arn
            self._writes = may_write(models, f"{ARTEFACTS}/*", in_parts=True)
            self.environment = {"MLFLOW_TRACKING_URI": self._arn}
        elif wanted.startswith("arn:"):
            self._arn = wanted
            # Its bucket is not ours to grant: the server itself signs each upload.
            self.environment["SAGEMAKER_PRESIGNED_URL_UPLOAD_ENABLED"] = "true"

    def may_send(self) -> Sequence[iam.PolicyStatement]:
        """Send runs to SageMaker's MLflow: an app is asked by the first two, a server by all."""
        if not self._arn:
            return []
        actions = ["sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp"]
        actions += [f"sagemaker-mlflow:{action}" for action in ACTIONS]
        return [allow(actions, self._arn), *self._writes]

    def _app(self, stage: Stage, models: s3.IBucket) -> sagemaker.CfnMlflowApp:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        for statement in (
            *may_list(models, f"{ARTEFACTS}/*"),
            *may_read(models, f"{ARTEFACTS}/*"),
            *may_write(models, f"{ARTEFACTS}/*", in_parts=True),
        ):
            role.add_to_policy(statement)
        app = sagemaker.CfnMlflowApp(
            self,
            "App",
            name=stage.name(),
            artifact_store_uri=models.s3_url_for_object(ARTEFACTS),
            role_arn=role.role_arn,
            model_registration_mode="AutoModelRegistrationDisabled",
        )
        app.node.add_dependency(role)
        return app
