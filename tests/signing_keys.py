"""Whether a signature is of a key, as whoever checks a model is told it."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key


def is_genuine(key: bytes, message: bytes, made: bytes) -> bool:
    """Ask `cryptography`. key: DER; made: an ECDSA signature over SHA-256."""
    loaded = load_der_public_key(key)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    try:
        loaded.verify(made, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
