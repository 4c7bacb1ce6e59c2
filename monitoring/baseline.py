"""What normal looked like: a summary of hold-out observations, small enough for the artefact.

Made once by `train` from rows that no fit saw, whatever their language, and read by every check.
Two files: `baseline.json` (counts, format, checksum) and `baseline.npz` (arrays).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.arrays import read_npz, write_npz
from monitoring.errors import BaselineError
from monitoring.observations import Observations
from reviews.language import UNDETERMINED
from reviews.verified import NAMES

FORMAT = "review-stars baseline 2"
CONFIDENCE_BINS = 20

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Baseline:
    """Sufficient statistics of n hold-out rows for all tests, and histograms for the report.

    known_languages: what the model learned. languages: rows by detected language.
    stars: (5,) rows by predicted stars. lengths, length_rows: each length that occurs, ascending,
    and its rows: with them KS is exact. topic_mean (d,), topic_covariance (d, d), sample form.
    verified: rows by whether a purchase was verified, see `reviews.verified.NAMES`.
    """

    rows: int
    known_languages: tuple[str, ...]
    languages: dict[str, int]
    verified: dict[str, int]
    stars: IntArray
    markup_rows: int
    oov_mean: float
    oov_variance: float
    expected_stars_mean: float
    confidence_rows: IntArray  # (CONFIDENCE_BINS,) rows by confidence, equal widths over 0 to 1
    lengths: IntArray
    length_rows: IntArray
    topic_mean: FloatArray
    topic_covariance: FloatArray

    @property
    def foreign_rows(self) -> int:
        """Rows in a detected language that the model has not learned."""
        return count_foreign(self.languages, self.known_languages)

    @classmethod
    def from_observations(cls, observations: Observations, languages: Iterable[str]) -> "Baseline":
        """Summarise hold-out rows. languages: codes that the model learned.

        Raises BaselineError for fewer than two rows: they have no spread.
        """
        rows = len(observations)
        if rows < 2:
            raise BaselineError(f"a baseline needs at least 2 rows, here are {rows}")
        lengths, length_rows = np.unique(observations.length, return_counts=True)
        topics = observations.topics.astype(np.float64)
        oov = observations.oov_share.astype(np.float64)
        return cls(
            rows=rows,
            known_languages=tuple(sorted(languages)),
            languages=count_languages(observations),
            verified=count_verified(observations),
            stars=count_stars(observations),
            markup_rows=int(observations.markup.sum()),
            oov_mean=float(oov.mean()),
            oov_variance=float(oov.var(ddof=1)),
            expected_stars_mean=float(observations.expected_stars.mean(dtype=np.float64)),
            confidence_rows=count_confidence(observations),
            lengths=lengths.astype(np.int64),
            length_rows=length_rows.astype(np.int64),
            topic_mean=topics.mean(axis=0),
            topic_covariance=_covariance(topics),
        )

    def save(self, folder: Path) -> None:
        """Write both files; the same rows give the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        write_npz(
            folder / "baseline.npz",
            {
                "lengths": self.lengths.astype(np.int32),
                "length_rows": self.length_rows.astype(np.int32),
                "topic_mean": self.topic_mean.astype(np.float32),
                "topic_covariance": self.topic_covariance.astype(np.float32),
            },
        )
        head = {
            "format": FORMAT,
            "rows": self.rows,
            "known_languages": list(self.known_languages),
            "languages": self.languages,
            "verified": self.verified,
            "stars": self.stars.tolist(),
            "markup_rows": self.markup_rows,
            "oov_mean": self.oov_mean,
            "oov_variance": self.oov_variance,
            "expected_stars_mean": self.expected_stars_mean,
            "confidence_rows": self.confidence_rows.tolist(),
            "arrays_sha256": _digest(folder / "baseline.npz"),
        }
        text = msgspec.json.format(msgspec.json.encode(head, order="sorted"), indent=1)
        (folder / "baseline.json").write_bytes(text + b"\n")

    @classmethod
    def load(cls, folder: Path) -> "Baseline":
        """Read what `save` wrote. Raises BaselineError for anything else; see `is_present`."""
        try:
            head = msgspec.json.decode((folder / "baseline.json").read_bytes(), type=_Head)
            if head.format != FORMAT:
                raise BaselineError(f"baseline format is not {FORMAT!r}")
            if _digest(folder / "baseline.npz") != head.arrays_sha256:
                raise BaselineError("baseline.npz is not the file that baseline.json was made with")
            arrays: dict[str, Any] = read_npz(folder / "baseline.npz")
            baseline = _assemble(head, arrays)
        except (OSError, ValueError, KeyError, BadZipFile, msgspec.MsgspecError) as error:
            raise BaselineError(f"no readable baseline in {folder.name}: {error}") from error
        return baseline._checked()

    @staticmethod
    def is_present(folder: Path) -> bool:
        """Whether the folder holds a baseline at all, readable or not."""
        return (folder / "baseline.json").is_file()

    def _checked(self) -> "Baseline":
        d = len(self.topic_mean)
        consistent = (
            self.topic_covariance.shape == (d, d)
            and self.lengths.shape == self.length_rows.shape
            and len(self.stars) == 5
            and self.rows == self.stars.sum() == self.length_rows.sum()
            and self.rows == sum(self.languages.values())
            and self.rows == sum(self.verified.values())
            and set(self.verified) == set(NAMES.values())
            and 0 <= self.markup_rows <= self.rows
            and bool(
                np.isfinite(self.topic_covariance).all() and np.isfinite(self.topic_mean).all()
            )
        )
        if not consistent:
            raise BaselineError("the counts of the baseline contradict each other")
        return self


