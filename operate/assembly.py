"""A stage's templates, made in a folder of their own: of this checkout, or of another commit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from operate import cdk
from operate.errors import InputError, OperateError
from operate.place import Place

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ".build"  # of this checkout: another commit's templates are priced, not deployed


def synthesise(place: Place, out: Path, tree: Path = ROOT) -> Path:
    """Make the templates of a stage, as `make synth` does but for cdk-nag; asks no account.

    tree: a checkout. Raises OperateError with what the app said where it failed.
    """
    variables = cdk.environment(
        place.offline(), place.stage, CDK_OUTDIR=str(out.absolute()), CDK_VALIDATION="false"
    )
    command = [sys.executable, "app.py"]
    done = subprocess.run(
        command, cwd=tree, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or "it said nothing").splitlines()[-1]
        raise OperateError(f"the templates of {place.stage} could not be made: {said}")
    return out


@contextmanager
def assembly_of(place: Place, source: str) -> Iterator[Path]:
    """The templates of a folder that `make synth` wrote, or of a commit, made for the moment.

    Raises InputError where there is neither.
    """
    if Path(source).is_dir():
        yield Path(source)
        return
    with TemporaryDirectory() as name, checkout(source, Path(name) / "tree") as tree:
        (tree / PACKAGES).symlink_to(ROOT / PACKAGES)
        yield synthesise(place, Path(name) / "out", tree)


@contextmanager
def checkout(commit: str, folder: Path) -> Iterator[Path]:
    """Another commit's files in a folder, for the moment. Raises InputError where there is none."""
    if _git("worktree", "add", "--quiet", "--detach", str(folder), commit) != 0:
        raise InputError(f"{commit!r} is no commit of this clone (nor a folder of templates)")
    try:
        yield folder
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*words: str) -> int:
    if words[-1].startswith("-"):
        return 1
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False).returncode
