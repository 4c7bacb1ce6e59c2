"""A model as the rest of the project sees it: text in, probabilities, stars and reasons out."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitoring.observations import Observations
from reviews.clean import TEXT_RULES, join_sample
from reviews.language import is_learned
from reviews.verified import NOT_SAID
from training.features.tokens import tokenise
from training.features.views import unknown_share
from training.model import archive
from training.model.answer import Rating, rate_raw, read_reviews
from training.model.artefact import ModelParts, read_manifest, read_parts
from training.model.decision import DecisionRule
from training.model.explain import Contribution, explain

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

VERSION_VARIABLE = "MODEL_VERSION"  # tells a container under which name it serves
BATCH_ROWS = 128  # reviews counted at a time: what stays in the processor's caches
EXPECTATION = np.arange(1.0, 6.0)

__all__ = ["Contribution", "StarModel"]


class JudgedReviews(NamedTuple):
    """n reviews as a model sees them.

    probabilities: (n, 5) P(1..5). known_words: (n,) words of title and text that it has learned;
    where there are none, the probabilities are the shares of its training rows.
    """

    probabilities: FloatArray
    known_words: IntArray
    observations: Observations


class StarModel:
    """A trained model. Only `rate` takes raw words; all else titles and texts that are clean."""

    def __init__(
        self, parts: ModelParts, decision_rule: DecisionRule, version_info: dict[str, Any]
    ) -> None:
        """version_info: what model.json holds."""
        self.decision_rule, self.version_info = decision_rule, version_info
        self.languages: tuple[str, ...] = tuple(version_info["languages"])
        self.detector: str = version_info["detector"]
        self.version = os.environ.get(VERSION_VARIABLE) or str(version_info.get("version", ""))
        self.projection = parts.projection
        self.scorer = parts.scorer()

    @classmethod
    def load(cls, folder: str | Path) -> "StarModel":
        """Read a model's folder, or one that holds `model.tar.gz`.

        Raises ArtefactError with a sentence for anything unsound.
        """
        with archive.opened(Path(folder)) as place:
            manifest = read_manifest(place, TEXT_RULES)
            parts = read_parts(place, manifest)
        return cls(parts, manifest.decision_rule, msgspec.to_builtins(manifest))

    @overload
    def rate(  # type: ignore[overload-overlap]  # a str is a sequence of them, too
        self, reviews: str | Mapping[str, object], explain: bool = ...
    ) -> Rating: ...

    @overload
    def rate(
        self, reviews: Sequence[str | Mapping[str, object]], explain: bool = ...
    ) -> list[Rating]: ...

    def rate(
        self,
        reviews: str | Mapping[str, object] | Sequence[str | Mapping[str, object]],
        explain: bool = False,
    ) -> Rating | list[Rating]:
        """What the endpoint answers to raw words: one review, or several in order.

        reviews: texts, or mappings with `text`, and `title` and `verified_purchase` where known;
        other keys are ignored. explain: with the words that decided.
        Raises RequestError for what is no review, or holds no words.
        """
        if isinstance(reviews, str | Mapping):
            return rate_raw(self, read_reviews([reviews]), explain)[0]
        return rate_raw(self, read_reviews(reviews), explain)

    def supports(self, language: str, title: str, text: str) -> bool:
        """Whether stars are shown for a review, by its language; see `reviews.language.short`."""
        return is_learned(language, join_sample(title, text), self.languages)

    def probabilities(
        self, titles: Sequence[str], texts: Sequence[str], verified: ArrayLike | None = None
    ) -> FloatArray:
        """(n, 5) P(1..5), one star first; rows sum to 1.

        verified: (n,) codes of `reviews.verified`; None: no row says it.
        """
        codes = _codes(verified, len(titles))
        parts = [
            self.scorer.probabilities(titles[s], texts[s], codes[s]) for s in _slices(len(titles))
        ]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return np.zeros((0, 5))
        return np.concatenate(parts)

    def decide(self, probabilities: ArrayLike) -> IntArray:
        """Stars, 1 to 5, by the decision rule that `train` chose."""
        return self.decision_rule.decide(probabilities)

    def observe(
        self,
        titles: Sequence[str],
        texts: Sequence[str],
        *,
        languages: Sequence[str],
        markup: ArrayLike,
        verified: ArrayLike | None = None,
    ) -> JudgedReviews:
        """Judge reviews, and note what monitoring keeps of them.

        languages, markup: (n,) as `reviews` found them before cleaning. verified: (n,) codes
        of `reviews.verified`; None: no row says it.
        """
        codes = _codes(verified, len(titles))
        parts = [self._observe(titles[s], texts[s], codes[s]) for s in _slices(len(titles))]
        p, known, topics, unknown = (np.concatenate(column) for column in zip(*parts, strict=True))
        stars = self.decide(p)
        observations = Observations(
            stars=stars.astype(np.int8),
            expected_stars=p @ EXPECTATION,
            confidence=p[np.arange(len(p)), stars - 1],
            language=np.asarray(languages, np.str_),
            supported=np.fromiter(map(self.supports, languages, titles, texts), np.bool_),
            length=np.asarray([len(text) for text in texts], np.int32),
            oov_share=unknown,
            markup=np.asarray(markup, np.bool_),
            topics=topics.astype(np.float32),
            verified_purchase=codes,
        )
        return JudgedReviews(p, known, observations)

    def explain(
        self, title: str, text: str, stars: int | None = None, verified: int = NOT_SAID
    ) -> list[Contribution]:
        """The parts of the logit of `stars` (None: those decided), largest first.

        They sum to it exactly; see `training.model.explain`.
        """
        if stars is None:
            stars = int(self.decide(self.probabilities([title], [text], [verified]))[0])
        return explain(self.scorer, title, text, stars, verified)

    def _observe(
        self, titles: Sequence[str], texts: Sequence[str], verified: NDArray[np.int8]
    ) -> tuple[FloatArray, IntArray, FloatArray, FloatArray]:
        n = len(titles)
        tokens = tokenise(titles, texts)
        counts = self.scorer.count(tokens)
        weighed = self.scorer.weigh(counts, n)
        p, known = self.scorer.judge(tokens, counts, weighed, verified)
        unknown = unknown_share(tokens, counts.number, self.scorer.lookup)
        return p, known, self.projection.coordinates(weighed, n), unknown


def _codes(verified: ArrayLike | None, n: int) -> NDArray[np.int8]:
    return np.full(n, NOT_SAID, np.int8) if verified is None else np.asarray(verified, np.int8)


def _slices(n: int) -> Iterator[slice]:
    for begin in range(0, n, BATCH_ROWS):
        yield slice(begin, begin + BATCH_ROWS)
