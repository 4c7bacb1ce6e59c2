"""Our signatures beside OpenSSF's own tool: each takes what the other made, and refuses the rest.

The tool lives in a venv of its own (35 packages, 94 MB): without it this is skipped, and says so.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from reviews import signature
from reviews.errors import SignatureError
from tests.signing_keys import is_genuine

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local/venvs/model-signing/bin/python"
FILES = {
    "model.json": b"{}",
    "baseline/baseline.json": b"[]",
    "baseline.x": b"sorts otherwise as a path than as a text",
    "weights.npz": bytes(range(256)),
}
pytestmark = pytest.mark.skipif(
    not PYTHON.is_file(), reason="OpenSSF's model signing is not installed: make sdk"
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, body in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    return folder


@pytest.fixture
def key(tmp_path: Path) -> ec.EllipticCurvePrivateKey:
    made = ec.generate_private_key(ec.SECP256R1())
    private = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key").write_bytes(private)
    (tmp_path / "key.pub").write_bytes(signature.pem(public(made)))
    return made


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def tool(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), "-m", "model_signing", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verify(model: Path) -> subprocess.CompletedProcess[str]:
    signed = model / signature.SIGNATURE_FILE
    where = model.parent / "key.pub"
    return tool("verify", "key", "--signature", signed, "--public_key", where, model)


def test_their_tool_takes_our_signature_and_refuses_a_changed_file(
    model: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    payload = signature.statement("a model", signature.digest_files(FILES))
    made = key.sign(signature.message(payload), ec.ECDSA(hashes.SHA256()))
    signed = signature.bundle(payload, made, public(key))
    (model / signature.SIGNATURE_FILE).write_bytes(signed)
    taken = verify(model)
    assert taken.returncode == 0, taken.stdout + taken.stderr
    (model / "weights.npz").write_bytes(b"other")
    refused = verify(model)
    assert refused.returncode != 0
    assert "weights.npz" in refused.stdout + refused.stderr


def test_we_take_their_signature_and_refuse_a_changed_file(
    model: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    written, private = model / signature.SIGNATURE_FILE, model.parent / "key"
    made = tool("sign", "key", "--signature", written, "--private_key", private, model)
    assert made.returncode == 0, made.stdout + made.stderr
    digests = signature.digest_files(FILES)
    signed = written.read_bytes()
    found = signature.check(signed, digests, [public(key)], is_genuine)
    assert found == signature.fingerprint(public(key))
    digests["weights.npz"] = "0" * 64
    with pytest.raises(SignatureError, match=r"weights\.npz is not what was signed"):
        signature.check(signed, digests, [public(key)], is_genuine)
