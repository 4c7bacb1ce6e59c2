"""Arrays in one `.npz`: no pickle, and the same bytes for the same arrays on every machine."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip entry can carry


def write_npz(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write the arrays sorted by name, little-endian, uncompressed, without clock or owner.

    numpy's own `savez` leaves its entries' times to the zip module, which may take the clock.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            content = io.BytesIO()
            np.lib.format.write_array(content, little, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=EPOCH)
            entry.create_system = 3  # Unix, wherever this runs
            archive.writestr(entry, content.getvalue())


def read_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read every array. Raises ValueError, KeyError, OSError or BadZipFile for a damaged file."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
