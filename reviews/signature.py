"""A model's signature as OpenSSF's model signing writes it: a Sigstore bundle beside the files.

In the bundle lies an in-toto statement, the sha256 of every file of the model, in a DSSE envelope.
Here stands what is signed and what must agree; whoever signs or checks brings the key's arithmetic.
Source: OpenSSF Model Signing 1.0, in-toto Statement v1, DSSE 1.0, Sigstore bundle 0.3.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from reviews.errors import ConfigurationError, SignatureError

SIGNATURE_FILE = "model.sig"  # in the model's folder; of all files the only one that is not signed
REQUIRED, WHEN_PRESENT = "required", "when-present"  # what a stage asks of a model that is to serve
# How a container is told: the stage's word, and the public keys in DER, base64, comma-separated.
POLICY_VARIABLE, KEYS_VARIABLE = "MODEL_SIGNATURE", "MODEL_SIGNING_KEYS"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
METHOD, HASH = "files", "sha256"
NAMED = 3  # files that a sentence names
SHORT = 12  # digits of a fingerprint that a sentence names

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
IsGenuine = Callable[[bytes, bytes, bytes], bool]  # key (DER), message, signature (DER)


class Subject(msgspec.Struct, frozen=True):
    """The model as a whole; its digest is that of the digests of its files, in their order."""

    name: str
    digest: dict[str, str]


class Resource(msgspec.Struct, frozen=True):
    """One file."""

    name: str
    algorithm: str
    digest: Sha256


class Serialization(msgspec.Struct, frozen=True):
    """How files became digests."""

    method: str
    hash_type: str
    allow_symlinks: bool = False
    ignore_paths: tuple[str, ...] = ()


class Predicate(msgspec.Struct, frozen=True):
    """What is said of the model."""

    serialization: Serialization
    resources: tuple[Resource, ...]


class Statement(
    msgspec.Struct, frozen=True, rename={"type": "_type", "predicate_type": "predicateType"}
):
    """What is signed."""

    type: str
    subject: tuple[Subject, ...]
    predicate_type: str
    predicate: Predicate


class EnvelopeSignature(msgspec.Struct, frozen=True):
    """One signature over the payload."""

    sig: str
    keyid: str = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """The statement with its signature."""

    payload: str
    payload_type: str
    signatures: tuple[EnvelopeSignature, ...]


class KeyHint(msgspec.Struct, frozen=True):
    """Which key: its fingerprint."""

    hint: Sha256


class Material(msgspec.Struct, frozen=True, rename="camel"):
    """What a verifier needs beside the key."""

    public_key: KeyHint
    tlog_entries: tuple[object, ...] = ()


class Bundle(msgspec.Struct, frozen=True, rename="camel"):
    """The content of model.sig."""

    media_type: str
    verification_material: Material
    dsse_envelope: Envelope


def pem(key: bytes) -> bytes:
    """A public key (DER, SubjectPublicKeyInfo) as PEM."""
    text = base64.b64encode(key).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    head, end = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----\n"
    return "\n".join([head, *lines, end]).encode()


def fingerprint(key: bytes) -> str:
    """How a signature names its key (DER): the sha256 (hex) of its PEM."""
    return hashlib.sha256(pem(key)).hexdigest()


def encode_keys(keys: Sequence[bytes]) -> str:
    """Public keys (DER) in one text, for KEYS_VARIABLE."""
    return ",".join(_encode(key) for key in keys)


def decode_keys(text: str) -> tuple[bytes, ...]:
    """The keys (DER) of such a text. Raises ConfigurationError where there is none to be read."""
    try:
        keys = tuple(base64.b64decode(part, validate=True) for part in text.split(","))
    except (binascii.Error, ValueError):
        keys = ()
    if not all(keys) or not keys:
        raise ConfigurationError(f"{KEYS_VARIABLE} holds no public keys in base64: release again")
    return keys


def digest_files(files: Mapping[str, bytes]) -> dict[str, str]:
    """The sha256 (hex) of every file by name, but for the signature itself."""
    return {
        name: hashlib.sha256(body).hexdigest()
        for name, body in files.items()
        if name != SIGNATURE_FILE
    }


def statement(name: str, digests: Mapping[str, str]) -> bytes:
    """What is to be signed of a model with these files. digests: sha256 (hex) by name."""
    resources = tuple(Resource(file, HASH, digest) for file, digest in sorted(digests.items()))
    predicate = Predicate(Serialization(METHOD, HASH, ignore_paths=(SIGNATURE_FILE,)), resources)
    subject = Subject(name, {HASH: _root(resources)})
    return msgspec.json.encode(Statement(STATEMENT, (subject,), PREDICATE, predicate))


def message(payload: bytes) -> bytes:
    """The bytes that a key signs for a payload: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(IN_TOTO), IN_TOTO.encode(), len(payload), payload)


