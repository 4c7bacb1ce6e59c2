"""The service itself: JSON 1.1 operations, invocations, and its place in the emulator's tables."""

import asyncio
import atexit
import json
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from types import ModuleType
from typing import Any

from ministack import app
from ministack.core import iam_actions, router

from local_cloud.sagemaker import cloudformation_types, mlflow_apps
from local_cloud.sagemaker.hosting import endpoints, invocations, models
from local_cloud.sagemaker.jobs import operations as jobs
from local_cloud.sagemaker.pipelines import operations as pipelines
from local_cloud.sagemaker.registry import packages
from local_cloud.sagemaker.runtime import arns, emulator, tags
from local_cloud.sagemaker.runtime.errors import ServiceError
from local_cloud.sagemaker.runtime.store import STORE, JsonObject

Response = tuple[int, dict[str, str], bytes]

OPERATIONS: dict[str, Callable[[JsonObject], JsonObject]] = {
    **tags.OPERATIONS,
    **packages.OPERATIONS,
    **models.OPERATIONS,
    **jobs.OPERATIONS,
    **pipelines.OPERATIONS,
    **endpoints.OPERATIONS,
    **mlflow_apps.OPERATIONS,
}
_CONTENT = "application/x-amz-json-1.1"
# Its own threads: a Lambda that asks an endpoint holds one of the emulator's while it waits.
_INVOKERS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="invocation")


async def handle(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> Response:
    """Answer one request of the SageMaker or SageMaker Runtime API."""
    name = arns.invoked_endpoint(path)
    if name is not None and method == "POST":
        context = copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            _INVOKERS, context.run, invocations.invoke, name, dict(headers), body
        )
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation not in OPERATIONS:
        message = f"sagemaker:{operation or path} does not run on this machine"
        return _refusal(ServiceError("UnknownOperationException", message))
    try:
        request = json.loads(body or b"{}")
        answer = OPERATIONS[operation](request)
    except ServiceError as error:
        return _refusal(error)
    except KeyError as error:
        return _refusal(ServiceError("ValidationException", f"{error.args[0]} is required"))
    except (ValueError, emulator.MissingObjectError) as error:
        return _refusal(ServiceError("ValidationException", str(error)))
    visible = {key: value for key, value in answer.items() if not key.startswith("_")}
    return 200, {"Content-Type": _CONTENT}, json.dumps(visible).encode()


def _refusal(error: ServiceError) -> Response:
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return error.status, {"Content-Type": _CONTENT, "x-amzn-ErrorType": error.code}, body


def reset() -> None:
    """Stop every process and forget every record."""
    pipelines.stop_everything()
    jobs.stop_everything()
    endpoints.stop_everything()
    STORE.clear()


def register() -> None:
    """Put SageMaker into the emulator's tables: routing, authorization, templates, reset."""
    app.SERVICE_HANDLERS["sagemaker"] = handle
    app.SERVICE_REGISTRY["sagemaker"] = {"module": "sagemaker"}
    module = ModuleType("ministack.services.sagemaker")
    module.__dict__.update(reset=reset, handle_request=handle)
    app._loaded_modules["sagemaker"] = module
    sys.modules.setdefault(module.__name__, module)
    router.SERVICE_PATTERNS["sagemaker"] = {
        "target_prefixes": ["SageMaker"],
        "host_patterns": [r"(runtime\.)?sagemaker\."],
        "credential_scope": "sagemaker",
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE["sagemaker"] = "sagemaker"
    iam_actions._BOTOCORE_SERVICE_MAP["sagemaker"] = ["sagemaker-runtime"]
    cloudformation_types.register()
    atexit.register(reset)
