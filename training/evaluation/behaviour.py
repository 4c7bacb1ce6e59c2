"""How a model passes the behaviour tests, and what the gate asks of that.

All cases are scored at once, without a flag of verified purchase. A model that has not learned
their language is asked none of them, and the report says so.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from training.evaluation.behaviour_cases import LANGUAGE, BehaviourTest, Case, all_tests
from training.evaluation.evaluation import BehaviourResult, Condition
from training.evaluation.metrics import expected_stars
from training.model.star_model import StarModel

MAX_EXAMPLES = 3  # of cases that fail, for the report
Rows = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
StarSpan = Annotated[float, Meta(ge=0, le=4)]


class BehaviourFloor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of one test, by its name in `behaviour_cases`.

    change: expected stars must move so far in the test's direction. within: they may move no
    farther than that. at_least: share of cases that must pass, by the rows that a model learned
    from at least; with fewer, and where none is given, the report alone tells.
    """

    test: str
    change: StarSpan | None = None
    within: StarSpan | None = None
    at_least: dict[Rows, Share] = {}

    def __post_init__(self) -> None:
        known = all_tests()
        if self.test not in known:
            raise ValueError(f"no behaviour test {self.test!r}; there are {', '.join(known)}")
        moves = known[self.test].moves
        if (self.change is not None) != (moves == "direction"):
            raise ValueError(f"behaviour {self.test}: `change` is for tests with a direction")
        if (self.within is not None) != (moves == "nowhere"):
            raise ValueError(f"behaviour {self.test}: `within` is for tests where little may move")

    def floor(self, training_rows: int) -> float | None:
        """The share that a model of so many training rows must reach."""
        reached = [rows for rows in self.at_least if rows <= training_rows]
        return self.at_least[max(reached)] if reached else None


def ask(model: StarModel, floors: Sequence[BehaviourFloor]) -> dict[str, NDArray[np.bool_]]:
    """Which cases of each test a model passes, by the test's name; empty for another language."""
    if LANGUAGE not in model.languages:
        return {}
    known = all_tests()
    cases = [case for floor in floors for case in known[floor.test].cases]
    asked = [case.review for case in cases] + [case.before or case.review for case in cases]
    p = model.probabilities([words.title for words in asked], [words.text for words in asked])
    expected = expected_stars(p).reshape(2, -1)  # (2, cases) of the review, and before
    stars = model.decide(p[: len(cases)])
    found, begin = {}, 0
    for floor in floors:
        test = known[floor.test]
        part = slice(begin, begin + len(test.cases))
        moved = expected[0, part] - expected[1, part]  # (cases,)
        found[floor.test] = _passed(test, floor, moved, stars[part])
        begin = part.stop
    return found


def _passed(
    test: BehaviourTest, floor: BehaviourFloor, moved: NDArray[np.float64], stars: NDArray[np.int64]
) -> NDArray[np.bool_]:
    if floor.change is not None:
        directions = np.array([case.direction for case in test.cases])
        return np.asarray(moved * directions >= floor.change)
    if floor.within is not None:
        return np.asarray(np.abs(moved) <= floor.within)
    fewest, most = np.array([case.stars for case in test.cases]).T
    return np.asarray((fewest <= stars) & (stars <= most))


def describe(
    model: StarModel,
    floors: Sequence[BehaviourFloor],
    champion: Mapping[str, NDArray[np.bool_]],
) -> list[BehaviourResult]:
    """Ask a model, and say what evaluation.json says of each test.

    champion: what `ask` found of the model in service, empty where there is none.
    """
    known, passed, rows = all_tests(), ask(model, floors), training_rows(model)
    has_titles = "title" not in model.version_info["views_left_out"]
    return [
        BehaviourResult(
            name=floor.test,
            asks=known[floor.test].asks,
            cases=len(passed[floor.test]),
            rate=float(passed[floor.test].mean()),
            champion=float(champion[floor.test].mean()) if floor.test in champion else None,
            at_least=floor.floor(rows)
            if has_titles or not known[floor.test].needs_titles
            else None,
            failed=[
                _spell(known[floor.test].cases[place])
                for place in np.flatnonzero(~passed[floor.test])[:MAX_EXAMPLES].tolist()
            ],
        )
        for floor in floors
        if floor.test in passed
    ]


def training_rows(model: StarModel) -> int:
    """Rows in the language of the tests that a model learned from, about.

    What was held out is counted by language too: users are dealt out by chance.
    """
    rows = model.version_info["rows"]
    learned = {code: rows["languages"].get(code, 0) for code in model.languages}
    return int(rows["training"] * learned.get(LANGUAGE, 0) / max(1, sum(learned.values())))


def conditions(results: Sequence[BehaviourResult]) -> list[Condition]:
    """What the tests ask of a model that learned from enough rows."""
    return [
        Condition(
            f"behaviour_{one.name}",
            one.rate,
            one.at_least,
            passed=one.rate >= one.at_least,
            message=""
            if one.rate >= one.at_least
            else f"behaviour {one.name}: {one.rate:.3f} of {one.cases} cases hold, below "
            f"{one.at_least:g}",
        )
        for one in results
        if one.at_least is not None
    ]


def _spell(case: Case) -> str:
    review = f"{case.review.title} | {case.review.text}"
    return f"{case.before.title} | {case.before.text} → {review}" if case.before else review
