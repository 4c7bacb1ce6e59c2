"""What starts a server, and what does not: a model and its signature, spoiled in each way."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reviews import signature
from training.__main__ import main
from training.errors import ConfigurationError
from training.model.artefact import FILES
from training.serving import serve, signed

OURS, OTHERS = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
SIGNED = signature.SIGNATURE_FILE


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(folder: Path, key: ec.EllipticCurvePrivateKey = OURS) -> None:
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    digests = signature.digest_files({name: path.read_bytes() for name, path in files.items()})
    payload = signature.statement("a model", digests)
    made = key.sign(signature.message(payload), ec.ECDSA(hashes.SHA256()))
    (folder / SIGNED).write_bytes(signature.bundle(payload, made, public(key)))


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signature.POLICY_VARIABLE, signature.REQUIRED)
    monkeypatch.setenv(
        signature.KEYS_VARIABLE, signature.encode_keys([public(OTHERS), public(OURS)])
    )


@pytest.fixture
def folder(model_folder: Path) -> Path:
    """A signed model."""
    sign(model_folder)
    return model_folder


def refusal(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the server says as it ends, before it listens for anybody."""
    assert main(["serve", "--model", str(folder), "--port", "0"]) == 2
    return capsys.readouterr().err


@pytest.fixture
def _deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that gets as far as listening has taken the model."""

    def listen(*_: object) -> None:
        raise AssertionError("it serves")

    class Listener(io.BytesIO):
        def getsockname(self) -> tuple[str, int]:
            return "127.0.0.1", 1

    monkeypatch.setattr(serve, "_listen", listen)
    monkeypatch.setattr(serve, "bind", lambda *_: Listener())


def alter(folder: Path, name: str) -> None:
    body = bytearray((folder / name).read_bytes() or b"\0")
    body[len(body) // 2] ^= 1
    (folder / name).write_bytes(bytes(body))


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    **{
        f"altered {name}": (lambda f, name=name: alter(f, name), f"{name} is not what was signed")
        for name in ("model.json", *FILES)
    },
    **{
        f"without {name}": (lambda f, name=name: (f / name).unlink(), f"{name} was signed and is")
        for name in ("model.json", *FILES)
    },
    "with one file more": (lambda f: (f / "sitecustomize.py").write_text("1"), "was never signed"),
    "with a link": (lambda f: (f / "more").symlink_to("/etc/hostname"), "is no plain file"),
    "signed by another": (
        lambda f: sign(f, ec.generate_private_key(ec.SECP256R1())),
        "not trusted",
    ),
    "unsigned": (lambda f: (f / SIGNED).unlink(), "the model is not signed"),
    "with half a signature": (
        lambda f: (f / SIGNED).write_bytes((f / SIGNED).read_bytes()[:500]),
        "no signature of OpenSSF's form",
    ),
    "with an empty signature": (lambda f: (f / SIGNED).write_bytes(b""), "no signature"),
    "with a folder for a signature": (
        lambda f: ((f / SIGNED).unlink(), (f / SIGNED).mkdir()),
        "the model is not signed",
    ),
}


@pytest.mark.usefixtures("required", "_deaf")
@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_model_does_not_serve_and_says_why(
    folder: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    spoil, said = SPOILED[how]
    spoil(folder)
    assert said in refusal(folder, capsys)


@pytest.mark.usefixtures("required", "_deaf")
def test_a_signed_model_serves(folder: Path) -> None:
    with pytest.raises(AssertionError, match="it serves"):
        main(["serve", "--model", str(folder), "--port", "0"])


@pytest.mark.usefixtures("required", "_deaf")
def test_a_packed_model_is_checked_as_a_folder_is(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alter(folder, "weights.npz")
    packed = tmp_path / "packed"
    packed.mkdir()
    with tarfile.open(packed / "model.tar.gz", "w:gz") as archive:
        archive.add(folder, ".")
    assert "weights.npz is not what was signed" in refusal(packed, capsys)


@pytest.mark.usefixtures("required")
def test_the_signature_of_another_model_does_not_serve(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.json").write_bytes(b"{}")
    sign(other)
    (folder / SIGNED).write_bytes((other / SIGNED).read_bytes())
    with pytest.raises(signature.SignatureError, match="was never signed"), signed.opened(folder):
        pass


@pytest.mark.usefixtures("required", "_deaf")
def test_an_unsigned_model_serves_only_where_the_stage_lets_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(signature.POLICY_VARIABLE, signature.WHEN_PRESENT)
    alter(folder, "vocabulary.txt")
    assert "vocabulary.txt is not what was signed" in refusal(folder, capsys)
    alter(folder, "vocabulary.txt")
    (folder / SIGNED).unlink()
    with pytest.raises(AssertionError, match="it serves"):
        main(["serve", "--model", str(folder), "--port", "0"])


@pytest.mark.usefixtures("required")
def test_batch_answers_come_of_signed_models_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / SIGNED).unlink()
    asked = tmp_path / "asked.jsonl"
    asked.write_text('{"text": "good"}\n')
    words = ["--model", str(folder), "--in", str(asked), "--out", str(tmp_path / "out.jsonl")]
    assert main(["predict", *words]) == 2
    assert "the model is not signed" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("policy", "keys"),
    [
        ("Required", signature.encode_keys([public(OURS)])),
        ("", signature.encode_keys([public(OURS)])),
        (signature.REQUIRED, ""),
        (signature.REQUIRED, "no base64"),
        (signature.REQUIRED, ",,"),
        (signature.REQUIRED, "bm8ga2V5"),
    ],
)
def test_what_the_stage_says_and_cannot_be_read_serves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str, keys: str
) -> None:
    monkeypatch.setenv(signature.POLICY_VARIABLE, policy)
    monkeypatch.setenv(signature.KEYS_VARIABLE, keys)
    with pytest.raises((ConfigurationError, signature.SignatureError)), signed.opened(folder):
        pass
