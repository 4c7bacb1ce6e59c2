"""Service Quotas, as far as a deploy asks: SageMaker's instances by their quotas' names.

Gap: MiniStack has no Service Quotas.
Delete when it has. Differences that stay: an account here may have as many as `VALUE`, where a new
one on AWS may have none, and an increase is granted at once (a decrease, too).
"""

import json
import sys
import zlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import (
    AccountRegionScopedDict,
    error_response_json,
    json_response,
)

Json = dict[str, Any]
SERVICE, SAGEMAKER = "servicequotas", "sagemaker"
VALUE = 20.0
TYPES = tuple(
    f"ml.{family}.{size}"
    for family in ("c5", "c7i", "m5", "m7i")
    for size in ("large", "xlarge", "2xlarge", "4xlarge")
)
USES = (
    "endpoint usage",
    "training job usage",
    "spot training job usage",
    "processing job usage",
)
NAMES = tuple(f"{kind} for {use}" for kind in TYPES for use in USES)

_granted = AccountRegionScopedDict()  # by code, what was asked for


def install() -> None:
    """Put the service into the emulator's tables, as `local_cloud.sagemaker` does with its own."""
    app.SERVICE_HANDLERS[SERVICE] = handle
    app.SERVICE_REGISTRY[SERVICE] = {"module": SERVICE}
    module = ModuleType(f"ministack.services.{SERVICE}")
    module.__dict__.update(reset=_granted.clear, handle_request=handle)
    app._loaded_modules[SERVICE] = module
    sys.modules.setdefault(module.__name__, module)
    router.SERVICE_PATTERNS[SERVICE] = {
        "target_prefixes": ["ServiceQuotasV20190624"],
        "host_patterns": [r"servicequotas\."],
        "credential_scope": SERVICE,
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE[SERVICE] = SERVICE
    iam_actions._BOTOCORE_SERVICE_MAP[SERVICE] = ["service-quotas"]


def code(name: str) -> str:
    """The code of a quota: made of its name, and not the one that AWS has for it."""
    return f"L-{zlib.crc32(name.encode()):08X}"


async def handle(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Any:
    """Answer one request."""
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    request: Json = json.loads(body or b"{}")
    if request.get("ServiceCode") != SAGEMAKER:
        return error_response_json("NoSuchResourceException", "only sagemaker is here", 400)
    if operation in ("ListServiceQuotas", "ListAWSDefaultServiceQuotas"):
        return json_response({"Quotas": [_quota(name) for name in NAMES]})
    if operation == "RequestServiceQuotaIncrease":
        _granted[request["QuotaCode"]] = float(request["DesiredValue"])
        return json_response({"RequestedQuota": {"Status": "APPROVED", **request}})
    message = f"{SERVICE}:{operation} does not run on this machine"
    return error_response_json("UnknownOperationException", message, 400)


def _quota(name: str) -> Json:
    known = code(name)
    value = _granted.get(known, VALUE)
    return {"ServiceCode": SAGEMAKER, "QuotaName": name, "QuotaCode": known, "Value": value}
