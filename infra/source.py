"""What is deployed: the program that jobs run, its settings, and a commit that holds them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lambdas.contract.packages import UNKNOWN
from reviews.digest import PROGRAM, digest_program, is_dirty, mark_dirty

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = "configs/model.yaml"


@dataclass(frozen=True)
class DeployedSource:
    """Where a model comes from; templates hold its digests alone, never the commit.

    commit: the git commit, marked where it does not hold the program as it is, `unknown` outside a
    repository of ours; configuration_digest: sha256 (hex) of configs/model.yaml; program_digest:
    of what jobs run; languages: those that the model learns.
    """

    commit: str
    configuration_digest: str
    program_digest: str
    languages: tuple[str, ...]

    @classmethod
    def read(cls, root: Path = ROOT) -> DeployedSource:
        """Read the working tree. `GIT_COMMIT` names the commit where there is no history."""
        model = (root / SETTINGS).read_bytes()
        commit = read_commit(root)
        return cls(
            commit=os.environ.get("GIT_COMMIT") or UNKNOWN if commit == UNKNOWN else commit,
            configuration_digest=hashlib.sha256(model).hexdigest(),
            program_digest=digest_program(root),
            languages=tuple(msgspec.yaml.decode(model)["languages"]),
        )

    @property
    def is_edited(self) -> bool:
        """Whether the program differs from its commit's."""
        return is_dirty(self.commit)


def read_commit(root: Path) -> str:
    """The commit of a tree: `<commit>`, or `<commit>-dirty.<digest of what differs from it>`.

    Only what a job runs counts: another document or template makes no other model.
    Of a repository that only encloses ours the commit is not ours: it holds none of our files.
    """
    head = _git(root, "rev-parse", "--verify", "HEAD")
    if head is None or _git(root, "cat-file", "-e", f"HEAD:./{SETTINGS}") is None:
        return UNKNOWN
    commit = head.decode().strip()
    changed = _git(root, "diff", "--binary", "--no-color", "--no-ext-diff", "HEAD", "--", *PROGRAM)
    listed = _git(root, "ls-files", "-z", "--others", "--exclude-standard", "--", *PROGRAM)
    if changed is None or listed is None:
        return UNKNOWN
    added = [name for name in listed.split(b"\0") if name]
    if not changed and not added:
        return commit
    found = hashlib.sha256(changed)
    for name in added:
        found.update(name + b"\0" + (root / os.fsdecode(name)).read_bytes())
    return mark_dirty(commit, found.hexdigest())


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git prints, None where it fails or is absent. The shell's `GIT_DIR` is not asked."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, env=environment, capture_output=True, check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
