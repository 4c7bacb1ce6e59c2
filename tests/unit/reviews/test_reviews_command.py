import errno
import gzip
import io
import json
import re
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from reviews.__main__ import main
from reviews.file_kind import HEAD_BYTES
from reviews.files import refine_files
from reviews.progress import RefineProgress
from reviews.synthetic import raw_lines

LINES = b"\n".join(raw_lines(rows=300, seed=5)) + b"\n"
GOOD = b'{"rating": 5, "title": "Good", "text": "the best one", "user_id": "u"}\n'
OF_2018 = b'{"overall": 5.0, "reviewText": "a fine book", "verified": true}\n'


@pytest.fixture
def refine(tmp_path):
    """Refine files of some names and bytes into `out`; gives the exit status."""

    def run(files, *flags):
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        paths = [str(tmp_path / name) for name in files]
        return main(["refine", "--in", *paths, "--out", str(tmp_path / "out"), *flags])

    return run


def counts_of(tmp_path):
    return json.loads((tmp_path / "out" / "manifest" / "counts.json").read_bytes())


def made_by(tmp_path):
    """All files but counts.json, which holds seconds."""
    files = [
        path for name in ("reviews", "rejected") for path in (tmp_path / "out" / name).iterdir()
    ]
    return {path.name: path.read_bytes() for path in files}


def test_refine_leaves_rows_rejected_lines_and_counts(tmp_path, refine, capsys):
    assert refine({"a.jsonl": LINES, "b.jsonl.gz": gzip.compress(GOOD + b"no json\n" + GOOD)}) == 0
    counts = counts_of(tmp_path)
    rows = pq.read_table(tmp_path / "out" / "reviews")
    rejected = [
        json.loads(line)
        for path in sorted((tmp_path / "out" / "rejected").glob("*.jsonl"))
        for line in path.read_bytes().splitlines()
    ]
    assert counts["read"] == 303
    assert counts["read"] == counts["kept"] + counts["duplicates"] + len(rejected)
    assert rows.num_rows == counts["kept"] == sum(counts["ratings"].values())
    assert sum(counts["rejected"].values()) == len(rejected)
    assert rejected[-1] == {"reason": "not_json", "offset": len(GOOD), "line": 2, "raw": "no json"}
    assert counts["seconds"] > 0
    assert {"blank", "languages"} <= set(counts)
    assert "303 read" in capsys.readouterr().out


def test_the_same_input_gives_the_same_bytes(tmp_path, refine):
    refine({"a.jsonl": LINES})
    first = made_by(tmp_path)
    refine({"a.jsonl": LINES})
    assert made_by(tmp_path) == first


def test_a_row_of_an_earlier_file_is_a_duplicate(tmp_path, refine):
    refine({"a.jsonl": GOOD, "b.jsonl": GOOD})
    assert (counts_of(tmp_path)["kept"], counts_of(tmp_path)["duplicates"]) == (1, 1)


def test_what_an_earlier_run_made_does_not_stay(tmp_path, refine):
    refine({"a.jsonl": GOOD, "b.jsonl": LINES})
    refine({"a.jsonl": GOOD})
    assert sorted(made_by(tmp_path)) == ["00000.jsonl", "00000.parquet"]


