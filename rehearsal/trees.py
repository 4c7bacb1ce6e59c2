"""Copies of this folder, without its history: of whatever commit somebody says."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = (
    *(".git", ".venv", ".local", ".build", "cdk.out", "node_modules", "dist", ".*_cache"),
    *("__pycache__", ".hypothesis", "site-packages"),
)
TOOLS = ("node_modules", ".local/node", ".local/venvs", ".local/stamps")  # linked, as they are


def copy(to: Path) -> Path:
    """The project as it lies here, with links to what `make setup` has installed."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    (to / ".local").mkdir()
    for tool in TOOLS:
        (to / tool).symlink_to(ROOT / tool)
    return to
