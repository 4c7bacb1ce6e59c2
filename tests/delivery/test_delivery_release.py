"""release.yml run for a tag that `make bump` has made: held against main, packed, published; and
what ci.yml makes of the same commit besides tests: site, bills of materials, licences.

Signing the provenance and keeping the release are GitHub's; what stands for its command line looks
at what it is given.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.delivery import workflows
from tests.delivery.account import PERSON, clone_of_this_checkout
from tests.delivery.runner import JobRun, Runner, git
from tests.delivery.workflows import Context, Step

pytestmark = pytest.mark.e2e
# As `gh release create` refuses: a tag that is not on the server, a file that is not there.
GH = """#!/bin/sh
set -eu
test "$GH_TOKEN" = made-up-token
git ls-remote --exit-code origin "refs/tags/$3" >/dev/null
printf '%s\\n' "$@" > "$GH_SAID"
shift 7
shift
for file; do test -s "$file"; done
"""


@dataclass
class Releasing:
    """A clone with an origin, and the runner of its workflows."""

    clone: Path
    runner: Runner
    said: Path

    def make(self, *words: str) -> tuple[int, str]:
        """One call of make in the clone."""
        step = Step("by", "hand", 1, f"make {' '.join(words)}", "", "", {"PY": "python3"})
        done = workflows.execute(step, self.clone, self.runner.variables)
        return done.returncode, done.stdout + done.stderr

    def publish(self, tag: str) -> JobRun:
        """The job of release.yml that publishes, for a tag."""
        self.runner.variables["GITHUB_REF_NAME"] = tag
        return self.runner.run(
            "release", "publish", Context({"github.token": "made-up-token"}, is_tag=True)
        )


@pytest.fixture(scope="module")
def releasing(tmp_path_factory: pytest.TempPathFactory) -> Releasing:
    folder = tmp_path_factory.mktemp("release")
    clone = clone_of_this_checkout(folder)
    (folder / "bin").mkdir()
    (folder / "bin" / "gh").write_text(GH)
    (folder / "bin" / "gh").chmod(0o755)
    shell = workflows.shell()
    variables = {
        **shell,
        **PERSON,
        "PATH": f"{folder / 'bin'}:{shell['PATH']}",
        "GH_SAID": str(folder / "gh.txt"),
    }
    made = Releasing(clone, Runner(clone, variables), folder / "gh.txt")
    for message in ("build: begin", "feat(reviews): read more"):
        git(clone, "add", "-A")
        git(clone, *IDENTITY, "commit", "-q", "--allow-empty", "-m", message)
    git(clone, "push", "-q", "origin", "main")
    return made


IDENTITY = ("-c", "user.name=A Person", "-c", "user.email=person@example.com")


def test_a_tag_becomes_a_release(releasing: Releasing) -> None:
    clone = releasing.clone
    code, said = releasing.make("bump", "PREVIEW=1")
    assert code == 0, said[-3000:]
    assert "- reviews: read more" in said
    assert git(clone, "tag") == ""
    code, said = releasing.make("bump")
    assert code == 0, said[-3000:]
    tag = git(clone, "tag")
    assert f"{tag} is made here" in said
    git(clone, "push", "-q", "--atomic", "origin", "main", tag)
    git(clone, "fetch", "-q", "origin")
    done = releasing.publish(tag)
    assert done.conclusion == "success", done.said[-4000:]
    assert "actions/attest-build-provenance" in done.left_out
    given = releasing.said.read_text().splitlines()
    assert given[:4] == ["release", "create", tag, "--verify-tag"]
    sums = (clone / "dist" / "SHA256SUMS").read_text().splitlines()
    names = {line.split()[1] for line in sums}
    assert {f"dist/{name}" for name in names} | {"dist/SHA256SUMS"} == set(given[8:])
    for line in sums:
        digest, name = line.split()
        assert hashlib.sha256((clone / "dist" / name).read_bytes()).hexdigest() == digest
    assert "- reviews: read more" in (clone / ".local" / "notes.md").read_text()
    with tarfile.open(clone / "dist" / f"review-stars-{tag}.tar.gz") as archive:
        assert "review-stars/Makefile" in archive.getnames()
    bills = [json.loads(path.read_text()) for path in (clone / "dist").glob("*.json")]
    assert {bill["bomFormat"] for bill in bills} == {"CycloneDX"}


def test_what_cannot_be_released_is_said_and_publishes_nothing(releasing: Releasing) -> None:
    clone, tag = releasing.clone, git(releasing.clone, "tag")
    releasing.said.unlink(missing_ok=True)

    def refused(wanted: str) -> str:
        done = releasing.publish(wanted)
        assert done.conclusion == "failure"
        assert not releasing.said.exists()
        return done.said

    assert f"v9.9.9 is not of version {tag.removeprefix('v')}" in refused("v9.9.9")
    file = clone / "README.md"
    kept = file.read_text()
    file.write_text("changed\n")
    assert "changes that no commit holds: commit them first" in refused(tag)
    file.write_text(kept)
    git(clone, *IDENTITY, "commit", "-q", "--allow-empty", "-m", "fix(reviews): read the rest")
    assert f"{tag} is not of the commit that is checked out" in refused(tag)
    git(clone, "tag", "-f", tag)
    assert f"{tag} was moved on the server" in refused(tag)
    again = ("bump", f"VERSION={tag.removeprefix('v')}")
    code, said = releasing.make(*again)
    assert code == 2
    assert "it was moved; take origin's" in said
    git(clone, "fetch", "-q", "--force", "origin", "tag", tag)
    code, said = releasing.make(*again)
    assert code == 2
    assert "is not after" in said


def test_ci_builds_the_site_whose_links_lead_somewhere_and_judges_licences(
    releasing: Releasing,
) -> None:
    done = releasing.runner.run("ci", "site", Context(workflows.EXAMPLE))
    assert done.conclusion == "success", done.said[-3000:]
    assert done.ran == ["make site", "make sbom"]
    site = (releasing.clone / ".local" / "site").resolve()
    pages = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert 'href="es.html"' in pages[site / "index.html"]
    assert 'href="index.html"' in pages[site / "es.html"]
    assert list(dead_links(pages)) == []
    done = releasing.runner.run("ci", "check", Context(workflows.EXAMPLE), only="make licences")
    assert done.conclusion == "success", done.said[-3000:]
    assert done.ran == ["make licences"]


def dead_links(pages: dict[Path, str]) -> Iterator[tuple[str, str]]:
    """Page and link, of those that lead to no file of the site, or to no part of its page."""
    for page, text in pages.items():
        for link in re.findall(r'(?:href|src)="(?!https?:|mailto:|data:)([^"]+)"', text):
            name, _, part = link.partition("#")
            target = (page.parent / name.partition("?")[0]).resolve() if name else page
            is_whole = not part or target not in pages or f'id="{part}"' in pages[target]
            # The links of 404.html begin at the root of wherever it is served.
            if page.name != "404.html" and not (target.exists() and is_whole):
                yield page.name, link
