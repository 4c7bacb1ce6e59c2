"""What a set of files holds, as one digest: what runs is named by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

DIRTY = "-dirty."
DIGITS = 12  # of a digest, where a commit is marked
MODEL_FORMAT = "review-stars model 5"  # raised whenever the folder that is a model changes
# All of ours that a job runs: what the training image copies, and no more.
PROGRAM = ("training", "reviews", "monitoring", "configs/model.yaml")


def digest_files(root: Path, paths: Iterable[Path]) -> str:
    """sha256 (hex) over names and contents. paths: relative to the root, in any order."""
    found = hashlib.sha256()
    for path in sorted(paths, key=Path.as_posix):
        found.update(f"{path.as_posix()}\0".encode())
        found.update(hashlib.sha256((root / path).read_bytes()).digest())
    return found.hexdigest()


def digest_program(root: Path) -> str:
    """Of the program that trains and judges: the same in an image as in the tree that it is of.

    Sources and settings alone: an image adds byte code, and leaves out what only builds it.
    """
    return digest_files(root, _sources(root))


def digest_manifest(content: Mapping[str, Any]) -> str:
    """Of a model's model.json without its own: an edit by hand is noticed, an evil one is not."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(msgspec.json.encode(rest)).hexdigest()


def mark_dirty(commit: str, digest: str) -> str:
    """A commit that does not hold what was used, with a part of the digest of what was."""
    return f"{commit.partition(DIRTY)[0]}{DIRTY}{digest[:DIGITS]}"


def is_dirty(commit: str) -> bool:
    """Whether a commit is marked as one that does not hold what was used."""
    return DIRTY in commit


def _sources(root: Path) -> Iterator[Path]:
    for name in PROGRAM:
        place = root / name
        found = place.rglob("*.py") if place.is_dir() else [place]
        yield from (path.relative_to(root) for path in found)
