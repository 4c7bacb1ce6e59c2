"""What AWS and the way to it can refuse, as one sentence for a person."""

from __future__ import annotations

from boto3.exceptions import Boto3Error
from botocore import exceptions as sdk
from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (Boto3Error, BotoCoreError, ClientError)
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
UNKNOWN_KEYS = (
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
DENIED = ("403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation")
NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.SSOError,
    sdk.TokenRetrievalError,
    sdk.LoginError,
)
UNREACHABLE = (sdk.HTTPClientError, sdk.ConnectionError)


def is_unreachable(error: BaseException) -> bool:
    """Whether nothing answered at the other end."""
    return isinstance(error, UNREACHABLE)


def is_denied(error: BaseException) -> bool:
    """Whether AWS knows the credentials, and they may not do that."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in DENIED


def reason(error: BaseException) -> str:
    """One sentence: what was wrong, and what to do where that is known."""
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, NO_CREDENTIALS):
        return (
            f"there are no usable AWS credentials ({_one_line(error)}): sign in, or set "
            "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(error, sdk.ProfileNotFound | sdk.ConfigParseError | sdk.ConfigNotFound):
        return f"the AWS configuration of this shell cannot be used: {_one_line(error)}"
    if is_unreachable(error):
        return f"AWS cannot be reached: {_one_line(error)}"
    return f"the call to AWS failed: {_one_line(error)}"


def _refusal(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", "an error"))
    message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
    action = error.operation_name
    if code in EXPIRED:
        return f"the AWS credentials have expired ({action}: {code}): sign in again"
    if code in UNKNOWN_KEYS:
        return f"AWS does not know these credentials ({action}: {code}): sign in again"
    if code in DENIED:
        return f"AWS refuses {action} to these credentials: {message or code}"
    return f"AWS answered {action} with {code}: {message}"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")
