"""A package of one stage, taken with all that it stands on into the account of another.

Neither account trusts the other: its reader reads there, its writer writes here, and between them
the objects pass through this process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.contract import keys, outputs, pipeline
from lambdas.contract import packages as registry
from lambdas.contract.live import version as version_of
from lambdas.contract.names import SIGNING, key_alias
from lambdas.ports import encryption_keys, functions, identity, images, models, objects
from lambdas.ports.failures import AWS_ERRORS
from operate import deployment, evidence, packages
from operate.deployment import Deployment
from operate.errors import InputError, OperateError, describe
from operate.evidence import Evidence
from operate.place import Place
from reviews.errors import SignatureError

TOKEN_CHARACTERS = 36  # that CreateModelPackage takes


@dataclass(frozen=True)
class Promoted:
    """The version in the target; is_new: made by this call."""

    package: models.Package
    is_new: bool


def promote(source: Place, target: Place, wanted: str = "") -> Promoted:
    """Register a package of `source` in `target`, where it waits for a person's approval.

    wanted: version or ARN; empty is the live one. Asked twice, it is registered once; stopped
    half-way, nothing is registered, and the same call ends what the first began.
    Raises InputError where there is no such package, OperateError where it may not go or the
    target could not run it.
    """
    if source.stage == target.stage:
        raise InputError(f"{source.stage} is promoted to itself: name another stage to go to")
    with _in(source):
        package = _find(deployment.read(source), wanted)
        found = evidence.fetch(package)
        evidence.check(found)
        _check_signature(source, found)
    with _in(target):
        deployed = deployment.read(target)
        if known := _promoted(deployed, found):
            return Promoted(known, is_new=False)
        image = _image(deployed, found)
        folder = _copy(deployed, found, image, source)
        signed = _sign(deployed, folder)
        arn = models.register(_package(deployed, found, image, folder, signed))
        return Promoted(models.describe_package(arn), is_new=True)


def describe_promotion(done: Promoted, source: Place, target: Place) -> str:
    """What happened, and what is left to do."""
    package = done.package
    origin = version_of(package.metadata[registry.PROMOTED_FROM])
    if not done.is_new:
        return (
            f"version {origin} of {source.stage} is version {package.version} of {target.stage} "
            f"already ({package.approval}): nothing was changed"
        )
    return (
        f"version {origin} of {source.stage} is version {package.version} of {target.stage}, and "
        f"waits: make release STAGE={target.stage} VERSION={package.version}"
    )


@contextmanager
def _in(place: Place) -> Iterator[None]:
    """Work with a stage's own credentials; whatever fails says in which stage."""
    try:
        place.enter()
        yield
    except AWS_ERRORS as error:
        raise OperateError(f"stage {place.stage}: {describe(error)}") from error
    except FileNotFoundError as error:
        raise OperateError(f"stage {place.stage}: {error} is gone, or was never written") from error
    except PermissionError as error:
        raise OperateError(f"stage {place.stage}: {error}") from error


def _find(deployed: Deployment, wanted: str) -> models.Package:
    package = packages.find(deployed, version_of(wanted))
    if wanted.startswith("arn:") and package.arn != wanted:
        raise InputError(f"{wanted} is no package of {deployed[outputs.MODEL_PACKAGE_GROUP]}")
    return package


def _promoted(deployed: Deployment, found: Evidence) -> models.Package | None:
    """The version that this package is here already."""
    for package in models.packages(deployed[outputs.MODEL_PACKAGE_GROUP]):
        if package.metadata.get(registry.PROMOTED_FROM) != found.package.arn:
            continue
        if (known := package.metadata.get(registry.ARTEFACT_SHA256)) != found.artefact_sha256:
            raise OperateError(
                f"version {package.version} of {deployed.place.stage} was promoted from "
                f"{found.package.arn} with a model of sha256 {known}, and there it is now "
                f"{found.artefact_sha256}: a model that was changed is a version of its own"
            )
        return package
    return None


def _image(deployed: Deployment, found: Evidence) -> str:
    """The image of the target with the content of the one that made the model."""
    wanted, own = found.metadata[registry.IMAGE_URI], deployed[outputs.IMAGE_URI]
    content = images.split(wanted)[1]
    repository, deployed_content = images.split(own)
    if content and content == deployed_content:
        return own
    if content and images.is_there(f"{repository}{content}"):
        return f"{repository}{content}"
    stage = deployed.place.stage
    raise OperateError(
        f"version {found.package.version} runs in {wanted}, and stage {stage} has no image of that "
        f"content (its own is {own}): deploy the commit of the model first "
        f"({found.metadata[registry.GIT_COMMIT]}; make deploy STAGE={stage})"
    )


