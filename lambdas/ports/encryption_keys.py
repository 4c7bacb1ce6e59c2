"""Keys of KMS, known by their aliases."""

from __future__ import annotations

from lambdas.ports.clients import client


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
