"""Where a job's model comes from, by the bytes that the job itself runs.

A deploy says what it deployed. A job in an image runs exactly that; a job that is a process of a
working tree runs what the tree holds when it starts, which may have been edited since.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from reviews.digest import digest_program, mark_dirty
from training.config import DEFAULT_PATH

ROOT = Path(__file__).resolve().parent.parent
GIT_COMMIT, CONFIGURATION, PROGRAM = "git_commit", "configuration_digest", "program_digest"


def read_provenance(
    deployed: Mapping[str, str], settings: Path | None = None, root: Path = ROOT
) -> dict[str, str]:
    """What was handed to the job, with digests of what it runs in place of what was deployed.

    settings: the model.yaml that the job reads. A commit whose program is not the one that runs
    is marked with the digest of the one that does.
    """
    program = digest_program(root)
    content = (settings or DEFAULT_PATH).read_bytes()
    own = {CONFIGURATION: hashlib.sha256(content).hexdigest(), PROGRAM: program}
    if is_changed(deployed, own):
        own[GIT_COMMIT] = mark_dirty(deployed.get(GIT_COMMIT, "unknown"), program)
    return {**deployed, **own}


def is_changed(deployed: Mapping[str, str], own: Mapping[str, str]) -> bool:
    """Whether the job runs other bytes than those that were deployed."""
    return any(deployed.get(name, own[name]) != own[name] for name in (CONFIGURATION, PROGRAM))
