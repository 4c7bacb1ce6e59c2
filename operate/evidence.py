"""What a package stands on: the objects that its metadata name, fetched and held together."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from lambdas.contract import keys
from lambdas.contract import packages as registry
from lambdas.ports import models, objects
from operate import packages
from operate.errors import OperateError
from operate.evaluation import decode_evaluation
from reviews.digest import MODEL_FORMAT, digest_manifest
from reviews.errors import ArtefactError
from reviews.golden import GOLDEN_FILE, GoldenLine
from reviews.model_archive import read_archive

MODEL = "model/model.tar.gz"
DATASET = "dataset/"
MANIFEST = f"{DATASET}{keys.MANIFEST_FILE}"
EVALUATION = f"{keys.EVALUATION}/{keys.EVALUATION_FILE}"
BASELINE = f"{keys.EVALUATION}/{keys.BASELINE}"
CARD = f"{keys.EVALUATION}/{keys.CARD}"
TRACKING = f"{keys.TRACKING}/{keys.TRACKING_FILE}"
# What a run was made of, as the package says it and as the model inside says it.
ORIGIN = (
    registry.DATASET_ID,
    registry.DATASET_SHA256,
    registry.GIT_COMMIT,
    registry.CONFIGURATION_DIGEST,
    registry.PROGRAM_DIGEST,
)


@dataclass(frozen=True)
class Evidence:
    """A package, and its objects by their place in the folder of a run."""

    package: models.Package
    metadata: Mapping[str, str]
    files: Mapping[str, bytes]

    @property
    def artefact_sha256(self) -> str:
        """The digest (hex) of the model's archive."""
        return digest(self.files[MODEL])

    def digests(self) -> dict[str, str]:
        """The sha256 (hex) of every object, by its place."""
        return {place: digest(body) for place, body in sorted(self.files.items())}


class ModelFile(msgspec.Struct, frozen=True):
    """What model.json says of another file of the model."""

    sha256: str


class ModelManifest(msgspec.Struct, frozen=True):
    """Of a model.json, what is compared here; see training/model/artefact.py."""

    format: str
    provenance: dict[str, str]
    files: dict[str, ModelFile]
    sha256: str


def digest(body: bytes) -> str:
    """sha256 (hex)."""
    return hashlib.sha256(body).hexdigest()


def fetch(package: models.Package) -> Evidence:
    """Read all that a package names but for the rows, which its manifest names.

    Raises OperateError where the metadata lack a pointer, FileNotFoundError where one leads
    nowhere.
    """
    metadata = packages.Pointers(package)
    dataset = metadata[registry.DATASET_MANIFEST_URI].rpartition("/")[0]
    version = metadata[registry.DATASET_VERSION_ID]
    files = {
        MODEL: objects.read_uri(package.model_data_url),
        MANIFEST: objects.read(
            *objects.split_uri(f"{dataset}/{keys.MANIFEST_FILE}"), version or None
        ),
        f"{DATASET}{keys.DATASET_FILE}": objects.read_uri(f"{dataset}/{keys.DATASET_FILE}"),
    }
    judged, _, _ = metadata[registry.EVALUATION_URI].rpartition("/")
    files |= _folder(f"{judged}/", f"{keys.EVALUATION}/")
    run = metadata[registry.RUN_PREFIX].rstrip("/")
    with suppress(FileNotFoundError):  # tracking was down: the model is as good, lineage says so
        files[TRACKING] = objects.read_uri(f"{run}/{TRACKING}")
    return Evidence(package, metadata, files)


def _folder(uri: str, place: str) -> dict[str, bytes]:
    bucket, prefix = objects.split_uri(uri)
    return {
        f"{place}{key.removeprefix(prefix)}": objects.read(bucket, key)
        for key in objects.list_keys(bucket, prefix)
    }


def check(evidence: Evidence) -> None:
    """Whether a package may go to another account.

    Raises OperateError where it is not approved or did not pass its gate, where its parts are not
    of one model, or where one is not as it was written.
    """
    package, metadata = evidence.package, evidence.metadata
    if package.approval != registry.APPROVED or package.status != registry.COMPLETED:
        raise OperateError(
            f"version {package.version} is {package.approval} and {package.status}: only one that "
            "is Approved and Completed is promoted, so release it where it was trained first"
        )
    uri = metadata[registry.EVALUATION_URI]
    if EVALUATION not in evidence.files:
        raise OperateError(f"version {package.version} has no evaluation: {uri} is not there")
    evaluation = decode_evaluation(evidence.files[EVALUATION], uri)
    if not evaluation.gate.passed:
        why = evaluation.gate.message
        raise OperateError(f"version {package.version} has failed its gate: {why}")
    _compare(
        metadata[registry.DATASET_MANIFEST_URI],
        digest(evidence.files[MANIFEST]),
        metadata[registry.DATASET_SHA256],
    )
    model = _read_model(evidence)
    _check_origin(package.version, metadata, model.provenance)
    if evaluation.provenance != model.provenance:
        raise OperateError(f"{uri} judges another model than that of version {package.version}")
    for name, file in model.files.items():
        if name.startswith(keys.BASELINE):
            place = f"{keys.EVALUATION}/{name}"
            _compare(place, digest(evidence.files.get(place, b"")), file.sha256)


def _check_origin(version: int, metadata: Mapping[str, str], provenance: Mapping[str, str]) -> None:
    for name in ORIGIN:
        found = provenance.get(name) or registry.UNKNOWN
        if (said := metadata.get(name, registry.UNKNOWN)) != found:
            raise OperateError(
                f"the package of version {version} is of {name} {said}, and the model in it of "
                f"{found}: they do not belong together"
            )


def _read_model(evidence: Evidence) -> ModelManifest:
    """The model's own manifest, once every file in the archive is the one that it names."""
    where = evidence.package.model_data_url
    files = unpack(evidence.files[MODEL], where)
    try:
        content = msgspec.json.decode(files.get("model.json", b""), type=dict[str, Any])
        model = msgspec.convert(content, ModelManifest)
        golden = [
            msgspec.json.decode(line, type=GoldenLine)
            for line in files.get(GOLDEN_FILE, b"").splitlines()
        ]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise OperateError(
            f"{where} holds no model.json and {GOLDEN_FILE} that can be read"
        ) from None
    if model.format != MODEL_FORMAT:
        raise OperateError(
            f"{where} is of format {model.format!r}, and this checkout knows {MODEL_FORMAT!r}: "
            "promote from the commit that is deployed in the target"
        )
    _compare(f"model.json of {where}", digest_manifest(content), model.sha256)
    for name, file in model.files.items():
        _compare(f"{name} of {where}", digest(files.get(name, b"")), file.sha256)
    if not golden:
        raise OperateError(f"{where} has no golden set, by which its release would be judged")
    return model


def unpack(archive: bytes, where: str) -> dict[str, bytes]:
    """The files of a model.tar.gz. Raises OperateError, with where it lies, for anything else."""
    try:
        return read_archive(archive)
    except ArtefactError as error:
        raise OperateError(f"{where} is no archive of a model: {error}") from None


def _compare(what: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise OperateError(
            f"{what} is not as it was written: its sha256 is {found}, {wanted} was recorded"
        )
