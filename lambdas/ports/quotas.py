"""Service Quotas: how much of something this account and region may have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lambdas.ports.clients import client


@dataclass(frozen=True)
class Quota:
    """One quota as AWS has it now, with the code by which more is asked for."""

    name: str
    code: str
    value: float


def quotas(service: str) -> dict[str, Quota]:
    """The quotas of a service by their names.

    What was never changed may stand among the defaults alone.
    """
    found = {quota.name: quota for quota in _listed("list_aws_default_service_quotas", service)}
    return found | {quota.name: quota for quota in _listed("list_service_quotas", service)}


def _listed(operation: str, service: str) -> Iterator[Quota]:
    quotas: Any = client("service-quotas")
    for page in quotas.get_paginator(operation).paginate(ServiceCode=service):
        for item in page["Quotas"]:
            yield Quota(item["QuotaName"], item["QuotaCode"], float(item["Value"]))
