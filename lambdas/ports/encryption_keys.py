"""Keys of KMS: known by their aliases, and those that sign."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from lambdas.ports.clients import client
from reviews import signature as openssf


def by_alias(alias: str) -> tuple[str, str] | None:
    """The id and the state (`Enabled`, `PendingDeletion`, ...) of an alias's key; None: no alias.

    alias: `alias/<name>`.
    """
    kms = client("kms")
    try:
        found = kms.describe_key(KeyId=alias)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        return None
    return str(found["KeyId"]), str(found["KeyState"])


def public_key(key: str) -> bytes:
    """The public half (DER) of a key that signs. key: its ARN or alias."""
    found: bytes = client("kms").get_public_key(KeyId=key)["PublicKey"]
    return found


def sign(key: str, message: bytes) -> bytes:
    """The ECDSA signature (DER) of a message of any size by a P-256 key."""
    made: bytes = client("kms").sign(**_asked(key, message))["Signature"]
    return made


def is_genuine(key: str, message: bytes, signature: bytes) -> bool:
    """Whether a signature (DER) of a message is one of this key."""
    kms = client("kms")
    try:
        return bool(kms.verify(**_asked(key, message), Signature=signature)["SignatureValid"])
    except kms.exceptions.KMSInvalidSignatureException:
        return False


def check_signature(files: Mapping[str, bytes], key: str, *, policy: str) -> None:
    """Ask KMS whether this key has signed these files and no others. policy: `reviews.signature`'s.

    Raises SignatureError where it has not.
    """
    openssf.check(
        files.get(openssf.SIGNATURE_FILE),
        openssf.digest_files(files),
        [public_key(key)],
        lambda _, message, made: is_genuine(key, message, made),
        policy=policy,
    )


def _asked(key: str, message: bytes) -> dict[str, object]:
    digest = hashlib.sha256(message).digest()  # KMS takes no message over 4,096 bytes
    form = {"MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
    return {"KeyId": key, "Message": digest, **form}
