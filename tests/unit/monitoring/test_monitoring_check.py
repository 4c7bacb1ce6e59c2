"""One check: what it takes from the records, and what follows from its verdict."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from monitoring.baseline import Baseline
from monitoring.check import STARTED, AlarmPolicy, CheckOutcome, LiveModel, Records, check
from monitoring.errors import BaselineError
from monitoring.feedback import Feedback
from monitoring.observations import Observation, Observations
from monitoring.settings import DriftSettings
from monitoring.windows import Judged, State

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ARN = "arn:package/7"
SETTINGS = DriftSettings.from_mapping(
    {
        "window": {"min_rows": 500, "max_rows": 1000, "max_age_days": 7},
        "tests": {
            "false_alarm_rate": 0.01,
            "min_baseline_rows": 500,
            "cell_correction": 0.5,
            "exact_below_rows": 20,
        },
        "feedback": {"min_pairs": 100, "confidence": 0.99},
    }
)
POLICY = AlarmPolicy(alarms_needed=1, alarms_of=1, cool_down_hours=0, runs=0)


def observed(rows: int, seed: int, shift: float = 0.0, width: int = 5) -> Observations:
    random = np.random.default_rng(seed)
    return Observations(
        stars=random.integers(1, 6, rows),
        expected_stars=np.full(rows, 3.0),
        confidence=np.full(rows, 0.5),
        language=np.full(rows, "en"),
        supported=np.full(rows, True),
        length=random.integers(20, 400, rows),
        oov_share=random.uniform(0, 0.1, rows),
        markup=np.full(rows, False),
        topics=random.normal(size=(rows, width)) + shift,
        verified_purchase=np.full(rows, 1),
    )


def records(rows: int, *, name: str = "r", arn: str = ARN, **how: Any) -> list[Observation]:
    return [
        Observation(
            **msgspec.structs.asdict(part),
            request_id=f"{name}{i}",
            time=NOW - timedelta(hours=1),
            model_package_arn=arn,
        )
        for i, part in enumerate(observed(rows, 2, **how).records())
    ]


MODEL = LiveModel(
    package_arn=ARN, baseline=Baseline.from_observations(observed(2000, 1), ["en"]), gate={}
)


def checked(
    found: list[Observation],
    state: State | None = None,
    policy: AlarmPolicy = POLICY,
    returned: tuple[Feedback, ...] = (),
) -> CheckOutcome:
    taken = Records(observations=found, unreadable=Counter(), feedback=returned)
    return check(
        state or State(), taken, MODEL, until=NOW, now=NOW, settings=SETTINGS, policy=policy
    )


def test_a_window_without_change_is_closed_and_nobody_is_notified() -> None:
    outcome = checked(records(600))
    assert (outcome.verdict.verdict, outcome.is_closed, outcome.notify) == ("ok", True, False)
    assert outcome.learning == ""
    assert outcome.state.packages[ARN].verdicts == ("ok",)


def test_a_window_that_must_still_fill_leaves_the_state_open() -> None:
    outcome = checked(records(40))
    assert (outcome.verdict.n, outcome.is_closed) == (40, False)
    assert outcome.state.packages[ARN].verdicts == ()


def test_drift_notifies_and_starts_training() -> None:
    outcome = checked(records(600, shift=0.8))
    assert (outcome.verdict.verdict, outcome.notify, outcome.learn) == ("drift", True, True)
    assert outcome.state.learn_started == NOW
    assert "<svg" in outcome.page


def test_the_records_of_the_former_model_decide_nothing() -> None:
    former = records(900, name="old", arn="arn:package/6", width=7)
    outcome = checked([*former, *records(600)])
    assert (outcome.verdict.n, outcome.verdict.unreadable) == (600, 0)


def test_one_foreign_record_is_left_out_with_its_reason() -> None:
    outcome = checked([*records(1, name="foreign", width=6), *records(600)])
    assert (outcome.verdict.verdict, outcome.verdict.n) == ("ok", 600)
    assert outcome.verdict.unreadable_reasons == {"`topics`: 6 coordinates instead of 5": 1}


def test_a_foreign_record_does_not_fill_a_window() -> None:
    outcome = checked([*records(1, name="foreign", width=6), *records(499)])
    assert (outcome.is_closed, outcome.verdict.n) == (False, 499)


def test_where_no_record_fits_the_baseline_the_check_fails() -> None:
    with pytest.raises(BaselineError, match=r"no prediction of 600 fits .* 6 coordinates"):
        checked(records(600, width=6))


def test_true_stars_are_judged_beside_the_verdict() -> None:
    found = records(600)
    returned = tuple(Feedback(f"r{i}", 6 - found[i].stars) for i in range(200))
    outcome = checked(found, returned=returned)
    assert outcome.quality is not None
    assert outcome.quality.n == 200
    assert "feedback" in outcome.to_mapping()


def before(*verdicts: str) -> State:
    return State(packages={ARN: Judged(NOW - timedelta(days=1), len(verdicts), verdicts)})


@pytest.mark.parametrize(
    ("verdicts", "shift", "is_alarm", "notify"),
    [
        ((), 0.8, False, False),
        (("drift",), 0.8, True, True),
        (("drift", "drift"), 0.8, True, False),
        (("drift", "drift"), 0.0, False, False),
        (("drift", "ok"), 0.8, True, True),
        (("ok", "ok"), 0.8, False, False),
        (("drift", "insufficient"), 0.8, True, True),
    ],
)
def test_two_of_three_windows_are_an_alarm_and_its_news_is_told_once(
    verdicts: tuple[str, ...], shift: float, is_alarm: bool, notify: bool
) -> None:
    busy = replace(POLICY, alarms_needed=2, alarms_of=3, runs=1)
    outcome = checked(records(600, shift=shift), before(*verdicts), busy)
    assert (outcome.learning != "", outcome.notify, outcome.learn) == (is_alarm, notify, False)


def test_a_cool_down_holds_the_next_run_back() -> None:
    state = State(learn_started=NOW - timedelta(hours=5))
    waits = checked(records(600, shift=0.8), state, replace(POLICY, cool_down_hours=24))
    assert waits.learning.startswith("not started: drift started the last one at 2026-11-24 07:00")
    assert waits.state.learn_started == state.learn_started
    goes = checked(records(600, shift=0.8), state, replace(POLICY, cool_down_hours=5))
    assert goes.learning == STARTED
    busy = checked(records(600, shift=0.8), State(), replace(POLICY, runs=1))
    assert busy.learning == "not started: a run is going already"
