"""Who signs: one function after the gate, whose role alone may use the signing key."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.blocks.function import Function, may_invoke
from infra.blocks.statements import may_read, may_use_key, may_write
from infra.platform import Platform
from lambdas.contract import keys
from lambdas.contract.names import SIGNING
from lambdas.settings import LearnSettings

SECONDS = 120  # to read, sign and write 40 MB


class Signing(Construct):
    """Signs what passed the gate, for the pipeline and for a promotion; nobody else has the key."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        platform: Platform,
        settings: LearnSettings,
        models: s3.IBucket,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        runs = keys.anything(keys.RUNS)
        self._function = Function(
            self,
            "Sign",
            platform=platform,
            handler="lambdas.learn.sign.handler",
            environment=settings.to_env(),
            may=[
                may_read(models, runs),
                may_write(models, keys.SIGNED_MODELS),
                may_use_key(key, "kms:GetPublicKey", "kms:Sign"),
            ],
            timeout_seconds=SECONDS,
            role_name=platform.stage.role_name(SIGNING),
        )

    @property
    def function_arn(self) -> str:
        """The published function, which a pipeline or a promotion calls."""
        return self._function.published

    def may_sign(self) -> list[iam.PolicyStatement]:
        """Have a model signed that passed its gate."""
        return may_invoke(self._function)
