"""Bills of materials (CycloneDX 1.6) of what ships: app, each Lambda package, image, model.

The same commit and locks give the same bytes. Licences and dependencies are those that the
installed packages state; a model's digests are compared with its files before they are written.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import licences
import locks
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OUT = Path(".local/sbom")
PRODUCT = "review-stars"
ROWS = ("read", "training", "hold_out")  # counts of a model's rows that its bill repeats
SIGNATURE = "model.sig"  # of a model that the stage's key has signed
DOCKERFILE = Path("training/Dockerfile")
PYTHON = "3.13"  # of the Lambda runtimes and of the image's base
LINUX = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
SPACE = uuid.UUID("6f0b7a52-6d0b-5a7e-9a3e-2f1b5f0a9c11")  # of our serial numbers


class SbomError(Exception):
    """A bill cannot be written; the message says what to do."""


@cache
def commit(root: Path) -> tuple[str, datetime]:
    """The commit that a bill is of and its time; without git "unknown" and the epoch."""
    words = ["git", "log", "-1", "--format=%H %ct"]
    try:
        shown = subprocess.run(words, cwd=root, capture_output=True, check=True, text=True).stdout
        found, seconds = shown.split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        found, seconds = "unknown", "0"
    return found, datetime.fromtimestamp(int(seconds), UTC)


def subject(kind: ComponentType, name: str, root: Path, about: Mapping[str, str]) -> Component:
    """What a bill is of."""
    release = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return Component(
        type=kind,
        name=name,
        version=release,
        bom_ref=name,
        licenses=[LicenseFactory().make_with_id("Apache-2.0")],
        properties=_properties({"git_commit": commit(root)[0], **about}),
    )


def _properties(about: Mapping[str, str]) -> list[Property]:
    return [Property(name=f"{PRODUCT}:{name}", value=value) for name, value in about.items()]


def bill(of: Component, parts: Iterable[Component], root: Path) -> Bom:
    """A bill whose time is that of the commit; `text_of` gives it its number."""
    made = Bom(components=parts)
    made.metadata.component = of
    made.metadata.timestamp = commit(root)[1]
    made.metadata.tools.components.add(this_component())
    return made


@cache
def installed_in(venv: Path) -> dict[str, Distribution]:
    """What an environment has, looked at once: six Lambda packages have the same one."""
    return locks.installed_in(venv)


def packages(lock: locks.Lock, root: Path) -> dict[str, Component]:
    """By name: what a lock pins for Linux and the Python that ships."""
    installed = installed_in(root / (lock.venv or ".venv"))
    found = {}
    for pin in locks.pins_of((root / lock.file).read_text()):
        if pin.holds(LINUX):
            licence = licences.licence_of(installed[pin.name]) if pin.name in installed else ""
            found[pin.name] = _package("pypi", pin.name, pin.version, licence)
    return found


def _package(kind: str, name: str, version: str, licence: str) -> Component:
    link = PackageURL(kind, name=name, version=version)
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=link,
        bom_ref=link.to_string(),
        licenses=[LicenseFactory().make_from_string(licence)] if licence else [],
    )


def connect(made: Bom, lock: locks.Lock, parts: Mapping[str, Component], root: Path) -> set[str]:
    """Write who needs whom; returns what the lock's group asks for itself."""
    installed = installed_in(root / (lock.venv or ".venv"))
    for name, part in parts.items():
        needed = _needs(installed[name]) if name in installed else set()
        made.register_dependency(part, [parts[n] for n in sorted(needed & set(parts))])
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    return {canonicalize_name(one.name) for one in locks.requirements(groups, lock.group)}


def _needs(found: Distribution) -> set[str]:
    asked = (Requirement(line) for line in found.requires or ())
    return {
        canonicalize_name(one.name)
        for one in asked
        if one.marker is None or one.marker.evaluate({**LINUX, "extra": ""})
    }


