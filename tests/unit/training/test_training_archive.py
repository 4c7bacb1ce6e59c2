"""A packed model is unpacked by every Python from 3.11.0 on, and nothing leaves its folder."""

import gzip
import inspect
import io
import tarfile
from pathlib import Path

import pytest

from training.errors import ArtefactError
from training.model import archive


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


UNSAFE = {
    "symbolic link": [entry("model.json", tarfile.SYMTYPE, "/etc/hostname")],
    "hard link": [entry("model.json", tarfile.LNKTYPE, "../secret")],
    "device": [entry("null", tarfile.CHRTYPE)],
    "pipe": [entry("pipe", tarfile.FIFOTYPE)],
    "outside": [entry("../outside")],
    "outside from within": [entry("baseline/../../outside")],
    "absolute": [entry("/tmp/outside")],
    "through a link": [entry("a", tarfile.SYMTYPE, ".."), entry("a/outside")],
    "twice": [entry("model.json"), entry("model.json")],
    "a file where a folder is": [entry("a", tarfile.DIRTYPE), entry("a")],
}


def pack(path: Path, members: list[tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for member in members:
            packed.addfile(member)
    return path


@pytest.fixture
def old_tarfile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tarfile module of Python 3.11.0 to 3.11.3: it filters nothing."""
    for name in ("data_filter", "tar_filter", "fully_trusted_filter", "FilterError"):
        monkeypatch.delattr(tarfile, name, raising=False)

    def extract_all(self: tarfile.TarFile, path: str = ".", members: object = None) -> None:
        raise AssertionError("extracted without a filter")

    monkeypatch.setattr(tarfile.TarFile, "extractall", extract_all)
    assert "filter" not in inspect.signature(tarfile.TarFile.extractall).parameters


@pytest.mark.usefixtures("old_tarfile")
def test_a_model_is_unpacked_by_a_python_without_filters(model_folder: Path, tmp_path: Path):
    packed = tmp_path / "packed"
    packed.mkdir()
    with tarfile.open(packed / "model.tar.gz", "w:gz") as file:
        file.add(model_folder, ".")
    with archive.opened(packed) as folder:
        found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
        wanted = [path for path in model_folder.rglob("*") if path.is_file()]
        assert len(found) == len(wanted) > 5
        for path in wanted:
            copy = found[path.relative_to(model_folder)]
            assert copy.read_bytes() == path.read_bytes()


@pytest.mark.usefixtures("old_tarfile")
@pytest.mark.parametrize("kind", UNSAFE)
def test_a_packed_model_that_reaches_outside_is_refused(tmp_path: Path, kind: str):
    packed, into = pack(tmp_path / "model.tar.gz", UNSAFE[kind]), tmp_path / "deep" / "into"
    with pytest.raises(ArtefactError, match=r"^model\.tar\.gz "):
        archive.unpack(packed, into)
    assert not list(tmp_path.rglob("outside*"))
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert not Path("/tmp/outside").exists()


def test_what_is_no_archive_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    packed = tmp_path / "model.tar.gz"
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as file:
        member = entry("model.json")
        member.size = 100_000
        file.addfile(member, io.BytesIO(bytes(range(250)) * 400))
    for body in (b"\x1f\x8b no archive", gzip.compress(b"no tar"), whole.getvalue()[:200]):
        packed.write_bytes(body)
        with pytest.raises(ArtefactError, match=r"^model\.tar\.gz cannot be unpacked"):
            archive.unpack(packed, tmp_path / "into")
    packed.write_bytes(whole.getvalue())
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 99_999)
    with pytest.raises(ArtefactError, match="more than 99999 bytes"):
        archive.unpack(packed, tmp_path / "into")