def count_stars(observations: Observations) -> IntArray:
    """Rows by predicted stars, (5,), one star first."""
    return np.bincount(observations.stars.astype(np.int64), minlength=6)[1:6]


def count_languages(observations: Observations) -> dict[str, int]:
    """Rows by detected language, sorted by code."""
    codes, rows = np.unique(observations.language, return_counts=True)
    return {str(code): int(count) for code, count in zip(codes, rows, strict=True)}


def count_verified(observations: Observations) -> dict[str, int]:
    """Rows by whether a purchase was verified: yes, no, not said."""
    codes = observations.verified_purchase
    return {name: int((codes == code).sum()) for code, name in NAMES.items()}


def count_foreign(languages: dict[str, int], known: Iterable[str]) -> int:
    """Rows in a detected language that is not known; `und` is no detected language."""
    own = {*known, UNDETERMINED}
    return sum(rows for code, rows in languages.items() if code not in own)


def count_confidence(observations: Observations) -> IntArray:
    """Rows by confidence, (CONFIDENCE_BINS,), equal widths over 0 to 1, 1 in the last bin."""
    bins = (observations.confidence * CONFIDENCE_BINS).astype(np.int64)
    return np.bincount(np.clip(bins, 0, CONFIDENCE_BINS - 1), minlength=CONFIDENCE_BINS)


class _Head(msgspec.Struct):
    format: str
    rows: int
    known_languages: list[str]
    languages: dict[str, int]
    verified: dict[str, int]
    stars: list[int]
    markup_rows: int
    oov_mean: float
    oov_variance: float
    expected_stars_mean: float
    confidence_rows: list[int]
    arrays_sha256: str


def _assemble(head: _Head, arrays: dict[str, Any]) -> Baseline:
    return Baseline(
        rows=head.rows,
        known_languages=tuple(head.known_languages),
        languages=head.languages,
        verified=head.verified,
        stars=np.asarray(head.stars, np.int64),
        markup_rows=head.markup_rows,
        oov_mean=head.oov_mean,
        oov_variance=head.oov_variance,
        expected_stars_mean=head.expected_stars_mean,
        confidence_rows=np.asarray(head.confidence_rows, np.int64),
        lengths=arrays["lengths"].astype(np.int64),
        length_rows=arrays["length_rows"].astype(np.int64),
        topic_mean=arrays["topic_mean"].astype(np.float64),
        topic_covariance=arrays["topic_covariance"].astype(np.float64),
    )


def _covariance(topics: FloatArray) -> FloatArray:
    centred = topics - topics.mean(axis=0)
    covariance: FloatArray = centred.T @ centred / (len(topics) - 1)
    return covariance


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
