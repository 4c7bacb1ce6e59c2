"""`model.tar.gz`: taken apart without trusting it."""

import tarfile
from pathlib import Path

from training.errors import ArtefactError

LARGEST_BYTES = 512 * 1024 * 1024  # unpacked; a model is at most 40 MB


def unpack(packed: Path, folder: Path) -> None:
    """Unpack regular files and folders below `folder`.

    Raises ArtefactError for anything else: a link, a device, a path that leaves the folder, more
    bytes than a model can have, or a file that is no such archive.
    """
    try:
        with tarfile.open(packed, "r:gz") as archive:
            members = archive.getmembers()
            for member in members:
                if not (member.isreg() or member.isdir()):
                    raise ArtefactError(f"{packed.name} holds something that is no plain file")
            if sum(member.size for member in members) > LARGEST_BYTES:
                raise ArtefactError(f"{packed.name} unpacks to more than {LARGEST_BYTES} bytes")
            archive.extractall(folder, members, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ArtefactError(f"{packed.name} cannot be unpacked: {type(error).__name__}") from error
