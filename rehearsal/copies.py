"""Copies of a version, registered as if they were new: sound, spoiled, or with a bad server."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import boto3

from lambdas.contract import keys, outputs
from lambdas.contract import packages as registry
from lambdas.contract.live import version
from lambdas.ports import functions, models, objects
from operate.packages import find
from rehearsal.theatre import Theatre
from reviews.digest import digest_manifest
from reviews.golden import GOLDEN_FILE

MANIFEST = "model.json"
UNSOUND = "rehearsal-unsound"  # metadata of a copy that nobody should serve
TAKEN_OVER = ("ModelPackageGroupName", "InferenceSpecification", "ModelMetrics")
NONSENSE = '''"""In the place of a model server: healthy, and nobody can read its answers."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Nonsense(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"stars")

    do_POST = do_GET

    def log_message(self, *_):
        pass


if port := os.environ.get("SAGEMAKER_BIND_TO_PORT"):
    ThreadingHTTPServer((os.environ["BIND_HOST"], int(port)), Nonsense).serve_forever()
'''


def copy(
    theatre: Theatre,
    number: str,
    *,
    changed: Callable[[bytes], bytes] | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Register a version once more; returns the new one's version.

    changed: what becomes of its model.tar.gz; environment: of its container, on top of its own.
    """
    package = find(theatre.deployment, number)
    sagemaker, stamp = boto3.client("sagemaker"), f"{time.time_ns()}"
    bucket, _ = objects.split_uri(package.model_data_url)
    target = f"{keys.RUNS}rehearsal-{stamp}/{keys.SIGNED}"
    body = objects.read_uri(package.model_data_url)
    objects.put_bytes(bucket, target, changed(body) if changed else body, "application/gzip")
    if changed:  # an unsigned one would be refused before anybody asks its golden set
        uri = f"s3://{bucket}/{target}"
        event = {"model_uri": uri, "signed_uri": uri}
        event["evaluation_uri"] = package.metadata[registry.EVALUATION_URI]
        functions.invoke(theatre.deployment[outputs.SIGN_FUNCTION], event)
    known = sagemaker.describe_model_package(ModelPackageName=package.arn)
    wanted = {name: known[name] for name in TAKEN_OVER}
    [container] = wanted["InferenceSpecification"]["Containers"]
    for name in ("ImageDigest", "ModelDataETag"):  # SageMaker's own words
        container.pop(name, None)
    container["ModelDataUrl"] = f"s3://{bucket}/{target}"
    container["Environment"] = {**container.get("Environment", {}), **(environment or {})}
    made = sagemaker.create_model_package(
        **wanted,
        ModelPackageDescription="a copy of the rehearsal",
        ModelApprovalStatus=registry.PENDING,
        CustomerMetadataProperties={
            **package.metadata,
            **({UNSOUND: "yes"} if changed or environment else {}),
        },
        ClientToken=f"rehearsal-{stamp}",
    )
    return version(made["ModelPackageArn"])


def sound(theatre: Theatre) -> list[str]:
    """The versions that a person has approved and that answer as they should; newest first."""
    found = models.packages(theatre.deployment[outputs.MODEL_PACKAGE_GROUP])
    return [
        str(package.version)
        for package in found
        if package.approval == registry.APPROVED and UNSOUND not in package.metadata
    ]


def nonsense(theatre: Theatre) -> dict[str, str]:
    """Variables of a container whose server answers what nobody can read."""
    folder = theatre.home / "nonsense"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(NONSENSE)
    return {"PYTHONPATH": str(folder)}


def spoiled(archive: bytes) -> bytes:
    """A model.tar.gz whose golden set says other stars than the model; its digests are right.

    With wrong digests the model would not even start, and nobody would ask the golden set.
    """
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as old:
        for member in old:
            if found := old.extractfile(member):
                files[member.name] = found.read()
    golden = next(name for name in files if Path(name).name == GOLDEN_FILE)
    lines = [json.loads(line) for line in files[golden].splitlines()]
    wrong = [{**line, "stars": line["stars"] % 5 + 1} for line in lines]
    files[golden] = body = b"".join(json.dumps(line).encode() + b"\n" for line in wrong)
    manifest = next(name for name in files if Path(name).name == MANIFEST)
    content = json.loads(files[manifest])
    digest = hashlib.sha256(body).hexdigest()
    content["files"][GOLDEN_FILE] = {"bytes": len(body), "sha256": digest}
    content["sha256"] = digest_manifest(content)
    files[manifest] = json.dumps(content).encode()
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as new:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return made.getvalue()
