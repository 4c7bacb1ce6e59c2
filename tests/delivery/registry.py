"""A registry of images on this machine: of OCI's distribution API what a push and a pull use.

As a registry must, it takes no blob whose digest is another, and no manifest that names a blob
which it lacks. The way of one upload: POST, PATCH for the bytes, PUT with their digest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.delivery import stand_in
from tests.delivery.stand_in import Answered, Asked

CHALLENGE = {"www-authenticate": 'Basic realm="registry"'}


@dataclass
class Registry:
    """What it keeps. user: name and password of the one who may push and pull."""

    user: tuple[str, str]
    blobs: dict[str, bytes] = field(default_factory=dict)  # by digest
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # name:reference -> kind
    uploads: dict[str, bytes] = field(default_factory=dict)
    address: str = ""  # host and port

    def answer(self, asked: Asked) -> Answered:
        """One request."""
        pair = base64.b64encode(":".join(self.user).encode()).decode()
        if asked.headers.get("authorization") != f"Basic {pair}":
            return Answered(401, {"errors": [{"code": "UNAUTHORIZED"}]}, CHALLENGE)
        if asked.path in ("/v2", "/v2/"):
            return Answered(200, {})
        for pattern, act in (
            (r"/v2/(?P<name>.+)/blobs/uploads/(?P<upload>\w*)", self._upload),
            (r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:\w{64})", self._blob),
            (r"/v2/(?P<name>.+)/manifests/(?P<reference>[\w.:-]+)", self._manifest),
        ):
            if found := re.fullmatch(pattern, asked.path):
                return act(asked, **found.groupdict())
        return Answered(404, {"errors": [{"code": "UNSUPPORTED"}]})

    def _upload(self, asked: Asked, name: str, upload: str) -> Answered:
        upload = upload or str(len(self.uploads))
        kept = self.uploads.get(upload, b"") + asked.body
        self.uploads[upload] = kept
        place = {"location": f"/v2/{name}/blobs/uploads/{upload}"}
        if asked.method != "PUT":
            return Answered(202, b"", {**place, "range": f"0-{max(len(kept) - 1, 0)}"})
        if asked.query.get("digest") != digest_of(kept):
            return Answered(400, {"errors": [{"code": "DIGEST_INVALID"}]})
        self.blobs[digest_of(kept)] = kept
        return Answered(201, b"", {"location": f"/v2/{name}/blobs/{digest_of(kept)}"})

    def _blob(self, asked: Asked, name: str, digest: str) -> Answered:
        if digest not in self.blobs:
            return Answered(404, {"errors": [{"code": "BLOB_UNKNOWN"}]})
        return Answered(200, self.blobs[digest], {"docker-content-digest": digest})

    def _manifest(self, asked: Asked, name: str, reference: str) -> Answered:
        if asked.method == "PUT":
            found = json.loads(asked.body)
            named = [found["config"]["digest"], *(layer["digest"] for layer in found["layers"])]
            if not set(named) <= set(self.blobs):
                return Answered(400, {"errors": [{"code": "MANIFEST_BLOB_UNKNOWN"}]})
            kept = (asked.headers["content-type"], asked.body)
            digest = digest_of(asked.body)
            self.manifests |= {f"{name}:{reference}": kept, f"{name}:{digest}": kept}
            return Answered(201, b"", {"docker-content-digest": digest})
        if f"{name}:{reference}" not in self.manifests:
            return Answered(404, {"errors": [{"code": "MANIFEST_UNKNOWN"}]})
        kind, body = self.manifests[f"{name}:{reference}"]
        return Answered(200, body, {"content-type": kind, "docker-content-digest": digest_of(body)})


def digest_of(content: bytes) -> str:
    """As registries name content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def serving(user: tuple[str, str]) -> Iterator[Registry]:
    """An empty one, on a free port of this machine, without TLS."""
    made = Registry(user)
    with stand_in.serving(made.answer) as url:
        made.address = url.removeprefix("http://")
        yield made
