"""`python -m infra.packaging.build --stage S`: one folder a function, and its zip, ready to upload.

Each stage has its own under `.build/lambdas/<stage>/`, so that going from one to another and back
builds nothing anew. Binary wheels for the stage's runtime, and the modules of ours that the
function imports; left alone where nothing has changed. A zip is the same bytes on every machine:
it holds no byte code, which only an interpreter of the stage's own version could make, and is not
compressed, which each build of zlib does in its own way.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.packaging.contents import FUNCTIONS, Uses, is_useless, modules
from infra.stage import Stage, StageError

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / ".build" / "lambdas"
LANGUAGE = Path("reviews/language")
LIMIT_BYTES = 250_000_000  # unzipped, of Lambda
UNIX = 3  # of a zip entry: where its mode means something
ZIP_EPOCH = 315_532_800  # 1980-01-01, the first time that a zip can hold
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}


class PackageError(Exception):
    """A package cannot be built; the message says what to do."""


@dataclass(frozen=True)
class Target:
    """The runtime of a stage. native: this interpreter and this machine, whatever they are."""

    python: str
    architecture: str
    native: bool
    detector: str

    @classmethod
    def of(cls, stage: Stage, *, native: bool = False) -> Target:
        """What this stage's functions run on; native: here, whatever the stage says."""
        if native or stage.is_native:
            here = f"{sys.version_info.major}.{sys.version_info.minor}"
            return cls(here, platform.machine(), True, stage.data.detector)
        return cls(stage.python_version, stage.architecture, False, stage.data.detector)

    def locks(self, function: str, files: list[Path]) -> list[Path]:
        """What is installed for a function; plus those of the detector, where it runs."""
        locks = [ROOT / "lambdas" / function / "requirements.txt"]
        own = LANGUAGE / f"requirements-{self.detector}.txt"
        if LANGUAGE / "__init__.py" in files and (ROOT / own).exists():
            locks.append(ROOT / own)
        return locks

    def uv_flags(self) -> list[str]:
        """How uv picks wheels for it."""
        flags = ["--python", sys.executable]
        if not self.native:
            wheels = PLATFORMS[self.architecture]
            flags += ["--python-version", self.python, "--python-platform", wheels]
        return flags


@dataclass(frozen=True)
class Built:
    """One package, its size in bytes, and whether it was made anew."""

    function: str
    size: int
    fresh: bool


def build(function: str, files: list[Path], target: Target, out: Path) -> Built:
    """Make one package, unless its inputs are those of the folder that is there.

    files: ours. Raises PackageError where uv cannot install or the folder is larger than Lambda
    takes.
    """
    locks = target.locks(function, files)
    digest = _digest([*(ROOT / path for path in files), *locks], repr(target))
    folder, stamp = out / function, out / f"{function}.stamp"
    zipped = out / f"{function}.zip"
    if all(path.exists() for path in (folder, zipped, stamp)) and stamp.read_text() == digest:
        return Built(function, size_bytes(folder), fresh=False)
    out.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=f".{function}-") as place:
        made = Path(place) / function
        _install(locks, target, made)
        _prune(made, Uses.of(files, ROOT, scipy=(made / "scipy").is_dir()))
        for path in files:
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, made / path)
        _settle(made)
        size = size_bytes(made)
        if size > LIMIT_BYTES:
            raise PackageError(f"{function} has {size / 1e6:.0f} MB, Lambda takes 250 MB")
        _zip(made, Path(place) / zipped.name)
        shutil.rmtree(folder, ignore_errors=True)
        made.replace(folder)
        (Path(place) / zipped.name).replace(zipped)
    stamp.write_text(digest)
    return Built(function, size, fresh=True)


def folder(stage: str) -> Path:
    """Where the packages of a stage are."""
    return OUT / stage


def size_bytes(folder: Path) -> int:
    """What all files of a folder hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _install(locks: list[Path], target: Target, folder: Path) -> None:
    """From uv's cache alone, and from the registry only for what is not there."""
    command = [_uv(), "pip", "install", "-q", "--target", str(folder), *target.uv_flags()]
    command += ["--only-binary", ":all:", "--require-hashes", "--link-mode", "copy"]
    for lock in locks:
        command += ["-r", str(lock)]
    done = subprocess.run([*command, "--offline"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackageError(f"uv could not install {locks[-1]}:\n{done.stderr}")


def _uv() -> str:
    options = (os.environ.get("UV"), str(ROOT / ".local/venvs/uv/bin/uv"), shutil.which("uv"))
    for option in options:
        if option and Path(option).exists():
            return option
    raise PackageError("uv is not here: run `make setup`, or name it in the variable UV")


def _prune(folder: Path, uses: Uses) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif is_useless(path.relative_to(folder), uses):
            path.unlink()


def _settle(folder: Path) -> None:
    """One time and one mode for everything: only content makes a package differ."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.suffix == ".so" else 0o644)
        os.utime(path, (ZIP_EPOCH, ZIP_EPOCH))


def _zip(folder: Path, file: Path) -> None:
    """The folder as Lambda takes it: entries in one order, with one time, nothing compressed."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as made:
        for path in sorted(folder.rglob("*"), key=Path.as_posix):
            if not path.is_file():
                continue
            name = path.relative_to(folder).as_posix()
            entry = zipfile.ZipInfo(name, time.gmtime(ZIP_EPOCH)[:6])
            entry.create_system = UNIX
            entry.external_attr = (stat.S_IFREG | stat.S_IMODE(path.stat().st_mode)) << 16
            made.writestr(entry, path.read_bytes())


def _digest(inputs: Sequence[Path], more: str) -> str:
    rules = [Path(__file__), Path(__file__).with_name("contents.py")]
    found = hashlib.sha256(more.encode())
    for path in (*rules, *inputs):
        found.update(f"{path.relative_to(ROOT)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Build every package; 2 for an unknown stage, 1 where one cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m infra.packaging.build", description=__doc__)
    parser.add_argument("--stage", default="local", help="default: %(default)s")
    parser.add_argument("--out", type=Path, help="default: .build/lambdas/STAGE")
    parser.add_argument("--native", action="store_true", help="for this interpreter and machine")
    options = parser.parse_args(arguments)
    try:
        target = Target.of(Stage.read(options.stage), native=options.native)
    except StageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 2
    out = options.out or folder(options.stage)
    # Not in the threads: until 3.13 the parser counts its depth for all of them together.
    files = {function: modules(function, ROOT) for function in FUNCTIONS}
    try:
        with ThreadPoolExecutor(2) as pool:
            made = pool.map(lambda name: build(name, files[name], target, out), FUNCTIONS)
            for built in made:
                state = "built" if built.fresh else "up to date"
                print(f"package: {built.function:<10} {built.size / 1e6:6.1f} MB  {state}")
    except PackageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