def _copy(deployed: Deployment, found: Evidence, image: str, source: Place) -> str:
    """Write every object, the record last, and read each back; returns the folder's address."""
    bucket, package = deployed[outputs.MODELS_BUCKET], found.package
    name = f"{source.settings.account}-{source.stage}-{package.version}"
    prefix = f"{keys.PROMOTED}{name}-{found.artefact_sha256[:12]}/"
    record = {
        "from": package.arn,
        "stage": source.stage,
        "account": source.settings.account,
        "region": source.settings.region,
        "by": identity.caller().arn,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "image": image,
        "metadata": dict(found.metadata),
        "sha256": found.digests(),
    }
    files = {**found.files, keys.PROMOTION_FILE: json.dumps(record, indent=2).encode()}
    for place, body in files.items():
        version = objects.put_bytes(bucket, f"{prefix}{place}", body)
        if objects.read(bucket, f"{prefix}{place}", version) != body:
            raise OperateError(
                f"s3://{bucket}/{prefix}{place} is not what was written: nothing was registered"
            )
    return f"s3://{bucket}/{prefix}"


def _check_signature(source: Place, found: Evidence) -> None:
    """Raise OperateError where the source's key did not sign this model, and it is to."""
    files = evidence.unpack(found.files[evidence.MODEL], found.package.model_data_url)
    key, policy = key_alias(source.stage, SIGNING), source.settings.learning.signature
    try:
        encryption_keys.check_signature(files, key, policy=policy)
    except SignatureError as error:
        number = found.package.version
        raise OperateError(f"version {number} of {source.stage} is not promoted: {error}") from None


def _sign(deployed: Deployment, folder: str) -> dict[str, str]:
    """Have the copy signed by the target's key: its servers know no other.

    The source's archive stays beside it as it was, with the source's signature.
    """
    event = {
        "model_uri": f"{folder}{evidence.MODEL}",
        "evaluation_uri": f"{folder}{evidence.EVALUATION}",
        "signed_uri": f"{folder}{keys.SIGNED}",
    }
    return functions.invoke(deployed[outputs.SIGN_FUNCTION], event)


def _package(
    deployed: Deployment, found: Evidence, image: str, folder: str, signed: Mapping[str, str]
) -> models.NewPackage:
    settings = deployed.place.settings
    bucket, prefix = objects.split_uri(folder)
    judged = f"{folder}{keys.EVALUATION}/"
    manifest = objects.head(bucket, f"{prefix}{evidence.MANIFEST}")
    origin = f"{found.package.arn} {found.artefact_sha256} {deployed.place.stage}"
    return models.NewPackage(
        group=deployed[outputs.MODEL_PACKAGE_GROUP],
        description=f"promoted from {found.package.arn}",
        image_uri=image,
        model_data_url=signed[pipeline.SIGNED_MODEL_URI],
        evaluation_uri=f"{folder}{evidence.EVALUATION}",
        instance_type=settings.endpoint.instance_type,
        card=found.files.get(evidence.CARD, b"").decode(),
        token=hashlib.sha256(origin.encode()).hexdigest()[:TOKEN_CHARACTERS],
        metadata={
            **{name: found.metadata.get(name, registry.UNKNOWN) for name in evidence.ORIGIN},
            registry.TEXT_RULES: found.metadata[registry.TEXT_RULES],
            registry.DATASET_MANIFEST_URI: f"{folder}{evidence.MANIFEST}",
            registry.DATASET_VERSION_ID: manifest.version,
            registry.IMAGE_URI: image,
            registry.RUN_PREFIX: folder.rstrip("/"),
            registry.EVALUATION_PREFIX: judged,
            registry.SIGNING_KEY: signed[pipeline.SIGNING_KEY],
            registry.EVALUATION_URI: f"{folder}{evidence.EVALUATION}",
            registry.REPORT_URI: f"{judged}{keys.REPORT}",
            registry.MODEL_CARD_URI: f"{judged}{keys.CARD_PAGE}",
            registry.BASELINE_URI: f"{folder}{evidence.BASELINE}",
            registry.PROMOTED_FROM: found.package.arn,
            registry.ARTEFACT_SHA256: found.artefact_sha256,
        },
    )