def of_locks(
    of: list[locks.Lock], kind: ComponentType, name: str, root: Path, more: Iterable[Component] = ()
) -> Bom:
    """The bill of what some locks install together. more: what does not come from a lock."""
    digests = {f"sha256_of:{lock.file}": _sha256((root / lock.file).read_bytes()) for lock in of}
    whole, others = subject(kind, name, root, digests), list(more)
    parts: dict[str, Component] = {}
    for lock in of:
        parts = {**packages(lock, root), **parts}
    made = bill(whole, [*parts.values(), *others], root)
    asked: set[str] = set()
    for lock in of:
        asked |= connect(made, lock, parts, root)
    made.register_dependency(whole, [*(parts[n] for n in sorted(asked & set(parts))), *others])
    return made


def npm_packages(root: Path) -> list[Component]:
    """What package-lock.json installs: the CDK's command."""
    return [
        _package("npm", row.package, row.version, row.licence or "")
        for row in licences.npm_rows(root)
    ]


def base_image(root: Path) -> Component:
    """The image that ours begins with, by the digest that the Dockerfile pins."""
    found = re.search(
        r"^ARG BASE_IMAGE=(.+/)([^/:]+):(.+)@sha256:([0-9a-f]{64})$",
        (root / DOCKERFILE).read_text(),
        re.MULTILINE,
    )
    if not found:
        raise SbomError(f"{DOCKERFILE}: BASE_IMAGE has no digest; pin it as name:tag@sha256:…")
    link = PackageURL(
        "oci", name=found[2], version=f"sha256:{found[4]}",
        qualifiers={"repository_url": f"{found[1]}{found[2]}", "tag": found[3]},
    )  # fmt: skip
    return Component(
        type=ComponentType.CONTAINER,
        name=f"{found[1]}{found[2]}",
        version=found[3],
        purl=link,
        bom_ref=link.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=found[4])],
    )


# --- the model ------------------------------------------------------------------------------------
def read_model(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """model.json, and every file of a model's folder or model.tar.gz, each as it says.

    Raises SbomError where a file is not the one that model.json was written with.
    """
    try:
        held = _held(path)
        about = json.loads(held["model.json"])
        files = {name: one["sha256"] for name, one in about["files"].items()}
    except (OSError, tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise SbomError(
            f"{path} holds no readable model.json ({type(error).__name__}): name a model's folder "
            "or its model.tar.gz with MODEL="
        ) from error
    for name, digest in files.items():
        if hashlib.sha256(held.get(name, b"")).hexdigest() != digest:
            raise SbomError(f"{path}: {name} is not the file that model.json was written with")
    more = [SIGNATURE] if SIGNATURE in held else []
    return about, {name: held[name] for name in ("model.json", *files, *more)}


def signer(files: Mapping[str, bytes], path: Path) -> str:
    """The fingerprint of the key that a model's signature names; "nobody" where it has none.

    Whether the key has made it, only who has the key can tell: a release, and the server.
    Raises SbomError where it cannot be read or is of other files.
    """
    if SIGNATURE not in files:
        return "nobody"
    try:
        found = json.loads(files[SIGNATURE])
        signed = json.loads(base64.b64decode(found["dsseEnvelope"]["payload"]))
        digests = {one["name"]: one["digest"] for one in signed["predicate"]["resources"]}
        key = str(found["verificationMaterial"]["publicKey"]["hint"])
    except (KeyError, TypeError, ValueError):
        raise SbomError(f"{path}: {SIGNATURE} is no signature of OpenSSF's form") from None
    if digests != {name: _sha256(body) for name, body in files.items() if name != SIGNATURE}:
        raise SbomError(f"{path}: {SIGNATURE} is the signature of another model's files")
    return key


def _held(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return {
            found.relative_to(path).as_posix(): found.read_bytes()
            for found in path.rglob("*")
            if found.is_file()
        }
    with tarfile.open(path, "r:gz") as archive:
        return {
            member.name.removeprefix("./"): opened.read()
            for member in archive
            if (opened := archive.extractfile(member)) is not None
        }


def of_model(path: Path, root: Path) -> tuple[Bom, dict[str, Any]]:
    """The bill of a model, and the card that CycloneDX has for it.

    Raises SbomError where the model does not say from which dataset it comes.
    """
    about, files = read_model(path)
    origin = about["provenance"]
    if not origin.get("dataset_sha256"):
        raise SbomError(
            f"{path} names no dataset: only a model of the pipeline has the digest of what it "
            "learned from; take its model.tar.gz (`make lineage` names it)"
        )
    data = Component(
        type=ComponentType.DATA,
        name=origin["dataset_id"],
        bom_ref=f"dataset:{origin['dataset_id']}",
        description="manifest of the curated reviews that the model was trained on",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=origin["dataset_sha256"])],
        properties=_properties(
            {
                "dataset_manifest_uri": origin["dataset_manifest_uri"],
                **{f"rows_{name}": str(about["rows"][name]) for name in ROWS},
            }
        ),
    )
    of = Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=f"{PRODUCT}-model",
        version=about["version"],
        bom_ref=f"{PRODUCT}-model",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=_sha256(files["model.json"]))],
        properties=_properties(
            {name: origin[name] for name in sorted(origin) if not name.startswith("dataset_")}
            | {"detector": about["detector"], "text_rules": about["text_rules"]}
            | {"signed_by": signer(files, path)}
        ),
    )
    parts = [
        Component(
            type=ComponentType.FILE,
            name=name,
            bom_ref=f"file:{name}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=_sha256(content))],
        )
        for name, content in sorted(files.items())
    ]
    made = bill(of, [*parts, data], root)
    made.register_dependency(of, [*parts, data])
    return made, _card(about, str(data.bom_ref.value))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _card(about: Mapping[str, Any], dataset: str) -> dict[str, Any]:
    return {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": "ordinal text classification: the stars of a review, 1 to 5",
            "architectureFamily": about["family"],
            "modelArchitecture": about["format"],
            "datasets": [{"ref": dataset}],
            "inputs": [{"format": "title and text of a review, verified_purchase"}],
            "outputs": [{"format": "stars, and the probability of each star"}],
        }
    }


