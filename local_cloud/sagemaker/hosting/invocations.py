"""InvokeEndpoint: from the request to the model server and back, with the metrics AWS keeps."""

import json
import time

from local_cloud.sagemaker.hosting import endpoints
from local_cloud.sagemaker.hosting.servers import ContainerResponse, ModelServerError
from local_cloud.sagemaker.hosting.variants import Variant
from local_cloud.sagemaker.runtime import emulator
from local_cloud.sagemaker.runtime.store import STORE

MAX_BODY_BYTES = 6_291_456
_PASSED = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes")
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the "
    "latency metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)

Response = tuple[int, dict[str, str], bytes]


def invoke(name: str, headers: dict[str, str], body: bytes) -> Response:
    """Ask an endpoint; blocks for at most a minute."""
    account, _ = emulator.current_scope()
    record = STORE.table("endpoint").get(name)
    if record is None:
        return _error(400, "ValidationError", f"Endpoint {name} of account {account} not found.")
    if len(body) > MAX_BODY_BYTES:
        return _error(413, "413", f"HTTP content length exceeded {MAX_BODY_BYTES} bytes.")
    traffic = endpoints.LIVE[record["EndpointArn"]].traffic
    if not traffic:
        status = record["EndpointStatus"]
        message = f"Endpoint {name} of account {account} does not serve: it is {status}."
        return _error(400, "ValidationError", message)
    variant = traffic.pick().pick()
    passed = {key: value for key, value in headers.items() if key.lower() in _PASSED}
    started = time.perf_counter()
    try:
        answer = variant.server.invoke(body, passed)
    except TimeoutError:
        answer = ContainerResponse(0, "text/plain", _TIMED_OUT.encode())
    except ModelServerError as error:
        answer = ContainerResponse(500, "text/plain", str(error).encode())
    _measure(name, variant, answer.status, (time.perf_counter() - started) * 1e6)
    if 200 <= answer.status < 300:
        served_by = {"x-Amzn-Invoked-Production-Variant": variant.name}
        return 200, {"Content-Type": answer.content_type, **served_by}, answer.body
    return _model_error(name, variant, answer)


def _measure(name: str, variant: Variant, status: int, latency_microseconds: float) -> None:
    """Error metrics get a 0 for every good answer, so that their average is the error rate."""
    dimensions = {"EndpointName": name, "VariantName": variant.name}
    is_client_error = 400 <= status < 500
    is_server_error = not (200 <= status < 300 or is_client_error)
    for metric, value in (
        ("Invocations", 1.0),
        ("Invocation4XXErrors", float(is_client_error)),
        ("Invocation5XXErrors", float(is_server_error)),
        ("InvocationModelErrors", float(is_client_error or is_server_error)),
    ):
        emulator.record_metric(metric, value, unit="None", dimensions=dimensions)
    emulator.record_metric(
        "ModelLatency", latency_microseconds, unit="Microseconds", dimensions=dimensions
    )


def _model_error(name: str, variant: Variant, answer: ContainerResponse) -> Response:
    side = "client" if 400 <= answer.status < 500 else "server"
    original = answer.body.decode("utf-8", "replace")
    message = f'Received {side} error ({answer.status}) from primary with message "{original}".'
    return _error(
        424,
        "ModelError",
        message,
        OriginalStatusCode=answer.status,
        OriginalMessage=original,
        LogStreamArn=_log_arn(name),
    )


def _log_arn(name: str) -> str:
    account, region = emulator.current_scope()
    return f"arn:aws:logs:{region}:{account}:log-group:/aws/sagemaker/Endpoints/{name}"


def _error(status: int, code: str, message: str, **extra: object) -> Response:
    body = json.dumps({"Message": message, "message": message, **extra}).encode()
    return status, {"Content-Type": "application/json", "x-amzn-ErrorType": code}, body
