"""An audit finds what was planted, lists it by keys alone, and says what it could not look for."""

import csv
import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest

from reviews.files import refine_files
from training import config
from training.__main__ import main
from training.audit import copies, crowds, fingerprints, labels
from training.audit.audit import audit
from training.audit.finding import AuditSummary
from training.config import ModelConfig
from training.data import dataset
from training.progress import TrainingProgress

QUIET = TrainingProgress(quiet=True)
DAY = 86_400_000
STORY = (
    "I took this radio on a long trip through the mountains and it worked every single evening, "
    "although the antenna is short and the batteries were old when I left home in spring."
)
WORDS = {
    1: "awful broken junk",
    2: "poor weak bad",
    3: "okay fine",
    4: "good solid",
    5: "great love",
}
Record = dict[str, object]


def record(number: int, text: str, rating: int, **changes: object) -> Record:
    """A raw review; by its own user, of its own product, on its own day."""
    made: Record = {"rating": float(rating), "title": "", "text": text, "user_id": f"user {number}"}
    made |= {"asin": f"product {number}", "timestamp": 1_400_000_000_000 + number * DAY}
    return made | changes


def planted() -> Iterator[Record]:
    """30 reviews that are sound, and one of each kind that is not."""
    rng = np.random.default_rng(0)
    for number in range(30):
        words = " ".join(f"w{rng.integers(5000)}" for _ in range(20))
        yield record(number, f"{words} secret", 1 + number % 5)
    yield record(100, STORY, 5)
    yield record(101, STORY.replace("evening", "morning").replace("!", "."), 5)  # a near copy
    yield record(102, f"{STORY} It was cheap.", 2, user_id="user 102")
    yield record(103, "The very same words of eight tokens stand here twice.", 1)
    yield record(104, "the very SAME words of eight tokens stand here twice.", 4)
    yield record(105, "Great product", 1)  # said by many
    yield record(106, "Great product", 5)
    text = "A single user says one long thing about two of his own things again."
    yield record(107, text, 3, user_id="twice")
    yield record(108, text, 3, user_id="twice")
    for number in range(6):
        busy: Record = {"user_id": "busy", "timestamp": 1_500_000_000_000 + number}
        yield record(200 + number, f"busy {number}", 5, **busy)
        praised: Record = {"asin": "praised", "timestamp": 1_500_000_000_000 + number}
        yield record(300 + number, f"praise {number}", 5, **praised)


