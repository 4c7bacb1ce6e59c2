"""`python strip_image.py ROOT`: takes out of an image what only builds it, or only a person uses.

SageMaker starts programs, not scripts: where there is no shell, no compiler and no installer, a
stranger inside has little to work with. Run by the Dockerfile, which cannot use a shell to remove
the shells.
"""

import shutil
import stat
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

BINARIES = ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "opt/venv/bin")
PROGRAMS = (
    *("sh", "bash", "rbash", "dash", "ash", "busybox", "bashbug"),
    *("apt*", "dpkg*", "deb*", "perl*", "pip*", "idle*", "pydoc*"),
    *("gcc*", "g++*", "cc", "c++", "cpp*", "ld", "ld.bfd", "ld.gold", "as", "make"),
    *("curl", "wget", "passwd", "gpasswd", "su", "mount", "umount", "login", "chsh", "chfn"),
    *("newgrp", "chage", "expiry", "unix_chkpwd"),
)
FOLDERS = (
    *("var/lib/apt", "var/lib/dpkg", "var/cache", "root/.cache"),
    *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/perl", "usr/share/perl5"),
    *("usr/lib/gcc", "usr/include"),
)
LIBRARIES = "opt/venv/lib"
AWS_SERVICES = {"s3", "sagemaker", "sts"}  # what MLflow's way to SageMaker asks, of botocore's 400
SET_ID_BITS = stat.S_ISUID | stat.S_ISGID


def strip_image(root: Path) -> None:
    """Remove programs, folders, and of libraries tests and services; take set-user-id bits away."""
    for program in _programs(root):
        program.unlink()
    tests = (path for path in (root / LIBRARIES).rglob("tests") if path.is_dir())
    for folder in (*(root / name for name in FOLDERS), *tests, *_services(root)):
        shutil.rmtree(folder, ignore_errors=True)
    for name in BINARIES:
        for path in (root / name).glob("*"):
            _drop_set_id_bits(path)


def _programs(root: Path) -> Iterator[Path]:
    """Each once: /bin may be a link to /usr/bin."""
    folders = {(root / name).resolve() for name in BINARIES if (root / name).is_dir()}
    for path in [path for folder in folders for path in folder.iterdir()]:
        named = any(fnmatchcase(path.name, pattern) for pattern in PROGRAMS)
        if named and (path.is_symlink() or not path.is_dir()):
            yield path


def _services(root: Path) -> Iterator[Path]:
    """botocore's descriptions of services that nothing here asks."""
    for data in (root / LIBRARIES).glob("*/site-packages/botocore/data"):
        yield from (
            path for path in data.iterdir() if path.is_dir() and path.name not in AWS_SERVICES
        )


def _drop_set_id_bits(path: Path) -> None:
    if path.is_symlink() or not path.is_file():
        return
    mode = path.stat().st_mode
    if mode & SET_ID_BITS:
        path.chmod(stat.S_IMODE(mode) & ~SET_ID_BITS)


if __name__ == "__main__":
    strip_image(Path(sys.argv[1]))
