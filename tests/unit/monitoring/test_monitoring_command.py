"""`python -m monitoring check`: what it leaves, and how it ends."""

import html
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitoring.__main__ import main
from monitoring.baseline import Baseline
from monitoring.observations import Observations, write_jsonl


def observed(n: int, seed: int) -> Observations:
    rng = np.random.default_rng(seed)
    return Observations(
        stars=rng.integers(1, 6, n),
        expected_stars=rng.uniform(1, 5, n),
        confidence=rng.uniform(0.2, 1, n),
        language=np.full(n, "en"),
        supported=np.ones(n, bool),
        length=rng.integers(5, 500, n),
        oov_share=rng.beta(1, 30, n),
        markup=np.zeros(n, bool),
        topics=rng.normal(0, 1, (n, 5)),
        verified_purchase=np.ones(n),
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drift")
    Baseline.from_observations(observed(3000, 0), ["en"]).save(folder / "baseline")
    quiet = observed(2000, 1)
    write_jsonl(folder / "quiet.jsonl", quiet)
    write_jsonl(folder / "shifted.jsonl", replace(quiet, length=quiet.length * 2))
    (folder / "garbage.jsonl").write_bytes(b"no\njson\n")
    (folder / "empty.jsonl").write_bytes(b"")
    return folder


def run(place: Path, window: str, baseline: str = "baseline") -> int:
    return main(
        [
            *("check", "--baseline", str(place / baseline)),
            *("--window", str(place / window), "--out", str(place / "out")),
        ]
    )


@pytest.mark.parametrize(
    ("window", "baseline", "verdict"),
    [
        ("quiet.jsonl", "baseline", "ok"),
        ("shifted.jsonl", "baseline", "drift"),
        ("empty.jsonl", "baseline", "insufficient"),
        ("quiet.jsonl", "nowhere", "insufficient"),
    ],
)
def test_a_verdict_is_written_and_the_command_ends_well(
    place: Path, window: str, baseline: str, verdict: str
) -> None:
    assert run(place, window, baseline) == 0
    content = msgspec.json.decode((place / "out" / "drift.json").read_bytes())
    assert content["verdict"] == verdict
    assert content["n"] == (0 if window == "empty.jsonl" else 2000)
    for test in content["tests"]:
        assert {"name", "statistic", "p_value", "alarm"} <= set(test)
    assert (place / "out" / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("window", ["absent.jsonl", "garbage.jsonl"])
def test_a_window_that_cannot_be_read_at_all_ends_with_2(
    place: Path, window: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(place, window) == 2
    assert "monitoring:" in capsys.readouterr().err


def with_foreign_lines(place: Path, first: bytes) -> Path:
    lines = (place / "quiet.jsonl").read_bytes()
    path = place / "foreign.jsonl"
    path.write_bytes(first + b"\n" + lines)
    return path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b'"topics":[', b'"topics":[0.5,'), "`topics`: 6 coordinates instead of 5"),
        ((b'"topics":[', b'"topics":[1e30,'), "`topics/*`: Expected `float` <= 1000.0"),
        ((b'"markup":false,', b""), "`markup`: is required"),
        ((b'"stars":', b'"stars":1'), "`stars`: Expected `int` <= 5"),
        ((b'"language":"en"', b'"language":7'), "`language`: Expected `str`, got `int`"),
        ((b'"language":"en"', b'"language":"\xff"'), "not UTF-8"),
        ((b'"supported":true', b'"supported":NaN'), "not JSON"),
    ],
)
def test_one_foreign_line_decides_nothing_and_its_reason_is_said(
    place: Path,
    change: tuple[bytes, bytes],
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = (place / "quiet.jsonl").read_bytes().splitlines()[0]
    assert change[0] in first
    with_foreign_lines(place, first.replace(*change, 1))
    assert run(place, "foreign.jsonl") == 0
    content = msgspec.json.decode((place / "out" / "drift.json").read_bytes())
    assert (content["verdict"], content["n"], content["unreadable"]) == ("ok", 2000, 1)
    assert content["unreadable_reasons"] == {reason: 1}
    assert f"left out: {reason} (1)" in capsys.readouterr().out
    assert reason in html.unescape((place / "out" / "report.html").read_text())


def test_without_a_baseline_the_width_of_most_counts(place: Path) -> None:
    first = (place / "quiet.jsonl").read_bytes().splitlines()[0]
    with_foreign_lines(place, first.replace(b'"topics":[', b'"topics":[0.5,'))
    assert run(place, "foreign.jsonl", "nowhere") == 0
    content = msgspec.json.decode((place / "out" / "drift.json").read_bytes())
    assert (content["n"], content["unreadable"]) == (2000, 1)


def test_where_no_line_is_an_observation_the_reasons_are_said(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "other.jsonl").write_bytes(b'{"stars": 5}\n{"stars": 9}\nno\n')
    assert run(place, "other.jsonl") == 2
    said = capsys.readouterr().err
    assert "none of 3 lines is an observation" in said
    assert "`expected_stars`: is required (1)" in said
    assert "not JSON (1)" in said


def test_a_damaged_baseline_ends_with_2(place: Path, tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_text("{}")
    assert run(place, "quiet.jsonl", str(tmp_path)) == 2


def test_bad_arguments_end_with_2() -> None:
    with pytest.raises(SystemExit) as end:
        main(["check"])
    assert end.value.code == 2