def write(path: Path, records: Iterator[Record]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER_ROWS", "USER_DAY_ROWS", "PRODUCT_DAY_ROWS"):
        monkeypatch.setattr(crowds, name, 6)


def listed(out: Path) -> dict[str, list[dict[str, str]]]:
    found = defaultdict(list)
    with (out / "findings.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["kind"]].append(row)
    return found


@pytest.mark.usefixtures("few")
def test_what_was_planted_is_found_and_nothing_else(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw.jsonl", planted())
    found = audit(tmp_path / "out", config.load(), raw=[raw], progress=QUIET)
    assert found.rows == len(list(planted()))
    rows = {kind: one.rows for kind, one in found.findings.items() if not one.not_looked_for}
    assert rows == {
        "near_copies": 3 + 2,  # the story, and the same words of two users
        "one_text_several_stars": 2,
        "busy_users": 6,
        "user_bursts": 6,
        "product_bursts": 6,
    }
    assert found.findings["near_copies"].groups == 2
    assert "too few rows" in found.findings["doubtful_stars"].not_looked_for
    keys = listed(tmp_path / "out")
    assert {kind: len({row["review_key"] for row in rows}) for kind, rows in keys.items()} == rows
    likeness = sorted(float(row["value"]) for row in keys["near_copies"])
    assert 0.7 <= likeness[0] < 1 == likeness[-1]
    everything = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    for word in ("secret", "radio", "busy 1", "praised", "user 10"):
        assert word not in everything


def test_what_the_columns_do_not_tell_is_said(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw.jsonl", planted())
    refine_files([raw], tmp_path / "refined")
    found = audit(tmp_path / "out", config.load(), data=tmp_path / "refined", progress=QUIET)
    for kind in ("busy_users", "user_bursts", "product_bursts"):
        assert "--keep" in found.findings[kind].not_looked_for
    assert not found.findings["one_text_several_stars"].not_looked_for
    assert "buckets tell" in found.findings["near_copies"].asks
    assert found.findings["one_text_several_stars"].rows == 2
    page = (tmp_path / "out" / "report.html").read_text()
    assert "not looked for" in page
    assert "<script" not in page


def test_of_many_rows_a_sample_is_audited_and_it_is_said(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw.jsonl", planted())
    refine_files([raw], tmp_path / "refined")
    whole = tmp_path / "refined"
    found = audit(tmp_path / "out", config.load(), data=whole, max_rows=10, progress=QUIET)
    assert (found.rows, found.drawn_from) == (10, len(list(planted())))
    again = audit(tmp_path / "again", config.load(), data=whole, max_rows=10, progress=QUIET)
    assert again == found
    assert "drawn at random" in (tmp_path / "out" / "report.html").read_text()


def test_files_that_stand_several_times_do_not_crowd_out_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprints, "BATCH_ROWS", 32)
    some, others = (islice(planted(), begin, begin + 15) for begin in (0, 15))
    for name, records in {"a": some, "b": others}.items():
        refine_files([write(tmp_path / f"{name}.jsonl", records)], tmp_path / name)
    data = tmp_path / "data"
    data.mkdir()
    for number in range(5):  # 75 rows, more than twice 30
        shutil.copy(only_file(tmp_path / "b"), data / f"{number}.parquet")
    shutil.copy(only_file(tmp_path / "a"), data / "last.parquet")  # it has the highest key
    rows, total, _ = fingerprints.read(data, 30, lambda _: None)
    assert total == 90
    assert rows.review_key.tolist() == dataset.read(data).review_key[:30].tolist()


def only_file(folder: Path) -> Path:
    (path,) = (folder / "reviews").rglob("*.parquet")
    return path


def test_candidates_that_were_not_compared_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MAX_COMPARED", 2)
    raw = write(tmp_path / "raw.jsonl", planted())
    found = audit(tmp_path / "out", config.load(), raw=[raw], progress=QUIET)
    one = found.findings["near_copies"]
    assert "candidates the first 2 were compared" in one.asks
    assert one.rows <= 2


def test_reviews_of_two_words_are_nobody_s_copies(tmp_path: Path) -> None:
    raw = write(tmp_path / "raw.jsonl", (record(number, "Great product", 5) for number in range(4)))
    found = audit(tmp_path / "out", config.load(), raw=[raw], progress=QUIET)
    assert found.findings["near_copies"].rows == 0
    assert found.findings["one_text_several_stars"].rows == 0


def plain() -> ModelConfig:
    return msgspec.structs.replace(config.load(), family="plain", folds=2)


def test_stars_that_do_not_fit_are_listed_first_to_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "DOUBTFUL", 0.1)  # so few rows make nothing surer
    rng = np.random.default_rng(0)
    flipped = set(range(0, 1200, 100))

    def records() -> Iterator[Record]:
        for number in range(1200):
            said = int(rng.choice((1, 5)))
            text = " ".join(rng.choice(WORDS[said].split(), 6)) + f" n{number} and some words more"
            yield record(number, text, 6 - said if number in flipped else said)

    raw = write(tmp_path / "raw.jsonl", records())
    found = audit(tmp_path / "out", plain(), raw=[raw], progress=QUIET)
    one = found.findings["doubtful_stars"]
    assert one.rows == len(flipped)  # hold-out and training rows alike
    assert one.expected
    assert found.label_table[0][4] + found.label_table[4][0] == one.rows
    values = [float(row["value"]) for row in listed(tmp_path / "out")["doubtful_stars"]]
    assert values == sorted(values)
    assert values[-1] <= 0.1
    written = (tmp_path / "out" / "audit.json").read_bytes()
    assert msgspec.json.decode(written, type=AuditSummary) == found


@pytest.mark.parametrize("arguments", [[], ["--data", "x", "--raw", "y"]])
def test_the_command_wants_one_source(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "--out", str(tmp_path / "out"), *arguments]) == 2
    assert "either --data or --raw" in capsys.readouterr().err


def test_a_folder_without_rows_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "no Parquet file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
