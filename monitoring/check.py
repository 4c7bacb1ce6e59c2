"""One check of the live model: its next window, the verdict, and what follows from it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from monitoring import drift, feedback, report, windows
from monitoring.baseline import Baseline
from monitoring.drift import DriftVerdict
from monitoring.errors import BaselineError
from monitoring.feedback import Feedback, Quality
from monitoring.observations import Observation, Observations, keep_width
from monitoring.settings import DriftSettings, WindowSettings
from monitoring.windows import Judged, State, Window

STARTED = "started"


@dataclass(frozen=True, kw_only=True)
class LiveModel:
    """The package that answers. gate: the floors that it passed, by metric, as far as known."""

    package_arn: str
    baseline: Baseline | None
    gate: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class AlarmPolicy:
    """When drifting windows are an alarm: so many of so many; and how rarely they start training.

    runs: training runs that are going on already.
    """

    alarms_needed: int
    alarms_of: int
    cool_down_hours: int
    runs: int


@dataclass(frozen=True, kw_only=True)
class Records:
    """What was read. unreadable: lines that hold no observation, by reason."""

    observations: Sequence[Observation]
    unreadable: Counter[str]
    feedback: Sequence[Feedback]


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """What one check leaves. is_closed: the window was judged for good; else it must still fill.

    notify: people get a message. learning: `started` where a training run must be started, the
    reason where it must not, empty without an alarm. page: the report, HTML.
    """

    window: Window
    is_closed: bool
    verdict: DriftVerdict
    quality: Quality | None
    state: State
    notify: bool
    learning: str
    page: str

    @property
    def learn(self) -> bool:
        """Whether a training run must be started."""
        return self.learning == STARTED

    def to_mapping(self) -> dict[str, Any]:
        """The content of drift.json."""
        more = {"feedback": self.quality.to_mapping()} if self.quality else {}
        return self.verdict.to_mapping() | more


def check(
    state: State,
    records: Records,
    model: LiveModel,
    *,
    until: datetime,
    now: datetime,
    settings: DriftSettings,
    policy: AlarmPolicy,
) -> CheckOutcome:
    """Judge what the live model predicted since the last window, until a moment (UTC).

    records: at least all since `windows.horizon`.
    Raises BaselineError where no prediction fits the model's baseline.
    """
    usable, unreadable = _usable(state, records, model, until, settings.window)
    window, is_closed, state_after = _next_window(
        state, usable, model.package_arn, until, settings.window
    )
    observed = Observations.from_records(window.records, unreadable)
    verdict = drift.check(model.baseline, observed, settings)
    quality = _quality(window, records.feedback, model.gate, settings)
    is_alarming = is_news = False
    learning = ""
    if is_closed:
        state_after = windows.close(state_after, window, verdict.verdict)
        before, after = (s.packages.get(model.package_arn) for s in (state, state_after))
        is_alarming, is_news = _alarm(before, after, policy)
    if is_alarming:
        learning = why_not_learn(state, policy, now) or STARTED
    if learning == STARTED:
        state_after = msgspec.structs.replace(state_after, learn_started=now)
    about = _about(model.package_arn, window)
    return CheckOutcome(
        window=window,
        is_closed=is_closed,
        verdict=verdict,
        quality=quality,
        state=state_after,
        notify=is_news or learning == STARTED,
        learning=learning,
        page=report.html(
            verdict, baseline=model.baseline, window=observed, quality=quality, about=about
        ),
    )


def why_not_learn(state: State, policy: AlarmPolicy, now: datetime) -> str:
    """Why drift must not start a training run now; empty where it may."""
    if policy.runs:
        return "not started: a run is going already"
    started = state.learn_started
    if started and now < started + timedelta(hours=policy.cool_down_hours):
        return (
            f"not started: drift started the last one at {started:%Y-%m-%d %H:%M} UTC, and then "
            f"none for {policy.cool_down_hours} hours"
        )
    return ""


def _usable(
    state: State,
    records: Records,
    model: LiveModel,
    until: datetime,
    settings: WindowSettings,
) -> tuple[list[Observation], Counter[str]]:
    """The live model's waiting predictions that its baseline can be compared with."""
    waiting = windows.waiting(
        records.observations, state, package=model.package_arn, until=until, settings=settings
    )
    width = len(model.baseline.topic_mean) if model.baseline else None
    usable, others = keep_width(waiting, width)
    if others and not usable:
        reasons = "; ".join(others)
        raise BaselineError(f"no prediction of {len(waiting)} fits the baseline: {reasons}")
    return usable, records.unreadable + others


def _next_window(
    state: State,
    records: Iterable[Observation],
    package: str,
    until: datetime,
    settings: WindowSettings,
) -> tuple[Window, bool, State]:
    """The next window and whether it is complete; where it must still fill, what is there of it."""
    records = list(records)
    window, after = windows.cut(records, state, package=package, until=until, settings=settings)
    if window is not None:
        return window, True, after
    any_size = msgspec.structs.replace(settings, min_rows=1)
    part, _ = windows.cut(records, state, package=package, until=until, settings=any_size)
    start = windows.horizon(state, package, until, settings)
    return part or Window(package, start, until, (), 0, False), False, after


def _quality(
    window: Window,
    returned: Sequence[Feedback],
    gate: Mapping[str, float],
    settings: DriftSettings,
) -> Quality | None:
    """What true stars say of this window's predictions; None where none came back."""
    if not returned:
        return None
    return feedback.judge(feedback.join(window.records, returned), gate, settings.feedback)


def _alarm(before: Judged | None, after: Judged | None, policy: AlarmPolicy) -> tuple[bool, bool]:
    """Whether so many of the last windows drifted, and whether that is news since the last one."""
    needed, of = policy.alarms_needed, policy.alarms_of
    if after is None or after.verdicts[-1] != drift.DRIFT:
        return False, False
    is_alarming = windows.is_alarming(after, needed, of)
    was_alarming = before is not None and windows.is_alarming(before, needed, of)
    return is_alarming, is_alarming and not was_alarming


def _about(package: str, window: Window) -> dict[str, str]:
    return {
        "Model package": package,
        "Predictions after": f"{window.start:%Y-%m-%d %H:%M:%S} UTC",
        "until": f"{window.end:%Y-%m-%d %H:%M:%S} UTC",
        "Predictions in all": f"{window.total:,}",
    }
