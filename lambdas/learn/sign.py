"""After the gate: sign the model that passed it, the signature beside its other files."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.contract import pipeline
from lambdas.learn.passed import check_passed
from lambdas.ports import encryption_keys, objects
from lambdas.settings import LearnSettings
from reviews import signature
from reviews.model_archive import read_archive, write_archive

settings = LearnSettings.from_env()
logger = Logger(service="learn")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sign what lies at `model_uri`, as `evaluation_uri` judged it; it goes to `signed_uri`."""
    files = read_archive(objects.read_uri(event["model_uri"]))
    version = check_passed(files, objects.read_uri(event["evaluation_uri"]))
    key = encryption_keys.public_key(settings.signing_key)
    files[signature.SIGNATURE_FILE] = _sign(version, files, key)
    bucket, place = objects.split_uri(event["signed_uri"])
    objects.put_bytes(bucket, place, write_archive(files))
    signer = signature.fingerprint(key)
    logger.info("signed", extra={"model_version": version, "signing_key": signer})
    return {pipeline.SIGNED_MODEL_URI: event["signed_uri"], pipeline.SIGNING_KEY: signer}


def _sign(version: str, files: dict[str, bytes], key: bytes) -> bytes:
    payload = signature.statement(f"model {version}", signature.digest_files(files))
    made = encryption_keys.sign(settings.signing_key, signature.message(payload))
    return signature.bundle(payload, made, key)