def text_of(made: Bom, card: Mapping[str, Any] | None = None) -> str:
    """As JSON, numbered by its content.

    card: of a model; the library knows machine learning models and not yet their cards.
    """
    content = json.loads(JsonV1Dot6(made).output_as_string())
    if card:
        content["metadata"]["component"]["modelCard"] = card
    del content["serialNumber"]
    number = uuid.uuid5(SPACE, json.dumps(content, sort_keys=True))
    content["serialNumber"] = number.urn
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def bills(root: Path, model: Path | None) -> dict[str, str]:
    """By file name: every bill, as JSON. An image for each language detector with own packages."""
    by_group = {lock.group: lock for lock in locks.LOCKS}
    application, container = ComponentType.APPLICATION, ComponentType.CONTAINER
    made = {"app": of_locks([by_group["app"]], application, PRODUCT, root, npm_packages(root))}
    for group, lock in by_group.items():
        if group.startswith("lambda-"):
            made[group] = of_locks([lock], application, f"{PRODUCT}-{group}", root)
    for detector in ("", *(g for g in by_group if g.startswith("detector-"))):
        of = [by_group["training"], *([by_group[detector]] if detector else [])]
        name = f"image-{detector.removeprefix('detector-')}".rstrip("-")
        made[name] = of_locks(of, container, f"{PRODUCT}-{name}", root, [base_image(root)])
    found = {f"{name}.cdx.json": text_of(one) for name, one in made.items()}
    if model:
        found["model.cdx.json"] = text_of(*of_model(model, root))
    return found


def main() -> int:
    """Write them; 1 with the reason where one cannot be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a model's folder or model.tar.gz")
    model = parser.parse_args().model
    try:
        found = bills(locks.ROOT, model)
    except SbomError as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    for stale in OUT.glob("*.cdx.json"):
        stale.unlink()
    for name, text in found.items():
        (OUT / name).write_text(text)
        print(f"{OUT / name}: {len(json.loads(text)['components'])} components")
    if not model:
        print("no bill of a model: name its folder or model.tar.gz with MODEL=")
    return 0


if __name__ == "__main__":
    sys.exit(main())
