"""Behaviour tests: their cases are sound, and the gate refuses a model that breaks one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from reviews.clean import clean
from reviews.language import DEFAULT, detect
from tests.unit.training.test_evaluation_gate import SETTINGS, figures
from training.evaluation import behaviour
from training.evaluation.behaviour import BehaviourFloor
from training.evaluation.behaviour_cases import BehaviourTest, Case, all_tests
from training.evaluation.evaluation import BehaviourResult, GateVerdict
from training.evaluation.gate import judge

Answer = Callable[[str, str], float]


class Reader:
    """A model of one sentence's worth: expected stars by a function of title and text."""

    languages: tuple[str, ...] = ("en",)

    def __init__(self, answer: Answer, training_rows: int = 10_000, **about: Any) -> None:
        rows = {"training": training_rows, "languages": {"en": 60, "de": 30, "fr": 10}}
        self.answer = answer
        self.version_info = {"rows": rows, "views_left_out": (), **about}

    def probabilities(self, titles: list[str], texts: list[str]) -> np.ndarray:
        pairs = zip(titles, texts, strict=True)
        expected = np.clip([self.answer(title, text) for title, text in pairs], 1, 5)
        low = np.floor(expected).astype(int).clip(1, 4)
        p = np.zeros((len(expected), 5))
        rows = np.arange(len(expected))
        p[rows, low] = expected - low
        p[rows, low - 1] = 1 - (expected - low)
        return p

    def decide(self, p: np.ndarray) -> np.ndarray:
        return p.argmax(axis=1) + 1


def reads_negation(_: str, text: str) -> float:
    words = text.lower().replace(".", " ").split()
    negated = any(word in ("not", "never", "no") or word.endswith("n't") for word in words)
    return 2.0 if negated else 4.0


def ignores_negation(_: str, text: str) -> float:
    return 4.0 if "good" in text else 3.0


NEGATION = BehaviourFloor("negation", change=0.3, at_least={3000: 0.5, 50_000: 0.9})


def verdict(
    answer: Answer, training_rows: int, floor: BehaviourFloor = NEGATION, **about: Any
) -> tuple[GateVerdict, BehaviourResult]:
    reader = Reader(answer, training_rows, **about)
    results = behaviour.describe(reader, [floor], {})  # type: ignore[arg-type]
    return judge(figures(), SETTINGS, behaviour_results=results), results[0]


def test_a_model_that_breaks_negation_is_refused_by_its_name() -> None:
    found, result = verdict(ignores_negation, 3000)
    assert not found.passed
    assert "behaviour negation: 0.000 of 40 cases hold, below 0.5" in found.message
    assert len(result.failed) == behaviour.MAX_EXAMPLES
    found, result = verdict(reads_negation, 50_000)
    assert found.passed
    assert result.rate == 1.0


def test_a_floor_waits_for_enough_training_rows() -> None:
    found, result = verdict(ignores_negation, 2999)
    assert found.passed
    assert result.at_least is None
    assert verdict(ignores_negation, 60_000)[1].at_least == 0.9


def test_an_invariance_is_broken_by_a_model_that_minds_capitals() -> None:
    floor = BehaviourFloor("capitals", within=0.5, at_least={1: 0.9})

    def shouted(_: str, text: str) -> float:
        return 1.0 if text.isupper() else 4.0

    assert not verdict(shouted, 10, floor)[0].passed
    assert verdict(lambda *_: 3.0, 10, floor)[0].passed


def test_stars_are_held_against_the_plainest_words() -> None:
    floor = BehaviourFloor("plain_words", at_least={1: 0.9})
    found, result = verdict(lambda *_: 5.0, 10, floor)
    assert not found.passed
    assert result.rate == 0.5


def test_a_model_of_another_language_is_asked_none() -> None:
    reader = Reader(reads_negation)
    reader.languages = ("es",)
    assert behaviour.ask(reader, [NEGATION]) == {}  # type: ignore[arg-type]
    assert behaviour.describe(reader, [NEGATION], {}) == []  # type: ignore[arg-type]


def test_rows_of_other_languages_teach_no_english() -> None:
    reader = Reader(ignores_negation, 90_000)
    reader.languages = ("en", "de")
    assert behaviour.training_rows(reader) == 60_000  # type: ignore[arg-type]


def test_what_needs_titles_is_not_asked_of_a_model_without() -> None:
    floor = BehaviourFloor("star_words", at_least={1: 0.9})
    assert not verdict(lambda *_: 5.0, 10, floor)[0].passed
    assert verdict(lambda *_: 5.0, 10, floor, views_left_out=("title",))[0].passed


def test_the_champion_s_rate_stands_beside() -> None:
    theirs = behaviour.ask(Reader(ignores_negation), [NEGATION])  # type: ignore[arg-type]
    (found,) = behaviour.describe(Reader(reads_negation), [NEGATION], theirs)  # type: ignore[arg-type]
    assert (found.rate, found.champion) == (1.0, 0.0)


@pytest.mark.parametrize(("name", "test"), all_tests().items())
def test_cases_are_clean_and_differ_in_something(name: str, test: BehaviourTest) -> None:
    assert len(test.cases) >= 16
    assert len(set(test.cases)) == len(test.cases)
    for case in test.cases:
        for words in filter(None, (case.review, case.before)):
            cleaned = clean(words.title, words.text)
            assert (cleaned.title, cleaned.text) == words
        assert case.review != case.before
        assert is_one_kind(case, test), name


def is_one_kind(case: Case, test: BehaviourTest) -> bool:
    if case.before is None:
        return not case.direction and case.stars != (1, 5)
    return (case.direction != 0) == (test.moves == "direction")


def test_cases_are_english() -> None:
    samples = [clean(*case.review).sample for test in all_tests().values() for case in test.cases]
    found = [detect(sample, DEFAULT)[0] for sample in samples]
    assert found.count("en") + found.count("und") >= 0.97 * len(found)
