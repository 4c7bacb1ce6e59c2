"""Windows follow on without gap or overlap, and feedback finds its prediction."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from monitoring import feedback, windows
from monitoring.errors import ObservationsError
from monitoring.feedback import Feedback
from monitoring.observations import Observation
from monitoring.settings import FeedbackSettings, WindowSettings
from monitoring.windows import State, Window

START = datetime(2026, 11, 1, tzinfo=UTC)
SETTINGS = WindowSettings(min_rows=20, max_rows=50, max_age_days=7)
PACKAGE = "arn:package/1"


def record(minutes: float, number: int = 0, **changes: object) -> Observation:
    base = Observation(
        stars=5,
        expected_stars=4.8,
        confidence=0.9,
        language="en",
        supported=True,
        length=100,
        oov_share=0.0,
        markup=False,
        topics=[0.0],
        request_id=f"r{minutes}-{number}",
        time=START + timedelta(minutes=minutes),
        model_package_arn=PACKAGE,
    )
    return replace(base, **changes)


def cut(records: list[Observation], state: State, minutes: float) -> tuple[Window | None, State]:
    until = START + timedelta(minutes=minutes)
    return windows.cut(records, state, package=PACKAGE, until=until, settings=SETTINGS)


def test_every_prediction_is_judged_exactly_once_whatever_the_hour() -> None:
    stream = [record(minute) for minute in range(0, 303, 3)]
    state, judged = State(), []
    for hour in range(1, 8):
        window, state = cut(stream, state, hour * 60)
        if window:
            judged += [r.request_id for r in window.records]
            state = windows.close(state, window, "ok")
    assert len(judged) == len(set(judged))
    assert set(judged) == {r.request_id for r in stream}
    assert state.packages[PACKAGE].windows == len(state.packages[PACKAGE].verdicts) > 1


def test_a_window_waits_until_it_is_full() -> None:
    stream = [record(minute) for minute in range(19)]
    window, state = cut(stream, State(), 60)
    assert window is None
    window, _ = cut([*stream, record(61)], state, 120)
    assert window is not None
    assert window.total == 20
    assert not window.expired


def test_a_window_that_never_fills_closes_for_its_age() -> None:
    stream = [record(0)]
    window, state = cut(stream, State(), 60)
    assert window is None
    window, state = cut(stream, state, 7 * 24 * 60 - 1)
    assert window is None
    window, state = cut(stream, state, 7 * 24 * 60)
    assert window is not None
    assert window.expired
    again, _ = cut(stream, windows.close(state, window, "insufficient"), 8 * 24 * 60)
    assert again is None


def test_probes_other_packages_and_second_deliveries_do_not_count() -> None:
    stream = [record(minute) for minute in range(19)]
    noise = [
        record(5, 1, probe=True),
        record(5, 2, model_package_arn="arn:package/2"),
        record(5, 3, time=None),
        stream[4],
    ]
    assert cut([*stream, *noise], State(), 60)[0] is None


def test_of_many_the_same_are_tested_whatever_their_order() -> None:
    stream = [record(minute / 10, index=minute % 3) for minute in range(200)]
    forward, backward = cut(stream, State(), 60)[0], cut(stream[::-1], State(), 60)[0]
    assert forward is not None
    assert backward is not None
    assert forward.records == backward.records
    assert len(forward.records) == 50
    assert forward.total == 200


def test_what_is_too_young_waits_for_its_delivery() -> None:
    now = START + timedelta(hours=1)
    assert windows.settled(now, 15) == START + timedelta(minutes=45)


def test_the_state_survives_its_file_and_damage_is_refused() -> None:
    window = Window(PACKAGE, START, START, (), 0, expired=False)
    state = windows.close(State(), window, "drift")
    assert State.from_json(state.to_json()) == state
    for damaged in (b"{", b'{"packages": 1}', b'{"format": "other"}'):
        with pytest.raises(ObservationsError):
            State.from_json(damaged)


def test_two_of_three_windows_alarm_and_an_insufficient_one_is_no_vote() -> None:
    def said(*verdicts: str) -> bool:
        return windows.is_alarming(windows.Judged(START, 0, verdicts), needed=2, of=3)

    assert not said("drift")
    assert not said("drift", "ok", "ok", "drift")
    assert said("drift", "ok", "drift")
    assert said("drift", "insufficient", "insufficient", "drift")


GATE = {"accuracy": 0.69, "mae": 0.4}
QUALITY = FeedbackSettings(min_pairs=100, confidence=0.99)


def test_feedback_is_joined_by_caller_and_id_and_the_last_wins() -> None:
    predictions = [
        record(0, request_id="a", caller="x", stars=1),
        record(1, request_id="a", caller="x", stars=2),
        record(1, request_id="a", caller="y", stars=3),
        record(1, request_id="a", caller="x", stars=4, index=1),
        record(1, request_id="p", caller="x", probe=True),
    ]
    told = [
        Feedback("a", 5, caller="x", time=START + timedelta(hours=2)),
        Feedback("a", 4, caller="x", time=START + timedelta(hours=1)),
        Feedback("a", 1, caller="y"),
        Feedback("p", 1, caller="x"),
        Feedback("unknown", 1, caller="x"),
    ]
    assert sorted(feedback.join(predictions, told)) == [(1, 3), (5, 2)]


def test_a_model_below_its_gate_alarms_and_chance_does_not() -> None:
    bad = [(5, 5)] * 110 + [(5, 3)] * 90
    near = [(5, 5)] * 134 + [(5, 4)] * 66
    assert feedback.judge(bad, GATE, QUALITY).verdict == "below_gate"
    assert feedback.judge(near, GATE, QUALITY).verdict == "ok"
    assert feedback.judge(bad[:99], GATE, QUALITY).verdict == "insufficient"
    assert feedback.judge(bad, {}, QUALITY).verdict == "ok"


def test_an_interval_holds_its_value() -> None:
    quality = feedback.judge([(5, 5)] * 150, GATE, QUALITY)
    for estimate in quality.estimates:
        assert estimate.low <= estimate.value <= estimate.high + 1e-12


def test_unreadable_feedback_is_counted() -> None:
    found, unreadable = feedback.read_feedback(
        [b'{"request_id":"a","stars":5}', b'{"request_id":"a","stars":9}', b"x", b"\n"]
    )
    assert (len(found), unreadable.total()) == (1, 2)
