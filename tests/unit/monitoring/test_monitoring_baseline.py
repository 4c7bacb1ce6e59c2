"""A baseline holds what the tests need, repeats byte by byte, and refuses damage."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitoring.baseline import Baseline, count_foreign
from monitoring.errors import BaselineError, ObservationsError
from monitoring.observations import Observations, read_jsonl, write_jsonl


def observed(n: int = 400, seed: int = 0, d: int = 4) -> Observations:
    rng = np.random.default_rng(seed)
    stars = rng.choice(5, n, p=[0.13, 0.07, 0.08, 0.2, 0.52]) + 1
    return Observations(
        stars=stars,
        expected_stars=np.clip(stars + rng.normal(0, 0.2, n), 1, 5),
        confidence=rng.uniform(0.3, 1, n),
        language=rng.choice(["en", "es", "und"], n, p=[0.97, 0.01, 0.02]),
        supported=np.ones(n, bool),
        length=rng.integers(5, 2000, n),
        oov_share=rng.beta(1, 30, n),
        markup=rng.random(n) < 0.2,
        topics=rng.normal(0, 1, (n, d)),
        verified_purchase=rng.choice([1, 0, -1], n, p=[0.8, 0.15, 0.05]),
    )


def test_a_baseline_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    baseline = Baseline.from_observations(observed(), ["en"])
    baseline.save(tmp_path)
    loaded = Baseline.load(tmp_path)
    assert loaded.rows == 400
    assert loaded.stars.tolist() == baseline.stars.tolist()
    assert loaded.languages == baseline.languages
    assert loaded.verified == baseline.verified
    assert sum(loaded.verified.values()) == 400
    assert loaded.known_languages == ("en",)
    np.testing.assert_allclose(loaded.topic_covariance, baseline.topic_covariance, rtol=1e-6)
    assert np.repeat(loaded.lengths, loaded.length_rows).tolist() == sorted(observed().length)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Baseline.from_observations(observed(), ["en"]).save(tmp_path / name)
    for file in ("baseline.json", "baseline.npz"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_mean_and_covariance_are_those_of_numpy() -> None:
    rows = observed(d=3)
    baseline = Baseline.from_observations(rows, ["en"])
    topics = rows.topics.astype(np.float64)
    np.testing.assert_allclose(baseline.topic_covariance, np.cov(topics, rowvar=False))
    assert baseline.oov_variance == pytest.approx(rows.oov_share.var(ddof=1), rel=1e-4)


def test_an_undetermined_language_is_not_foreign() -> None:
    assert count_foreign({"en": 5, "und": 3, "es": 2, "de": 1}, ["en"]) == 3


@pytest.mark.parametrize("damage", ["arrays", "counts", "format", "absent", "not_json"])
def test_a_damaged_baseline_is_refused(tmp_path: Path, damage: str) -> None:
    Baseline.from_observations(observed(), ["en"]).save(tmp_path)
    head = tmp_path / "baseline.json"
    content = msgspec.json.decode(head.read_bytes())
    if damage == "arrays":
        (tmp_path / "baseline.npz").write_bytes(b"PK" + (tmp_path / "baseline.npz").read_bytes())
    elif damage == "counts":
        head.write_bytes(msgspec.json.encode(content | {"rows": 399}))
    elif damage == "format":
        head.write_bytes(msgspec.json.encode(content | {"format": "other"}))
    elif damage == "absent":
        head.unlink()
    else:
        head.write_bytes(b"{")
    with pytest.raises(BaselineError):
        Baseline.load(tmp_path)


def test_one_row_is_no_baseline() -> None:
    with pytest.raises(BaselineError, match="at least 2 rows"):
        Baseline.from_observations(observed(1), ["en"])


def test_observations_survive_their_file(tmp_path: Path) -> None:
    rows = observed(30)
    write_jsonl(tmp_path / "window.jsonl", rows)
    again = read_jsonl(tmp_path / "window.jsonl")
    assert again.language.tolist() == rows.language.tolist()
    np.testing.assert_array_equal(again.topics, rows.topics)
    assert again.unreadable == {}


def test_a_line_that_is_no_observation_is_counted_and_left_out(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "w.jsonl", observed(3))
    lines = (tmp_path / "w.jsonl").read_bytes().splitlines()
    out_of_range = lines[0].replace(b'"stars":', b'"stars":9')
    ragged = lines[0].replace(b'"topics":[', b'"topics":[1.0,')
    rows = read_jsonl([*lines, b"", b"{", b"\xff", b"[]", out_of_range, ragged])
    assert len(rows) == 3
    assert rows.unreadable == {
        "not JSON": 2,
        "Expected `object`, got `array`": 1,
        "`stars`: Expected `int` <= 5": 1,
        "`topics`: 5 coordinates instead of 4": 1,
    }


def test_a_file_without_any_observation_is_refused_and_an_empty_one_is_not() -> None:
    with pytest.raises(ObservationsError, match="none of 2 lines"):
        read_jsonl([b"a", b"b"])
    assert len(read_jsonl([])) == 0


def test_columns_of_unlike_lengths_are_refused() -> None:
    rows = observed(5)
    with pytest.raises(ObservationsError, match="differ in length"):
        Observations(**{**vars(rows), "stars": rows.stars[:4]})
    with pytest.raises(ObservationsError, match="not finite"):
        Observations(**{**vars(rows), "oov_share": rows.oov_share * np.nan})
