"""Where runs can be looked at and compared: MLflow, an app of the stage's own or somebody's."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from infra.blocks.statements import allow
from infra.stage import Stage

# What training/tracking/track.py does with a run, and no more: nothing is deleted or registered.
ACTIONS = (
    "CreateExperiment", "CreateRun", "GetExperimentByName", "GetRun", "ListArtifacts", "LogBatch",
    "LogInputs", "SearchRuns", "UpdateRun",
)  # fmt: skip


def environment(stage: Stage) -> dict[str, str]:
    """How the step Track finds the server that the stage's file names; of an own app nothing.

    A URL is taken as it is: that server lets in whom it wants, and keeps artefacts itself.
    """
    wanted = stage.learning.tracking_uri
    if not wanted or stage.has_own_tracking:
        return {}
    # The bucket of somebody's server is not ours to grant: the server itself signs each upload.
    signs = {"SAGEMAKER_PRESIGNED_URL_UPLOAD_ENABLED": "true"} if _is_arn(wanted) else {}
    return {"MLFLOW_TRACKING_URI": wanted, **signs}


def may_send_to_named(stage: Stage) -> list[iam.PolicyStatement]:
    """Send runs to the server of SageMaker that the stage's file names, if it names one."""
    wanted = stage.learning.tracking_uri
    return [may_send(wanted)] if _is_arn(wanted) else []


def may_send(arn: str) -> iam.PolicyStatement:
    """Send runs to SageMaker's MLflow: an app is asked by the first two, a server by all."""
    actions = ["sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp"]
    return allow([*actions, *(f"sagemaker-mlflow:{action}" for action in ACTIONS)], arn)


def _is_arn(uri: str) -> bool:
    return uri.startswith("arn:")
