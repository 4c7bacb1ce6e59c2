"""What is deployed: the commit, and the model's configuration."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Source:
    """Where a template comes from; part of every dataset's and model's record.

    commit: the git commit, `unknown` outside a repository; configuration_digest: sha256 (hex)
    of configs/model.yaml; languages: those that the model learns.
    """

    commit: str
    configuration_digest: str
    languages: tuple[str, ...]

    @classmethod
    def read(cls, root: Path = ROOT) -> Source:
        """Read the working tree. `GIT_COMMIT` replaces the commit where there is no history."""
        model = (root / "configs" / "model.yaml").read_bytes()
        return cls(
            commit=os.environ.get("GIT_COMMIT") or _commit(root),
            configuration_digest=hashlib.sha256(model).hexdigest(),
            languages=tuple(msgspec.yaml.decode(model)["languages"]),
        )


def _commit(root: Path) -> str:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return UNKNOWN
    return found.stdout.strip() or UNKNOWN
