"""model.tar.gz: packed so that equal folders give equal bytes, unpacked so that nothing escapes."""

import gzip
import io
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

_LEVEL = 1  # the arrays inside are compressed already


class ArchiveError(ValueError):
    """An archive that cannot be unpacked; the text says why."""


def pack(folder: Path) -> bytes:
    """The files under `folder` as a gzipped tar, in order of name, without times or owners."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in files(folder):
            entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
            entry.size = path.stat().st_size
            entry.mode = 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)
    return gzip.compress(plain.getvalue(), compresslevel=_LEVEL, mtime=0)


def unpack(body: bytes, folder: Path) -> None:
    """Unpack a gzipped tar below `folder`. Raises ArchiveError for one that is broken or unsafe.

    Only folders and regular files are taken. `extractall(filter=)` would do, from Python 3.11.4 on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        plain = io.BytesIO(gzip.decompress(body))  # to its end, whose checksum tarfile never reads
        with tarfile.open(fileobj=plain, mode="r:") as archive:
            for entry in archive:
                _extract(archive, entry, folder)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(f"cannot unpack the model archive: {error}") from None


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    name = PurePosixPath(entry.name)
    if name.is_absolute() or ".." in name.parts:
        raise ArchiveError(f"cannot unpack the model archive: {entry.name!r} leaves its folder")
    target = folder / name
    if entry.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    content = archive.extractfile(entry) if entry.isreg() else None
    if content is None:
        raise ArchiveError(f"cannot unpack the model archive: {entry.name!r} is no regular file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)


def files(folder: Path) -> list[Path]:
    """Regular files below `folder`, in order of their relative names; nothing for no folder."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())
