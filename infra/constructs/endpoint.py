"""The live model: nothing until a package is released, then Model, EndpointConfig, Endpoint."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from aws_cdk import CfnCondition, CfnDeletionPolicy, CfnOutput, CfnParameter, CfnResource, Fn
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.blocks.guardrails import VARIANT, guarded, unguarded
from infra.blocks.network import of_jobs
from infra.stage import Stage
from lambdas.contract.live import CONTAINER_VERSION, NONE
from lambdas.contract.names import released_prefix
from lambdas.contract.releases import (
    AT_ONCE,
    CANARY,
    MODEL_PACKAGE_ARN,
    RELEASE,
    ROLLOUT,
    SIGNING_KEYS,
)
from reviews.signature import KEYS_VARIABLE, POLICY_VARIABLE


class Endpoint(Construct):
    """What four parameters make of the stage: the Release machine and nobody else changes them.

    Nothing but these four resources, and what scales them, may depend on the parameters: the
    machine's role could not update it.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self._stage = stage
        self._package = self._parameter(MODEL_PACKAGE_ARN, "", "Released package; empty: none")
        self._release = self._parameter(RELEASE, NONE, "Short id of the release, part of names")
        self._rollout = self._parameter(ROLLOUT, AT_ONCE, "How it goes out")
        self._rollout.allowed_values = [CANARY, AT_ONCE]
        self._keys = self._parameter(SIGNING_KEYS, "", "Who signs what serves; empty: unchecked")
        self._has_model = CfnCondition(
            self,
            "HasModel",
            expression=Fn.condition_not(Fn.condition_equals(self._package.value_as_string, "")),
        )
        self._has_model.override_logical_id("HasModel")
        # A model that was released before any was signed goes on as it was released.
        self._has_keys = CfnCondition(
            self,
            "HasSigningKeys",
            expression=Fn.condition_not(Fn.condition_equals(self._keys.value_as_string, "")),
        )
        self._has_keys.override_logical_id("HasSigningKeys")
        self.endpoint = self._endpoint(self._configuration(self._model()))
        self._live_record(self.endpoint)
        # A serverless stage has no other use for it, and the machine sends it to every stage.
        last = CfnOutput(self, "LastRollout", value=self._rollout.value_as_string)
        last.override_logical_id("LastRollout")

    def _parameter(self, name: str, default: str, description: str) -> CfnParameter:
        made = CfnParameter(self, name, type="String", default=default, description=description)
        made.override_logical_id(name)
        return made

    def _model(self) -> sagemaker.CfnModel:
        # SageMaker isolates no serverless endpoint.
        isolated = True if self._stage.endpoint.kind == "instances" else None
        role_arn = self._stage.role_arn("model")
        signature = self._stage.learning.signature
        package = self._package.value_as_string
        # Each answer names the package that gave it: while a canary shifts, two of them answer.
        container = sagemaker.CfnModel.ContainerDefinitionProperty(
            model_package_name=package,
            environment=self._environment({CONTAINER_VERSION: package}, signature),
        )
        network = of_jobs(self._stage)
        what_else = (role_arn, isolated, *network.values(), CONTAINER_VERSION, signature)
        made = sagemaker.CfnModel(
            self,
            "Model",
            model_name=self._name(*what_else),
            execution_role_arn=role_arn,
            containers=[container],
            enable_network_isolation=isolated,
        )
        if isolated and network:
            made.add_property_override("VpcConfig", network["VpcConfig"])
        self._released(made)
        return made

    def _environment(self, always: dict[str, str], signature: str) -> Any:
        """always, and what the server asks of the model's signature, by which keys, if any."""
        trust = {POLICY_VARIABLE: signature, KEYS_VARIABLE: self._keys.value_as_string}
        return Fn.condition_if(self._has_keys.logical_id, {**always, **trust}, always)

    def _configuration(self, model: sagemaker.CfnModel) -> sagemaker.CfnEndpointConfig:
        """No key for the volume: it holds the model alone, and SageMaker encrypts it anyway."""
        wanted = self._stage.endpoint
        variant: dict[str, Any] = {"variantName": VARIANT, "initialVariantWeight": 1}
        if wanted.kind == "serverless":
            variant["serverlessConfig"] = {
                "maxConcurrency": wanted.serverless_concurrency,
                "memorySizeInMb": wanted.serverless_memory_mb,
            }
        else:
            variant["initialInstanceCount"] = wanted.instance_count
            variant["instanceType"] = wanted.instance_type
        made = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            endpoint_config_name=self._name(variant),
            production_variants=[{**variant, "modelName": model.attr_model_name}],
        )
        self._released(made)
        return made

    def _endpoint(self, configuration: sagemaker.CfnEndpointConfig) -> sagemaker.CfnEndpoint:
        """Where the stage scales, a release keeps the instances that the load has brought."""
        made = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self._stage.name(),
            endpoint_config_name=configuration.attr_endpoint_config_name,
            retain_all_variant_properties=self._stage.endpoint.scales or None,
        )
        if self._stage.endpoint.kind == "instances":
            canary = CfnCondition(
                self,
                "IsCanary",
                expression=Fn.condition_equals(self._rollout.value_as_string, CANARY),
            )
            canary.override_logical_id("IsCanary")
            either = [canary.logical_id, guarded(self._stage), unguarded()]
            made.add_property_override("DeploymentConfig", {"Fn::If": either})
        made.cfn_options.condition = self._has_model
        made.override_logical_id("Endpoint")
        return made

    def _live_record(self, endpoint: sagemaker.CfnEndpoint) -> None:
        """Says which package answers; in this stack, so that it follows a rollback.

        Written after the rollout: until then the former package answers. The reference makes that
        order; DependsOn may not name a resource that a condition leaves out.
        """
        package = Fn.select(0, [self._package.value_as_string, endpoint.ref])
        ssm.CfnParameter(
            self,
            "Live",
            name=self._stage.live_parameter,
            type="String",
            value=Fn.condition_if(self._has_model.logical_id, package, NONE).to_string(),
            description="The model package that answers",
        )

    def _released(self, made: CfnResource) -> None:
        """Only with a model; a replaced one stays until the machine has seen what serves.

        A rollout that SageMaker rolls back in silence must find its old configuration there.
        """
        made.cfn_options.condition = self._has_model
        made.cfn_options.deletion_policy = CfnDeletionPolicy.DELETE
        made.cfn_options.update_replace_policy = CfnDeletionPolicy.RETAIN

    def _name(self, *what_else: object) -> str:
        """`<prefix>--<package version>-<digest of what else is in it>-<release>`.

        Neither resource changes in place, and a fixed name would forbid its replacement.
        """
        # "arn:...:model-package/<group>/<version>"; the ending keeps Select in range while empty.
        padded = Fn.join("", [self._package.value_as_string, f"/{NONE}/{NONE}"])
        version = Fn.select(2, Fn.split("/", padded))
        digest = hashlib.sha256(json.dumps(what_else).encode()).hexdigest()[:6]
        prefix = released_prefix(self._stage.name()).removesuffix("-")
        return Fn.join("-", [prefix, version, digest, self._release.value_as_string])
