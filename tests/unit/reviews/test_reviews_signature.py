"""A model's signature: each way not to be the model that was signed, and one that is."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Callable

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)

from reviews import signature
from reviews.errors import ArtefactError, SignatureError
from reviews.model_archive import read_archive, write_archive
from tests.signing_keys import is_genuine

FILES = {
    "model.json": b"{}",
    "vocabulary.txt": b"good\nbad\n",
    "weights.npz": b"\x00\x01",
    "baseline/baseline.json": b"{}",
}
OURS, OTHERS = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signed(files: dict[str, bytes], key: ec.EllipticCurvePrivateKey = OURS) -> bytes:
    payload = signature.statement("a model", signature.digest_files(files))
    made = key.sign(signature.message(payload), ec.ECDSA(hashes.SHA256()))
    return signature.bundle(payload, made, public(key))


def check(files: dict[str, bytes], found: bytes | None, policy: str = signature.REQUIRED) -> str:
    digests = signature.digest_files(files)
    return signature.check(found, digests, [public(OURS)], is_genuine, policy=policy)


def reason(files: dict[str, bytes], found: bytes | None) -> str:
    with pytest.raises(SignatureError) as refused:
        check(files, found, signature.WHEN_PRESENT if found else signature.REQUIRED)
    return str(refused.value)


def rewritten(found: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    """A bundle with another payload under the same signature."""
    content = msgspec.json.decode(found)
    payload = msgspec.json.decode(base64.b64decode(content["dsseEnvelope"]["payload"]))
    change(payload)
    encoded = base64.b64encode(msgspec.json.encode(payload)).decode()
    content["dsseEnvelope"]["payload"] = encoded
    return msgspec.json.encode(content)


def test_what_was_signed_passes_and_says_by_whom() -> None:
    assert check(FILES, signed(FILES)) == signature.fingerprint(public(OURS))


def test_the_signature_itself_is_not_among_what_is_signed() -> None:
    found = signed(FILES)
    assert check({**FILES, signature.SIGNATURE_FILE: found}, found)


@pytest.mark.parametrize("name", FILES)
def test_an_altered_byte_is_found_in_every_file(name: str) -> None:
    altered = {**FILES, name: FILES[name][:-1] + bytes([FILES[name][-1] ^ 1])}
    assert f"{name} is not what was signed" in reason(altered, signed(FILES))


@pytest.mark.parametrize("name", FILES)
def test_a_removed_file_is_missed(name: str) -> None:
    rest = {file: body for file, body in FILES.items() if file != name}
    assert f"{name} was signed and is missing" in reason(rest, signed(FILES))


def test_an_added_file_is_refused_by_name() -> None:
    more = {**FILES, "hook.py": b"print()"}
    assert "hook.py was never signed" in reason(more, signed(FILES))


def test_no_signature_is_refused_where_one_is_required_and_passes_where_it_is_not() -> None:
    assert "not signed" in reason(FILES, None)
    assert check(FILES, None, signature.WHEN_PRESENT) == ""


def test_a_signature_by_another_key_names_both() -> None:
    said = reason(FILES, signed(FILES, OTHERS))
    assert signature.fingerprint(public(OTHERS))[:12] in said
    assert signature.fingerprint(public(OURS))[:12] in said


def test_a_signature_that_only_claims_our_key_is_refused() -> None:
    content = msgspec.json.decode(signed(FILES, OTHERS))
    content["verificationMaterial"]["publicKey"]["hint"] = signature.fingerprint(public(OURS))
    assert "is not what key" in reason(FILES, msgspec.json.encode(content))


def test_the_signature_of_another_model_is_refused() -> None:
    other = {**FILES, "weights.npz": b"\x02\x03"}
    assert "weights.npz is not what was signed" in reason(FILES, signed(other))


def test_a_rewritten_statement_is_refused() -> None:
    def forgive(payload: dict[str, object]) -> None:
        payload["predicate"]["resources"][0]["digest"] = "0" * 64  # type: ignore[index]

    assert "is not what key" in reason(FILES, rewritten(signed(FILES), forgive))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_signature_is_refused(share: float) -> None:
    found = signed(FILES)
    assert "no signature of OpenSSF's form" in reason(
        FILES, found[: int(share * len(found))] or b"{"
    )


@pytest.mark.parametrize("size", [0, 1, 8, 60])
def test_a_shortened_signature_in_a_whole_bundle_is_refused(size: int) -> None:
    content = msgspec.json.decode(signed(FILES))
    [only] = content["dsseEnvelope"]["signatures"]
    only["sig"] = base64.b64encode(base64.b64decode(only["sig"])[:size]).decode()
    assert "is not what key" in reason(FILES, msgspec.json.encode(content))


def test_a_statement_that_names_one_file_twice_is_refused() -> None:
    digest = signature.digest_files(FILES)["model.json"]
    resource = {"name": "model.json", "algorithm": "sha256", "digest": digest}
    payload = msgspec.json.decode(signature.statement("m", signature.digest_files(FILES)))
    payload["predicate"]["resources"].append(resource)
    body = msgspec.json.encode(payload)
    made = OURS.sign(signature.message(body), ec.ECDSA(hashes.SHA256()))
    assert "contradicts itself" in reason(FILES, signature.bundle(body, made, public(OURS)))


def test_a_signed_statement_of_another_kind_is_no_model() -> None:
    payload = msgspec.json.decode(signature.statement("m", signature.digest_files(FILES)))
    payload["predicateType"] = "https://slsa.dev/provenance/v1"
    body = msgspec.json.encode(payload)
    made = OURS.sign(signature.message(body), ec.ECDSA(hashes.SHA256()))
    assert "no statement about a model" in reason(FILES, signature.bundle(body, made, public(OURS)))


def test_equal_files_make_equal_archives_that_read_back() -> None:
    backwards = dict(reversed(FILES.items()))
    assert write_archive(FILES) == write_archive(backwards)
    assert read_archive(write_archive(FILES)) == dict(sorted(FILES.items()))


def packed(*members: tuple[str, bytes | None]) -> bytes:
    """An archive as anybody can write it; None: a link."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, body in members:
            member = tarfile.TarInfo(name)
            if body is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                member.size = len(body)
            tar.addfile(member, io.BytesIO(body or b""))
    return made.getvalue()


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (packed(("model.json", b"{}"), ("./model.json", b"[]")), "twice"),
        (packed(("model.json", None)), "no plain file"),
        (packed(("../model.json", b"{}")), "leaves its folder"),
        (packed(("/model.json", b"{}")), "leaves its folder"),
        (b"no archive", "no archive of a model"),
        (write_archive(FILES)[:-6], "no archive of a model"),
        (write_archive(FILES)[:60], "no archive of a model"),
    ],
)
def test_an_archive_that_cannot_be_trusted_is_refused(archive: bytes, said: str) -> None:
    with pytest.raises(ArtefactError, match=said):
        read_archive(archive)
