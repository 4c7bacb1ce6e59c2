"""The model's endpoint."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ReadTimeoutError,
)

from lambdas.ports.clients import client_within
from reviews.errors import DeadlineError, ModelError, NotReadyError

SECONDS = 12.0  # twice is less than the gateway's 29; a serverless model wakes up in less
ATTEMPTS = 2
ABSENT = ("ValidationError", "ValidationException")  # how the runtime says "no such endpoint"
BUSY = ("ServiceUnavailable", "ThrottlingException", "ModelNotReadyException", "InternalFailure")


class NotDeployedError(NotReadyError):
    """No endpoint serves: nothing was released, or the stage sleeps."""


def runtime() -> Any:
    """The client that asks the endpoint; made by the first call."""
    return client_within("sagemaker-runtime", SECONDS, ATTEMPTS)


def invoke(endpoint_name: str, body: bytes, inference_id: str = "") -> bytes:
    """One question to the model, its answer as it came.

    Raises NotDeployedError where no endpoint serves, NotReadyError where it is overloaded,
    DeadlineError where it took too long, ModelError where it failed.
    """
    more = {"InferenceId": inference_id} if inference_id else {}
    try:
        answer = runtime().invoke_endpoint(
            EndpointName=endpoint_name, Body=body, ContentType="application/json", **more
        )
        return bytes(answer["Body"].read())
    except ClientError as error:
        raise _meaning(error) from None
    except (ConnectTimeoutError, ReadTimeoutError):
        raise DeadlineError("the model took too long") from None
    except BotoCoreError as error:
        raise NotReadyError(f"the endpoint cannot be reached: {type(error).__name__}") from None


def _meaning(error: ClientError) -> NotReadyError | ModelError:
    code = error.response["Error"]["Code"]
    if code in ABSENT:
        return NotDeployedError("no endpoint serves")
    if code in BUSY:
        return NotReadyError("the model is busy")
    status = error.response.get("OriginalStatusCode", "no status")
    return ModelError(f"the endpoint answered {code}, the model {status}")
