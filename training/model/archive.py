"""A model's folder as jobs hand it over: as it is, or as `model.tar.gz`, which nobody trusts."""

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from training.errors import ArtefactError

MAX_UNPACKED_BYTES = 512 * 1024 * 1024  # unpacked; a model is at most 40 MB


@contextmanager
def opened(folder: Path) -> Iterator[Path]:
    """The folder itself, or what its `model.tar.gz` holds, for as long as it is needed."""
    packed = folder / "model.tar.gz"
    if (folder / "model.json").is_file() or not packed.is_file():
        yield folder
        return
    with TemporaryDirectory(prefix="model-") as place:
        unpack(packed, Path(place))
        yield Path(place)


def is_model(folder: Path) -> bool:
    """Whether a folder holds a model at all, packed or not."""
    return any((folder / name).is_file() for name in ("model.json", "model.tar.gz"))


def unpack(packed: Path, folder: Path) -> None:
    """Unpack regular files and folders below `folder`, which holds none of them yet.

    Raises ArtefactError for anything else: a link, a device, a path that leaves the folder, more
    bytes than a model can have, or a file that is no such archive.
    """
    try:
        with tarfile.open(packed, "r:gz") as archive:
            members = archive.getmembers()
            places = [_place(member, packed.name) for member in members]
            if sum(member.size for member in members) > MAX_UNPACKED_BYTES:
                raise ArtefactError(
                    f"{packed.name} unpacks to more than {MAX_UNPACKED_BYTES} bytes"
                )
            for member, place in zip(members, places, strict=True):
                _write(archive, member, folder / place)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ArtefactError(f"{packed.name} cannot be unpacked: {type(error).__name__}") from error


def _place(member: tarfile.TarInfo, archive: str) -> PurePosixPath:
    """Where a member belongs, below the folder.

    Checked here and not by `extractall(filter="data")`, which Python has from 3.11.4 on.
    """
    if not (member.isreg() or member.isdir()):
        raise ArtefactError(f"{archive} holds something that is no plain file")
    place = PurePosixPath(member.name)
    if place.is_absolute() or ".." in place.parts:
        raise ArtefactError(f"{archive} holds a path that leaves its folder")
    return place


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    if content is None:
        raise tarfile.ReadError("a file without content")
    with content, target.open("xb") as file:  # never over another, never through a link
        shutil.copyfileobj(content, file)
