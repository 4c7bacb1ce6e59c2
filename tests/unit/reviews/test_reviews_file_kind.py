"""A file that as a whole is something else is named, with what to do, before anything is read."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import zipfile

import pytest

from reviews.__main__ import main
from reviews.errors import UnreadableSourceError
from reviews.file_kind import HEAD_BYTES, check_file, check_head, kind_of

ROWS = [{"rating": 1.0 + i % 5, "title": f"t{i}", "text": f"Lamp {i} is good"} for i in range(30)]
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
TABLE = b"rating,title,text\n" + b"".join(b'5,"a, b","it is ""good"""\n' for _ in ROWS)
PYTHON = b"".join(repr(row).encode() + b"\n" for row in ROWS)
PRETTY = b"\n".join(json.dumps(row, indent=2).encode() for row in ROWS)


def tar(**settings):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, **settings) as archive:
        entry = tarfile.TarInfo("reviews.jsonl")
        entry.size = len(LINES)
        archive.addfile(entry, io.BytesIO(LINES))
    return file.getvalue()


def old_tar():
    """As before POSIX: without magic bytes, known by its checksum alone."""
    block = bytearray(tar(mode="w", format=tarfile.USTAR_FORMAT))
    block[257:512] = bytes(255)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("reviews.jsonl", LINES)
    return file.getvalue()


def rated(*ratings):
    return b"".join(b'{"rating": %d, "text": "a lamp"}\n' % rating for rating in ratings * 9)


OTHERS = {
    "empty": (b"", "is empty"),
    "empty gzip": (gzip.compress(b""), "is empty"),
    "blank": (b"\n  \n\r\n", "blank lines"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 5\n", "git lfs pull"),
    "annex": (b"/annex/objects/SHA256E-s5--4d.jsonl\n", "git annex get"),
    "dvc": (b"outs:\n- md5: 4d\n  size: 5\n", "dvc pull"),
    "utf-16": (LINES.decode().encode("utf-16"), "text in UTF-16: convert it first"),
    "utf-16-le": (LINES.decode().encode("utf-16-le"), "text in UTF-16LE: convert it first"),
    "utf-16-be": (LINES.decode().encode("utf-16-be"), "text in UTF-16BE: convert it first"),
    "utf-32": (LINES.decode().encode("utf-32"), "text in UTF-32: convert it first"),
    "utf-32-be": (LINES.decode().encode("utf-32-be"), "text in UTF-32BE: convert it first"),
    "csv": (TABLE, r"table \(CSV\): convert it first"),
    "workbook": (b"PK\x03\x04 xl/workbook.xml", "an Excel workbook: save its sheet as CSV"),
    "csv.gz": (gzip.compress(TABLE), r"gzip, and inside it is a table \(CSV\)"),
    "semicolons": (b"rating;text\n5;good\n4;fine, thanks\n", r"table \(CSV\)"),
    "tsv": (b"star_rating\treview_body\n" + b'5\tGood, "really\n' * 30, r"table \(TSV\)"),
    "html": (b"\n<!DOCTYPE html><html><body>Not found</body></html>", "HTML page"),
    "xml": (b"<Error><Code>AccessDenied</Code></Error>", "XML document"),
    "array": (
        json.dumps(ROWS).encode(),
        "one JSON array: convert it first",
    ),
    "array over lines": (b"[\n" + b",\n".join(LINES.splitlines()) + b"\n]\n", "one JSON array"),
    "pretty": (PRETTY, r"one JSON document over several lines.*jq -c '\.'"),
    "document": (json.dumps({"reviews": ROWS}, indent=1).encode(), "one JSON document"),
    "cr": (LINES.replace(b"\n", b"\r"), "CR alone"),
    "tar": (tar(mode="w"), r"tar -xf"),
    "tar.gz": (tar(mode="w:gz"), r"gzip, and inside it is a tar archive.*tar -xf"),
    "old tar": (old_tar(), "tar archive"),
    "zip": (zipped(), "unzip"),
    "bzip2": (bz2.compress(LINES), "bunzip2"),
    "xz": (lzma.compress(LINES), "unxz"),
    "lzma": (lzma.compress(LINES, format=lzma.FORMAT_ALONE), "unlzma"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00", "unzstd"),
    "parquet": (b"PAR1\x15\x04", "Parquet"),
    "pickle": (pickle.dumps(ROWS), "pickle"),
    "zeros": (bytes(5_000), "binary"),
    "twice": (gzip.compress(gzip.compress(LINES)), "gzip inside gzip"),
    "1 to 10": (rated(*range(1, 11)), "45 of 90 ratings are above 5"),
    "1 to 10, of 2018": (
        rated(*range(1, 11)).replace(b"rating", b"overall").replace(b"text", b"reviewText"),
        "45 of 90 ratings are above 5",
    ),
    "0 and 1": (rated(0, 1), "9 of 18 ratings are below 1"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_something_else_is_named_with_a_remedy(name, tmp_path, capsys):
    data, words = OTHERS[name]
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(data)
    with pytest.raises(UnreadableSourceError, match=words) as raised:
        check_file(path)
    assert str(raised.value).startswith(f"{path} is ")
    assert main(["refine", "--in", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"{path}: this is ")


@pytest.mark.parametrize(
    "data",
    [
        LINES,
        b"\xef\xbb\xbf" + LINES,
        LINES.replace(b"\n", b"\r\n"),
        b"\n\n" + LINES,
        LINES.splitlines()[0],
        b"no json, really\n" + LINES,
        b"[1, 2]\n" + LINES,
        LINES[:20] + b"\n" + LINES,
        b"<br>\n" + LINES,
        b"\xff\xff\n" + LINES,
        PYTHON,
        rated(5, 4, 3, 5, 4, 2, 1, 5, 5, 5, 4, 6),
        gzip.compress(LINES),
        b"".join(gzip.compress(line + b"\n") for line in LINES.splitlines()),
        gzip.compress(b"") + gzip.compress(LINES),
        gzip.compress(LINES)[:200],
    ],
)
def test_a_file_of_reviews_passes_be_its_first_line_bad(data):
    check_head(data, "x", is_whole=True)


def test_a_line_longer_than_the_head_passes():
    assert kind_of((b'{"text": "' + b"a" * HEAD_BYTES)[:HEAD_BYTES]) is None


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnreadableSourceError, match="cannot be read: No such file"):
        check_file(tmp_path / "absent.jsonl")
