"""How predictions become windows: one follows the other, without gap or overlap.

Pure: observations and the last state in, at most one window and the next state out. A window of
a package spans `(start, end]` of prediction time; the next one starts where it ended.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from monitoring.drift import DRIFT, INSUFFICIENT
from monitoring.errors import ObservationsError
from monitoring.observations import Observation
from monitoring.settings import WindowSettings

FORMAT = "review-stars windows 1"
REMEDY = "delete monitoring/state.json, and the next check begins anew"


class Judged(msgspec.Struct, frozen=True):
    """What is known of one model package: where its last window ended, and the last verdicts."""

    until: datetime  # UTC; everything later is still to be judged
    windows: int = 0
    verdicts: tuple[str, ...] = ()  # newest last, at most KEPT_VERDICTS


KEPT_VERDICTS = 24


class State(msgspec.Struct, frozen=True):
    """Everything that one check leaves for the next, as `monitoring/state.json`."""

    format: str = FORMAT
    packages: dict[str, Judged] = msgspec.field(default_factory=dict)
    learn_started: datetime | None = None  # when drift last started the Learn machine

    @classmethod
    def from_json(cls, content: bytes) -> "State":
        """Read a state. Raises ObservationsError if it is damaged or of another format."""
        try:
            state = msgspec.json.decode(content, type=cls)
        except msgspec.MsgspecError as error:
            raise ObservationsError(
                f"the state of the windows is damaged ({error}): {REMEDY}"
            ) from error
        if state.format != FORMAT:
            raise ObservationsError(
                f"the state of the windows is not of format {FORMAT!r}: {REMEDY}"
            )
        return state

    def to_json(self) -> bytes:
        """The same state gives the same bytes."""
        return msgspec.json.encode(self, order="sorted")


@dataclass(frozen=True)
class Window:
    """Predictions of one package that are judged together.

    start is exclusive, end inclusive. records: those to test, at most `max_rows`. total: all of
    the window. expired: it never filled and is closed for its age.
    """

    package: str
    start: datetime
    end: datetime
    records: tuple[Observation, ...]
    total: int
    expired: bool


def settled(now: datetime, settle_minutes: float) -> datetime:
    """Until when, inclusive, predictions have surely been delivered."""
    return now - timedelta(minutes=settle_minutes)


def horizon(state: State, package: str, until: datetime, settings: WindowSettings) -> datetime:
    """From when, exclusive, predictions are needed to cut the next window of a package."""
    judged = state.packages.get(package)
    return judged.until if judged else until - timedelta(days=settings.max_age_days)


def waiting(
    records: Iterable[Observation],
    state: State,
    *,
    package: str,
    until: datetime,
    settings: WindowSettings,
) -> list[Observation]:
    """Predictions of a package that no window holds yet, each once; no probes."""
    start = horizon(state, package, until, settings)
    found = {
        (record.caller, record.request_id, record.index, record.time): record
        for record in records
        if record.model_package_arn == package
        and not record.probe
        and record.time is not None
        and start < record.time <= until
    }
    return list(found.values())


def cut(
    records: Iterable[Observation],
    state: State,
    *,
    package: str,
    until: datetime,
    settings: WindowSettings,
) -> tuple[Window | None, State]:
    """Cut the next window of a package, or None where it must still fill.

    records: in any order, of any package and time; what was judged before, probes, what is later
    than `until` (UTC) and what was delivered twice is left out.
    Nothing is lost and nothing counts twice as long as the records hold all since `horizon`.
    """
    start = horizon(state, package, until, settings)
    found = waiting(records, state, package=package, until=until, settings=settings)
    if not found:
        return None, state
    oldest = min(record.time for record in found if record.time)
    filled = len(found) >= settings.min_rows
    expired = not filled and oldest <= until - timedelta(days=settings.max_age_days)
    if not filled and not expired:
        return None, _remember_start(state, package, start)
    chosen = tuple(sample(found, settings.max_rows))
    return Window(package, start, until, chosen, len(found), expired), state


def close(state: State, window: Window, verdict: str) -> State:
    """The state after a window was judged; write it only when its report is safe."""
    before = state.packages.get(window.package)
    verdicts = (*(before.verdicts if before else ()), verdict)[-KEPT_VERDICTS:]
    count = (before.windows if before else 0) + 1
    return _with(state, window.package, Judged(window.end, count, verdicts))


def is_alarming(judged: Judged, needed: int, of: int) -> bool:
    """Whether so many of the last `of` verdicts are drift; `insufficient` ones are no verdict."""
    decided = [verdict for verdict in judged.verdicts if verdict != INSUFFICIENT]
    return decided[-of:].count(DRIFT) >= needed


def sample(records: Iterable[Observation], rows: int) -> list[Observation]:
    """The records with the smallest hashes of their request: the same whatever their order.

    A place in a batch has a hash of its own, so that no batch comes in whole.
    """

    def place(record: Observation) -> tuple[bytes, str, str]:
        name = f"{record.request_id}/{record.index}".encode()
        return hashlib.blake2b(name, digest_size=8).digest(), record.caller, str(record.time)

    return sorted(records, key=place)[:rows]


def _remember_start(state: State, package: str, start: datetime) -> State:
    """Where a package's first window begins must not move with the clock while it fills."""
    return state if package in state.packages else _with(state, package, Judged(start))


def _with(state: State, package: str, judged: Judged) -> State:
    return msgspec.structs.replace(state, packages={**state.packages, package: judged})