def bundle(payload: bytes, signature: bytes, key: bytes) -> bytes:
    """model.sig. signature: of `message(payload)`, DER; key: the public one, DER."""
    envelope = Envelope(_encode(payload), IN_TOTO, (EnvelopeSignature(_encode(signature)),))
    made = Bundle(BUNDLE, Material(KeyHint(fingerprint(key))), envelope)
    return msgspec.json.encode(made)


def check(
    signature: bytes | None,
    digests: Mapping[str, str],
    keys: Sequence[bytes],
    is_genuine: IsGenuine,
    *,
    policy: str = REQUIRED,
) -> str:
    """Whether exactly these files were signed with one of the keys; returns its fingerprint.

    signature: the content of model.sig, None where there is none; digests: sha256 (hex) of every
    file by name; keys: public ones, DER. Empty where the policy lets an unsigned model pass.
    Raises SignatureError with a sentence that names what is wrong.
    """
    if signature is None:
        if policy == WHEN_PRESENT:
            return ""
        raise SignatureError(f"the model is not signed: it holds no {SIGNATURE_FILE}")
    payload, signed, hint = _open(signature)
    key = next((key for key in keys if fingerprint(key) == hint), None)
    if key is None:
        trusted = ", ".join(fingerprint(key)[:SHORT] for key in keys) or "none"
        raise SignatureError(
            f"{SIGNATURE_FILE} is of key {hint[:SHORT]}, which is not trusted (trusted: {trusted})"
        )
    if not is_genuine(key, message(payload), signed):
        raise SignatureError(f"{SIGNATURE_FILE} is not what key {hint[:SHORT]} has signed")
    _compare(_signed_files(payload), digests)
    return hint


def _open(signature: bytes) -> tuple[bytes, bytes, str]:
    """-> (payload, signature, fingerprint of the key)."""
    try:
        found = msgspec.json.decode(signature, type=Bundle)
        envelope = found.dsse_envelope
        [only] = envelope.signatures
        payload = base64.b64decode(envelope.payload, validate=True)
        signed = base64.b64decode(only.sig, validate=True)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError):
        raise SignatureError(f"{SIGNATURE_FILE} is no signature of OpenSSF's form") from None
    if (found.media_type, envelope.payload_type) != (BUNDLE, IN_TOTO):
        raise SignatureError(f"{SIGNATURE_FILE} is of another version of OpenSSF's form")
    return payload, signed, found.verification_material.public_key.hint


def _signed_files(payload: bytes) -> dict[str, str]:
    try:
        found = msgspec.json.decode(payload, type=Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SignatureError(f"{SIGNATURE_FILE} signs no statement about a model") from None
    predicate = found.predicate
    form = (found.type, found.predicate_type, predicate.serialization.method)
    if form != (STATEMENT, PREDICATE, METHOD) or len(found.subject) != 1:
        raise SignatureError(f"{SIGNATURE_FILE} signs no statement about a model's files")
    digests = {resource.name: resource.digest for resource in predicate.resources}
    is_whole = found.subject[0].digest == {HASH: _root(predicate.resources)}
    is_ours = all(resource.algorithm == HASH for resource in predicate.resources)
    if not is_whole or not is_ours or len(digests) != len(predicate.resources):
        raise SignatureError(f"{SIGNATURE_FILE} signs a statement that contradicts itself")
    return digests


def _compare(signed: Mapping[str, str], found: Mapping[str, str]) -> None:
    changed = [name for name in signed if name in found and signed[name] != found[name]]
    faults = [
        f"{_names(names)} {what}"
        for names, what in (
            (changed, "is not what was signed"),
            (sorted(set(found) - set(signed)), "was never signed"),
            (sorted(set(signed) - set(found)), "was signed and is missing"),
        )
        if names
    ]
    if faults:
        raise SignatureError(f"the model is not the one that was signed: {'; '.join(faults)}")


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _root(resources: Sequence[Resource]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(r.digest) for r in resources)).hexdigest()


def _encode(body: bytes) -> str:
    return base64.b64encode(body).decode()
