"""model.tar.gz: what is unpacked, what is refused, and on which Python."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from local_cloud.sagemaker.runtime import archives

OLD_PYTHONS = [Path("/usr/bin/python3"), Path("/usr/bin/python3.11")]  # Debian 12 has 3.11.2


def packed(*entries: tarfile.TarInfo, body: bytes = b"x") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for entry in entries:
            entry.size = len(body) if entry.isreg() else 0
            archive.addfile(entry, io.BytesIO(body) if entry.isreg() else None)
    return out.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


def test_what_is_packed_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "in" / "arrays").mkdir(parents=True)
    (tmp_path / "in" / "model.json").write_bytes(b"{}")
    (tmp_path / "in" / "arrays" / "ä b.npy").write_bytes(b"1" * 100_000)
    body = archives.pack(tmp_path / "in")
    archives.unpack(body, tmp_path / "out")
    found = {path.name: path.read_bytes() for path in archives.files(tmp_path / "out")}
    assert found == {"model.json": b"{}", "ä b.npy": b"1" * 100_000}
    assert archives.pack(tmp_path / "out") == body


def test_folders_and_names_with_a_dot_are_taken(tmp_path: Path) -> None:
    archives.unpack(
        packed(entry("./", tarfile.DIRTYPE), entry("code", tarfile.DIRTYPE), entry("./a")), tmp_path
    )
    assert (tmp_path / "code").is_dir()
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (entry("/etc/passwd"), "leaves its folder"),
        (entry("../a"), "leaves its folder"),
        (entry("a/../../b"), "leaves its folder"),
        (entry("link", tarfile.SYMTYPE, "/etc"), "no regular file"),
        (entry("link", tarfile.LNKTYPE, "a"), "no regular file"),
        (entry("pipe", tarfile.FIFOTYPE), "no regular file"),
        (entry("device", tarfile.CHRTYPE), "no regular file"),
    ],
)
def test_what_would_leave_the_folder_is_refused(
    tmp_path: Path, bad: tarfile.TarInfo, reason: str
) -> None:
    target = tmp_path / "below"
    with pytest.raises(archives.ArchiveError, match=reason):
        archives.unpack(packed(entry("good"), bad), target)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["below", "good"]


WHOLE = packed(entry("a"), body=os.urandom(9999))


@pytest.mark.parametrize(
    "body", [b"", b"no archive", WHOLE[:-20], WHOLE[:500] + b"\xff" * 500 + WHOLE[1000:]]
)
def test_a_broken_archive_is_refused(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(archives.ArchiveError, match="cannot unpack the model archive"):
        archives.unpack(body, tmp_path)


@pytest.mark.parametrize("python", OLD_PYTHONS, ids=str)
def test_an_old_python_unpacks_too(tmp_path: Path, python: Path) -> None:
    if not python.exists():
        pytest.skip(f"no {python} on this machine")
    (tmp_path / "model.tar.gz").write_bytes(packed(entry("a")))
    program = (
        "import importlib.util, pathlib, sys\n"
        "spec = importlib.util.spec_from_file_location('archives', sys.argv[1])\n"
        "archives = importlib.util.module_from_spec(spec); spec.loader.exec_module(archives)\n"
        "archives.unpack(pathlib.Path('model.tar.gz').read_bytes(), pathlib.Path('out'))\n"
    )
    command = [str(python), "-I", "-c", program, str(Path(archives.__file__))]
    subprocess.run(command, cwd=tmp_path, check=True, env={"PATH": os.defpath})
    assert (tmp_path / "out" / "a").read_bytes() == b"x"