def test_a_folder_stands_for_the_raw_files_in_it(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.jsonl").write_bytes(GOOD)
    (tmp_path / "raw" / "b.jsonl.gz").write_bytes(gzip.compress(LINES))
    (tmp_path / "raw" / "Books_5.json.gz").write_bytes(gzip.compress(OF_2018))
    (tmp_path / "raw" / "notes.txt").write_bytes(b"no review")
    assert main(["refine", "--in", str(tmp_path / "raw"), "--out", str(tmp_path / "out")]) == 0
    assert counts_of(tmp_path)["read"] == 302
    assert counts_of(tmp_path)["schemas"]["2018"] == 1


def test_values_of_another_type_are_converted_or_null_and_counted(tmp_path, refine):
    lines = b"".join(
        b'{"rating": %d, "text": "the lamp is good", "asin": %s, "helpful_vote": %s, '
        b'"timestamp": %s}\n' % line
        for line in [
            (5, b"1000000000", b"2.0", b'"17"'),
            (4, b"1000000001", b"NaN", b"1e99"),
            (3, b'"B01"', b"3", b"17"),
            (7, b"1000000002", b"2.0", b"17"),
        ]
    )
    assert refine({"a.jsonl": lines}, "--keep", "asin", "timestamp") == 0
    counts = counts_of(tmp_path)
    assert (counts["read"], counts["kept"]) == (4, 3)
    assert counts["rejected"] == {"rating_out_of_range": 1}
    assert counts["converted"] == {"asin": 2, "helpful_vote": 1, "timestamp": 1}
    assert counts["nulled"] == {"helpful_vote": 1, "timestamp": 1}
    rows = pq.read_table(tmp_path / "out" / "reviews").to_pydict()
    assert rows["asin"] == ["1000000000", "1000000001", "B01"]
    assert rows["helpful_vote"] == [2, None, 3]
    assert rows["timestamp"] == [17, None, 17]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (b"Hello.\nAnd more.\n", r"none of 2 lines is a review \(not_json 2\): a line is a JSON"),
        (b'{"stars": 5, "review_body": "a"}\n' * 2, "are to be called `rating` and `text`"),
        (b'{"main_category": "x", "average_rating": 4.5}\n', "products, not reviews"),
        (b'{"rating": 5, "text": "caf\xe9"}\n', "none of 1 lines is a review"),
        (b'{"rating": 5, "text": "caf\xe9"}\n' * 3, "3 of 3 lines are not UTF-8.*WINDOWS-1252"),
    ],
)
def test_a_file_without_a_review_says_why_and_what_to_do(tmp_path, refine, capsys, lines, words):
    assert refine({"a.jsonl": lines}) == 2
    error = capsys.readouterr().err
    assert re.search(words, error)
    assert error.count("\n") == 1
    assert (tmp_path / "out" / "rejected" / "00000.jsonl").read_bytes().count(b"\n") == len(
        lines.splitlines()
    )
    assert list(counts_of(tmp_path)["unreadable"]) == [str(tmp_path / "a.jsonl")]


def test_one_file_that_is_something_else_does_not_stop_the_others(tmp_path, refine, capsys):
    assert refine({"a.jsonl": b"PK\x03\x04", "b.jsonl": GOOD}) == 1
    assert counts_of(tmp_path)["kept"] == 1
    assert "unzip" in capsys.readouterr().err


EARLY = b'{"rating": 4, "text": "%s"}\n' % (b"word " * 100) * 1_000


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (b'{"rating": 8, "text": "word"}\n' * 300, "300 of 1,300 ratings are above 5"),
        (b'{"rating": 4, "text": "caf\xe9"}\n' * 300, "300 of 1,300 lines are not UTF-8"),
    ],
    ids=["scale", "encoding"],
)
def test_what_shows_late_is_said_and_leaves_no_rows(tmp_path, refine, capsys, late, words):
    assert refine({"a.jsonl": EARLY + late, "b.jsonl": GOOD}) == 1
    assert words in capsys.readouterr().err
    kept = tmp_path / "out" / "reviews"
    assert [path.name for path in kept.glob("*.parquet")] == ["00001.parquet"]
    assert (kept / "00000.parquet.refused").exists()
    assert refine({"b.jsonl": GOOD}) == 0
    assert not (kept / "00000.parquet.refused").exists()


def test_a_file_of_copies_alone_is_no_fault(refine):
    assert refine({"a.jsonl": GOOD, "b.jsonl": GOOD}) == 0


