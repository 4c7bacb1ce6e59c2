"""The model's endpoint."""

from __future__ import annotations

import json

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.ports.clients import client
from reviews.errors import DeadlineError, ModelError, NotReadyError


def invoke(endpoint_name: str, body: bytes, inference_id: str = "") -> bytes:
    """One question to the model, its answer as it came.

    Raises NotReadyError where no endpoint serves or it is overloaded, DeadlineError where it took
    too long, ModelError where it failed.
    """
    more = {"InferenceId": inference_id} if inference_id else {}
    try:
        answer = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint_name, Body=body, ContentType="application/json", **more
        )
        return bytes(answer["Body"].read())
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ModelError":
            raise ModelError(f"the model answered {_original(error)}") from None
        if code in ("ValidationError", "ValidationException"):
            raise NotReadyError("model_not_deployed") from None
        if code in ("ServiceUnavailable", "ThrottlingException", "ModelNotReadyException"):
            raise NotReadyError("the model is busy") from None
        raise ModelError(f"the endpoint refused: {code}") from None
    except BotoCoreError as error:
        if "timeout" in type(error).__name__.lower():
            raise DeadlineError("the model took too long") from None
        raise NotReadyError(f"the endpoint cannot be reached: {type(error).__name__}") from None


def _original(error: ClientError) -> str:
    body: dict[str, object] = json.loads(json.dumps(error.response, default=str))
    return str(body.get("OriginalStatusCode", "with an error"))
