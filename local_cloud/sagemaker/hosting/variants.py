"""A fleet: the servers of one endpoint configuration, one process a variant.

Instances are counted, not started: one process stands for all instances of its variant.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.sagemaker.hosting.servers import ModelServer, ModelSource, model_source
from local_cloud.sagemaker.hosting.traffic_shift import Shares
from local_cloud.sagemaker.runtime.store import JsonObject


@dataclass(frozen=True)
class Variant:
    """One production variant and the process that answers for it."""

    settings: JsonObject
    source: ModelSource
    server: ModelServer

    @property
    def name(self) -> str:
        """The variant's name."""
        return str(self.settings["VariantName"])

    @property
    def weight(self) -> float:
        """Its weight among the variants."""
        return float(self.settings.get("InitialVariantWeight", 1.0))


class Fleet:
    """The variants of one configuration, which may be deleted while the fleet still serves.

    counts: instances by variant: those of the configuration, 1 of a serverless one, until they
    are changed.
    """

    def __init__(
        self, endpoint_name: str, config: JsonObject, retained: Mapping[str, int] | None = None
    ) -> None:
        """retained: instances by variant that a fleet before it had, and this one keeps."""
        self.config_name: str = config["EndpointConfigName"]
        self.variants = [_variant(endpoint_name, item) for item in config["ProductionVariants"]]
        asked = {v.name: int(v.settings.get("InitialInstanceCount", 1)) for v in self.variants}
        kept = {name: n for name, n in (retained or {}).items() if name in asked}
        self.counts = asked | kept
        self._shares = Shares([(variant, variant.weight) for variant in self.variants])

    def start(self) -> None:
        """Start every server; stop all of them if one does not start. Raises ModelServerError."""
        try:
            for variant in self.variants:
                variant.server.start()
        except Exception:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process of the fleet."""
        for variant in self.variants:
            variant.server.stop()

    def pick(self) -> Variant:
        """The variant that answers the next request."""
        return self._shares.pick()

    @property
    def instance_count(self) -> int:
        """Instances of all variants."""
        return sum(self.counts.values())

    @property
    def role_arns(self) -> set[str]:
        """The execution roles of the models."""
        return {variant.source.role_arn for variant in self.variants if variant.source.role_arn}

    def summary(self) -> list[dict[str, Any]]:
        """What DescribeEndpoint says of the variants."""
        return [
            {
                "VariantName": variant.name,
                "CurrentWeight": variant.weight,
                "DesiredWeight": variant.weight,
                "CurrentInstanceCount": self.counts[variant.name],
                "DesiredInstanceCount": self.counts[variant.name],
                "DeployedImages": [{"SpecifiedImage": variant.source.image}],
                **(
                    {"CurrentServerlessConfig": variant.settings["ServerlessConfig"]}
                    if "ServerlessConfig" in variant.settings
                    else {}
                ),
            }
            for variant in self.variants
        ]


def _variant(endpoint_name: str, settings: JsonObject) -> Variant:
    source = model_source(settings["ModelName"])
    name = f"{endpoint_name}-{settings['VariantName']}-{secrets.token_hex(4)}"
    server = ModelServer(source, endpoint=endpoint_name, variant=settings["VariantName"], name=name)
    return Variant(settings, source, server)
