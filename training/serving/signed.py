"""Before a model answers: is it the one that was signed, by a key that its stage trusts?"""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reviews import signature
from training.errors import ArtefactError, ConfigurationError
from training.model import archive

logger = logging.getLogger("training.serving.signed")
CURVE = "secp256r1"


@dataclass(frozen=True)
class Trust:
    """Whose signature a model carries. policy: of `reviews.signature`; keys: public ones, DER."""

    policy: str
    keys: tuple[bytes, ...]

    @classmethod
    def read(cls) -> "Trust | None":
        """As the stage has told the container; None where it has not, as on a person's machine.

        Raises ConfigurationError where it cannot be read: then nothing may serve.
        """
        name = signature.POLICY_VARIABLE
        if name not in os.environ:
            return None
        policy, known = os.environ[name], (signature.REQUIRED, signature.WHEN_PRESENT)
        if policy not in known:
            raise ConfigurationError(f"{name} must be {' or '.join(known)}")
        return cls(policy, signature.decode_keys(os.environ.get(signature.KEYS_VARIABLE, "")))


@contextmanager
def opened(folder: Path) -> Iterator[Path]:
    """A model's folder, unpacked where it is packed, once its signature is what the stage asks.

    Raises SignatureError with a sentence where it is not.
    """
    trust = Trust.read()
    with archive.opened(folder) as place:
        if trust:
            signer = check(place, trust)
            logger.warning("signed by key %s", signer[: signature.SHORT] or "(nobody)")
        yield place


def check(folder: Path, trust: Trust) -> str:
    """The fingerprint of the key that has signed these files and no others; empty for unsigned.

    Raises SignatureError, or ArtefactError where something is no plain file.
    """
    where = folder / signature.SIGNATURE_FILE
    digests = _digests(folder)
    found = where.read_bytes() if where.is_file() else None
    return signature.check(found, digests, trust.keys, is_genuine, policy=trust.policy)


def is_genuine(key: bytes, message: bytes, made: bytes) -> bool:
    """Whether a signature (DER) of a message is one of this P-256 key (DER)."""
    # Here, so that whoever serves what nobody signs does not wait for it.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        loaded = load_der_public_key(key)
    except ValueError:
        loaded = None
    if not isinstance(loaded, ec.EllipticCurvePublicKey) or loaded.curve.name != CURVE:
        raise ConfigurationError(f"{signature.KEYS_VARIABLE} holds a key that is not of {CURVE}")
    try:
        loaded.verify(made, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _digests(folder: Path) -> dict[str, str]:
    """The sha256 (hex) of every file by its name below the folder, but for the signature."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArtefactError(f"the model holds {name!r}, which is no plain file")
        if path.is_file() and name != signature.SIGNATURE_FILE:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
