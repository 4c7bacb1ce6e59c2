"""An MLflow app of the stage's own, and who may send runs to it."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.blocks.statements import may_list, may_read, may_write
from infra.blocks.tracking import may_send
from infra.stage import Stage
from lambdas.contract.names import TRACK

ARTEFACTS = "mlflow"  # prefix of the models bucket


class TrackingApp(Construct):
    """Its ARN is known once it is there: a parameter says it, and each run asks for that.

    The role of the step Track is known by its name, and gets its rights on the app here: with the
    stack go the app, the rights and the parameter, and runs go on untracked.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage, models: s3.IBucket) -> None:
        super().__init__(scope, id)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        artefacts = f"{ARTEFACTS}/*"
        written = may_write(models, artefacts, in_parts=True)
        for statement in (*may_list(models, artefacts), *may_read(models, artefacts), *written):
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
        rights = iam.Policy(
            self,
            "Sends",
            statements=[may_send(app.attr_arn), *written],
            roles=[iam.Role.from_role_name(self, "Track", stage.role_name(TRACK))],
        )
        known = ssm.CfnParameter(
            self,
            "Known",
            name=stage.tracking_parameter,
            type="String",
            value=app.attr_arn,
            description="The MLflow app of the stage",
        )
        known.node.add_dependency(rights)  # whoever finds it may send
