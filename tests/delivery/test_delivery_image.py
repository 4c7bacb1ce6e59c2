"""release.yml's job of the image pushes it: by `make push-image`, to a registry on this machine.

The image is one of a single file; that the true one builds is shown by `make image`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.delivery import registry, workflows
from tests.delivery.account import clone_of_this_checkout
from tests.delivery.github_api import TOKEN
from tests.delivery.registry import Registry, digest_of
from tests.delivery.runner import JobRun, Runner
from tests.delivery.workflows import Context

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("buildah"), reason="no buildah: a push needs it"),
    pytest.mark.skipif(os.geteuid() != 0, reason="not root: buildah's chroot needs it"),
]
IMAGE = "localhost/review-stars"  # as `make image` leaves it
# A runner's, for a machine whose only user is root.
SUDO = '#!/bin/sh\n[ "$1" = -E ] && shift\nexec "$@"\n'


@dataclass
class Pushing:
    """A clone with an image, and the registry to which its workflow pushes."""

    clone: Path
    runner: Runner
    registry: Registry
    attested: list[dict[str, str]] = field(default_factory=list)

    def push(self, tag: str, token: str = TOKEN) -> JobRun:
        """The job of release.yml that pushes, with its image built."""
        self.runner.variables["GITHUB_REF_NAME"] = tag
        context = Context({"github.token": token}, is_tag=True)
        return self.runner.run("release", "image", context, only="sudo -E")

    def buildah(self, *words: str) -> str:
        """One call of it, with the storage of `make image`."""
        home = self.clone / ".local" / "image"
        places = ["--root", str(home / "storage"), "--runroot", str(home / "run")]
        argv = ["buildah", "--storage-driver", "vfs", *places, *words]
        env = self.runner.variables
        return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def pushing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushing]:
    folder = tmp_path_factory.mktemp("image")
    clone, shell = clone_of_this_checkout(folder), workflows.shell()
    (folder / "bin").mkdir()
    (folder / "bin" / "sudo").write_text(SUDO)
    (folder / "bin" / "sudo").chmod(0o755)
    with registry.serving(("octo", TOKEN)) as served:
        insecure = f'[[registry]]\nlocation = "{served.address}"\ninsecure = true\n'
        (folder / "registries.conf").write_text(insecure)
        variables = {
            **shell,
            "PATH": f"{folder / 'bin'}:{shell['PATH']}",
            "GITHUB_REPOSITORY": "Octo/Stars",
            "GITHUB_ACTOR": "octo",
            "IMAGE_REGISTRY": served.address,
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
        }
        made = Pushing(clone, Runner(clone, variables), served)

        def attest(given: Mapping[str, str]) -> dict[str, str | None]:
            made.attested.append(dict(given))
            return {}

        made.runner.actions = {"actions/attest-build-provenance": attest}
        container = made.buildah("from", "scratch").strip()
        (folder / "model.txt").write_text("a program\n")
        made.buildah("copy", "-q", container, str(folder / "model.txt"), "/model.txt")
        made.buildah("commit", "-q", "--rm", container, IMAGE)
        yield made


def test_the_image_is_in_the_registry_under_its_tag_and_its_digest_is_attested(
    pushing: Pushing,
) -> None:
    done = pushing.push("v1.2.3")
    assert done.conclusion == "success", done.said[-3000:]
    assert len(done.ran) == 1
    assert "make push-image" in done.ran[0]
    kind, manifest = pushing.registry.manifests["octo/stars:v1.2.3"]
    assert json.loads(manifest)["mediaType"] == kind
    name = f"{pushing.registry.address}/octo/stars"
    assert pushing.attested == [{"subject-name": name, "subject-digest": digest_of(manifest)}]
    assert f"{name}@{digest_of(manifest)}" in done.said
    assert TOKEN not in done.said
    assert not (pushing.clone / ".local" / "image" / "auth.json").exists()


def test_what_was_pushed_can_be_pulled_by_its_digest(pushing: Pushing, tmp_path: Path) -> None:
    _, manifest = pushing.registry.manifests["octo/stars:v1.2.3"]
    name = f"{pushing.registry.address}/octo/stars@{digest_of(manifest)}"
    pushing.buildah("rmi", "--all", "--force")
    container = pushing.buildah("from", "--creds", f"octo:{TOKEN}", f"docker://{name}").strip()
    root = Path(pushing.buildah("mount", container).strip())
    assert (root / "model.txt").read_text() == "a program\n"
    pushing.buildah("rm", container)
    pushing.buildah("tag", name, IMAGE)


def test_a_push_that_the_registry_refuses_attests_nothing(pushing: Pushing) -> None:
    before = dict(pushing.registry.manifests)
    pushing.attested.clear()
    done = pushing.push("v1.2.4", token="of-another")
    assert done.conclusion == "failure"
    assert "push-image: buildah push failed" in done.said
    assert "of-another" not in done.said
    assert pushing.registry.manifests == before
    assert pushing.attested == []


def test_a_branch_is_not_pushed(pushing: Pushing) -> None:
    done = pushing.push("main")
    assert done.conclusion == "failure"
    assert "push-image: main is no tag of a version" in done.said
    assert pushing.attested == []
