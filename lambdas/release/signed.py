"""Whether a package is the one that the stage's key signed."""

from __future__ import annotations

from lambdas.ports import encryption_keys, objects
from lambdas.ports.models import Package
from reviews import signature
from reviews.errors import ArtefactError, SignatureError
from reviews.model_archive import read_archive

REMEDY = "learn again, or say learning.signature: when-present in the stage's file and deploy"


def signature_fault(package: Package, *, key: str, policy: str) -> str:
    """What is wrong, in a sentence; empty where nothing is, or the policy lets it pass.

    key: the ARN of the key; policy: of `reviews.signature`.
    """
    where = package.model_data_url
    try:
        files = read_archive(objects.read_uri(where))
        encryption_keys.check_signature(files, key, policy=policy)
    except SignatureError as error:
        remedy = "" if files.get(signature.SIGNATURE_FILE) else f"; {REMEDY}"
        return f"{where}: {error}{remedy}"
    except ArtefactError as error:
        return f"{where}: {error}"
    except (FileNotFoundError, PermissionError) as error:
        return str(error)
    return ""
