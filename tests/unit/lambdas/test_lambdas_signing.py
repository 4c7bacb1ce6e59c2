"""Who signs and who checks: the function after the gate, and the one before a release."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lambdas.ports import encryption_keys
from lambdas.ports.models import Package
from lambdas.release.signed import signature_fault
from reviews import signature
from reviews.errors import ArtefactError, SignatureError
from reviews.model_archive import read_archive, write_archive
from tests.signing_keys import is_genuine
from tests.unit.lambdas.conftest import MODELS, Context, Load
from tests.unit.lambdas.test_lambdas_learn import SETTINGS

KEY = SETTINGS.signing_key
RUN = f"s3://{MODELS}/runs/1"
FROM = {"dataset_id": "d1"}
FILES = {
    "model.json": msgspec.json.encode({"version": "abc", "provenance": FROM, "more": 1}),
    "weights.npz": b"weights",
    "baseline/baseline.json": b"{}",
}
PASSED = {"gate": {"passed": True, "message": "passed"}, "provenance": FROM, "accuracy": 0.7}
EVENT = {
    "model_uri": f"{RUN}/model/model.tar.gz",
    "evaluation_uri": f"{RUN}/evaluation/evaluation.json",
    "signed_uri": f"{RUN}/signed/model.tar.gz",
}


class Kms:
    """Keys as KMS has them, by ARN."""

    def __init__(self) -> None:
        self.keys = {KEY: ec.generate_private_key(ec.SECP256R1())}

    def public_key(self, key: str) -> bytes:
        public = self.keys[key].public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, key: str, message: bytes) -> bytes:
        return self.keys[key].sign(message, ec.ECDSA(hashes.SHA256()))

    def is_genuine(self, key: str, message: bytes, made: bytes) -> bool:
        return is_genuine(self.public_key(key), message, made)


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Kms:
    made = Kms()
    for name in ("public_key", "sign", "is_genuine"):
        monkeypatch.setattr(encryption_keys, name, getattr(made, name))
    return made


@pytest.fixture
def put(s3: Any) -> Callable[[str, bytes], None]:
    def write(uri: str, body: bytes) -> None:
        s3.put_object(Bucket=MODELS, Key=uri.removeprefix(f"s3://{MODELS}/"), Body=body)

    return write


@pytest.fixture
def run(load: Load, put: Callable[[str, bytes], None], kms: Kms) -> Callable[..., dict[str, Any]]:
    """Sign what a run left."""

    def sign(files: dict[str, bytes] = FILES, evaluation: Any = PASSED) -> dict[str, Any]:
        put(EVENT["model_uri"], write_archive(files))
        put(EVENT["evaluation_uri"], msgspec.json.encode(evaluation))
        module = load("lambdas.learn.sign", SETTINGS)
        answer: dict[str, Any] = module.handler(EVENT, Context())
        return answer

    return sign


def fault(uri: str = EVENT["signed_uri"], policy: str = "required") -> str:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    package = Package("arn", 2, "Completed", "Approved", now, "g", uri, {})
    return signature_fault(package, key=KEY, policy=policy)


def stored(s3: Any) -> dict[str, bytes]:
    key = EVENT["signed_uri"].removeprefix(f"s3://{MODELS}/")
    return read_archive(s3.get_object(Bucket=MODELS, Key=key)["Body"].read())


def test_what_passed_its_gate_is_signed_and_may_be_released(
    run: Callable[..., dict[str, Any]], s3: Any, kms: Kms
) -> None:
    answer = run()
    signer = signature.fingerprint(kms.public_key(KEY))
    assert answer == {"model_uri": EVENT["signed_uri"], "signing_key": signer}
    assert {k: v for k, v in stored(s3).items() if k != "model.sig"} == FILES
    assert fault() == ""


def test_a_signature_of_another_account_is_replaced(
    run: Callable[..., dict[str, Any]], s3: Any
) -> None:
    run({**FILES, "model.sig": b"of another"})
    assert stored(s3)["model.sig"] != b"of another"
    assert fault() == ""


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        ({**PASSED, "gate": {"passed": False, "message": "too weak"}}, "gate: too weak"),
        ({**PASSED, "provenance": {"dataset_id": "d2"}}, "of another model than abc"),
        ({"accuracy": 0.7}, "no evaluation.json"),
    ],
)
def test_nothing_is_signed_that_did_not_pass(
    run: Callable[..., dict[str, Any]], s3: Any, evaluation: Any, said: str
) -> None:
    with pytest.raises(SignatureError, match=said):
        run(FILES, evaluation)
    assert s3.list_objects_v2(Bucket=MODELS, Prefix="runs/1/signed")["KeyCount"] == 0


def test_a_model_without_its_manifest_is_not_signed(run: Callable[..., dict[str, Any]]) -> None:
    with pytest.raises(ArtefactError):
        run({"weights.npz": b"weights"})


SPOILED: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    **{
        f"altered {name}": (
            lambda found, name=name: {**found, name: found[name] + b" "},
            f"{name} is not what was signed",
        )
        for name in FILES
    },
    **{
        f"without {name}": (
            lambda found, name=name: {k: v for k, v in found.items() if k != name},
            f"{name} was signed and is missing",
        )
        for name in FILES
    },
    "one file more": (lambda found: {**found, "x.py": b""}, "x.py was never signed"),
    "half a signature": (
        lambda found: {**found, "model.sig": found["model.sig"][:300]},
        "no signature of OpenSSF's form",
    ),
    "unsigned": (lambda _: FILES, "the model is not signed: it holds no model.sig; learn again"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_package_is_refused_by_name(
    run: Callable[..., dict[str, Any]], put: Callable[[str, bytes], None], s3: Any, how: str
) -> None:
    run()
    spoil, said = SPOILED[how]
    put(EVENT["signed_uri"], write_archive(spoil(stored(s3))))
    assert said in fault()


def test_the_signature_of_another_model_or_of_another_key_is_refused(
    run: Callable[..., dict[str, Any]], put: Callable[[str, bytes], None], s3: Any, kms: Kms
) -> None:
    run({**FILES, "weights.npz": b"others"})
    put(EVENT["signed_uri"], write_archive({**FILES, "model.sig": stored(s3)["model.sig"]}))
    assert "weights.npz is not what was signed" in fault()
    kms.keys[KEY] = ec.generate_private_key(ec.SECP256R1())
    assert "which is not trusted" in fault()


def test_what_is_cut_off_or_gone_is_refused(
    run: Callable[..., dict[str, Any]], put: Callable[[str, bytes], None], s3: Any
) -> None:
    run()
    put(EVENT["signed_uri"], write_archive(stored(s3))[:-20])
    assert "no archive of a model" in fault()
    assert "runs/1/none" in fault(f"{RUN}/none")


def test_an_unsigned_package_goes_out_only_where_the_stage_lets_it(
    run: Callable[..., dict[str, Any]], put: Callable[[str, bytes], None], kms: Kms
) -> None:
    put(EVENT["signed_uri"], write_archive(FILES))
    assert fault(policy="when-present") == ""
    put(EVENT["signed_uri"], write_archive({**FILES, "model.sig": b"{}"}))
    assert "no signature of OpenSSF's form" in fault(policy="when-present")