def test_a_file_that_breaks_off_leaves_the_rows_before_and_says_so(tmp_path, refine, capsys):
    whole = gzip.compress(LINES, mtime=0)
    assert refine({"a.jsonl.gz": whole[: len(whole) // 2], "b.jsonl": GOOD}) == 1
    counts = counts_of(tmp_path)
    assert 10 < counts["read"] < 300
    assert pq.read_table(tmp_path / "out" / "reviews").num_rows == counts["kept"]
    assert list(counts["unreadable"]) == [str(tmp_path / "a.jsonl.gz")]
    assert "breaks off" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags",
    [
        ["--in", "{tmp}/absent.jsonl"],
        ["--in", "{tmp}"],  # a folder without raw files
        ["--in", "{tmp}/damaged.gz"],
        ["--in", "{tmp}/good", "--detector", "nobody"],
        ["--in", "{tmp}/good", "--keep", "nothing"],
    ],
    ids=["absent", "no files", "damaged", "detector", "column"],
)
def test_what_cannot_be_read_at_all_is_2(tmp_path, flags, capsys):
    (tmp_path / "damaged.gz").write_bytes(b"\x1f\x8b and no more gzip")
    (tmp_path / "good").write_bytes(GOOD)
    words = [flag.format(tmp=tmp_path) for flag in flags]
    assert main(["refine", *words, "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["refine"], ["sample", "--rows", "-1"], ["juggle"]])
def test_bad_arguments_are_2(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(words)


def test_no_output_is_taken_for_input(tmp_path, refine, capsys):
    refine({"a.jsonl": LINES})
    own = tmp_path / "out" / "rejected" / "00000.jsonl"
    assert main(["refine", "--in", str(own), "--out", str(tmp_path / "out")]) == 2
    assert own.exists()


def test_a_place_that_cannot_be_written_to_is_1(tmp_path, refine, capsys):
    (tmp_path / "out").write_bytes(b"a file, not a folder")
    assert refine({"a.jsonl": GOOD}) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"refine: {tmp_path}/out")
    assert "cannot be written: Not a directory; make room or name another place" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_is_read_whole(tmp_path, packed):
    lines = b"".join(b'{"rating": 5, "text": "lamp number %d"}\n' % i for i in range(5_000))
    command = [sys.executable, "-m", "reviews", "refine", "--in", "/dev/stdin"]
    subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        input=gzip.compress(lines) if packed else lines,
        check=True,
    )
    assert counts_of(tmp_path)["kept"] == 5_000


@pytest.mark.parametrize(
    ("command", "limit"),
    [
        (["refine", "--in", "{tmp}/a.jsonl", "--out", "{tmp}/out"], 1_000),
        (["sample", "--rows", "300", "--seed", "1", "--out", "{tmp}/s.jsonl"], 1_000),
    ],
    ids=["refine", "sample"],
)
def test_a_full_disk_is_said_in_one_sentence(tmp_path, command, limit):
    (tmp_path / "a.jsonl").write_bytes(LINES)
    argv = [word.format(tmp=tmp_path) for word in command]
    program = (
        "import resource, sys\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"  # as a full disk does
        "from reviews.__main__ import main\n"
        f"sys.exit(main({argv!r}))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "cannot be written: File too large; make room" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_file_that_cannot_be_read_any_further_says_so(tmp_path, monkeypatch):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= HEAD_BYTES:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES * 10)
    real = type(path).open
    monkeypatch.setattr(
        type(path),
        "open",
        lambda self, mode: Broken(LINES * 10) if self == path else real(self, mode),
    )
    outcome = refine_files([path], tmp_path / "out")
    assert "cannot be read any further: Input/output error" in outcome.unreadable[str(path)]
    assert outcome.counts.kept > 100


def test_columns_of_the_dictionary_are_kept_on_request(tmp_path, refine):
    refine({"a.jsonl": GOOD}, "--keep", "user_id")
    assert pq.read_table(tmp_path / "out" / "reviews")["user_id"].to_pylist() == ["u"]


def test_sample_writes_a_file(tmp_path):
    path = tmp_path / "new" / "s.jsonl.gz"
    assert main(["sample", "--rows", "30", "--seed", "2", "--out", str(path)]) == 0
    assert gzip.decompress(path.read_bytes()).splitlines() == list(raw_lines(rows=30, seed=2))
    assert list(path.parent.iterdir()) == [path]


def test_progress_is_silent_unless_asked_for(refine, capsys):
    refine({"a.jsonl": LINES})
    assert capsys.readouterr().err == ""
    refine({"a.jsonl": LINES}, "--progress")
    assert "100%" in capsys.readouterr().err


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("out", "lines"), [(io.StringIO(), 3), (Screen(), 1)])
def test_progress_is_a_bar_where_a_person_looks_and_lines_where_not(out, lines):
    seconds = iter(range(0, 1000, 4))
    progress = RefineProgress("refine", 2_000_000, out=out, now=lambda: next(seconds))
    for done in range(0, 2_000_000, 500_000):
        progress.show(done)
    progress.finish(2_000_000, "9 read")
    words = out.getvalue()
    assert words.count("\n") == lines
    assert ("[####" in words, "\r" in words) == (out.isatty(), out.isatty())
    assert words.rstrip().removesuffix("\x1b[K").endswith("9 read")
