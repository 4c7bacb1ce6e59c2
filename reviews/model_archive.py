"""A model.tar.gz in memory: read without trust, written so that equal files give equal bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import PurePosixPath

from reviews.errors import ArtefactError

MAX_UNPACKED_BYTES = 512 * 1024 * 1024  # a model is at most 40 MB
LEVEL = 1  # its arrays hardly shrink


def read_archive(body: bytes) -> dict[str, bytes]:
    """The files by their names, which are relative and plain.

    Raises ArtefactError for what is no such archive or breaks off, holds a link, a device, a path
    that leaves its folder, one file twice, or more bytes than a model can have.
    """
    found: dict[str, bytes] = {}
    size = 0
    try:
        with gzip.open(io.BytesIO(body)) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                if member.isdir():
                    continue
                size += member.size
                if size > MAX_UNPACKED_BYTES:
                    raise ArtefactError(f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes")
                name = _name(member)
                content = tar.extractfile(member)
                if name in found or content is None:
                    raise ArtefactError(f"it holds {name!r} twice")
                found[name] = content.read()
            while plain.read(1 << 20):  # to its end, where the checksum is
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArtefactError(f"it is no archive of a model: {type(error).__name__}") from None
    return found


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """The files in the order of their names, without times or owners."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, body in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(body), 0o644
            tar.addfile(member, io.BytesIO(body))
    return gzip.compress(plain.getvalue(), compresslevel=LEVEL, mtime=0)


def _name(member: tarfile.TarInfo) -> str:
    place = PurePosixPath(member.name)
    if not member.isreg():
        raise ArtefactError(f"it holds {member.name!r}, which is no plain file")
    if place.is_absolute() or ".." in place.parts or not place.parts:
        raise ArtefactError(f"it holds {member.name!r}, which leaves its folder")
    return place.as_posix()
