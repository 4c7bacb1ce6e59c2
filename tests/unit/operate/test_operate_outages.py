"""The outage matrix: every row rings what has a runbook, and is proven somewhere."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from operate import outages
from operate.outages import FELT, MATRIX, Row, RowResult

ROOT = Path(__file__).parents[3]
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
PAGE = (ROOT / "docs" / "production.md").read_text()


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.fault)
def test_every_row_rings_what_has_a_runbook(row: Row) -> None:
    sections = set(re.findall(r"^## ([a-z-]+)$", RUNBOOKS, re.MULTILINE))
    calls = {"DisableKey", "StopLogging"}
    assert row.alarms - calls <= sections
    assert row.told in {FELT, *calls, *row.rings}


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: row.fault)
def test_every_row_is_caused_or_has_its_test(row: Row) -> None:
    if row.cause is None:
        path = row.proof.partition(";")[0]
        assert (ROOT / path).is_file(), path


def test_the_page_has_every_row() -> None:
    for row in MATRIX:
        assert outages._line(row).rstrip("| ") in PAGE, row.fault


class Stage:
    """A stage in which a fault rings some polls after it was caused."""

    def __init__(self, *, alarms: set[str], message: str, deaf: bool = False) -> None:
        self.alarms, self.message, self.deaf = alarms, message, deaf
        self.broken = False
        self.heard: list[str] = []

    def cause(self, _: Any) -> AbstractContextManager[None]:
        self.broken = True
        return nullcontext()

    def listen(self) -> list[str]:
        if self.broken and not self.deaf and not self.heard:
            self.heard.append(self.message)
        return self.heard

    def alarming(self, _: Any) -> set[str]:
        return self.alarms if self.broken else set()


def caused(monkeypatch: pytest.MonkeyPatch, stage: Stage, row: Row) -> RowResult:
    now = iter(range(10_000))
    monkeypatch.setattr(outages.time, "monotonic", lambda: float(next(now)))
    monkeypatch.setattr(outages.time, "sleep", lambda _: None)
    monkeypatch.setattr(outages, "alarming", stage.alarming)
    broken: Any = SimpleNamespace(deployment=None)
    ear: Any = stage
    return outages._caused(row, stage.cause, broken, ear, pace=1, ask=lambda _: 503)


ROW = Row("x", "503", FELT, ("probe-failed",))


def test_a_row_passes_where_message_and_alarms_come_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(alarms={"probe-failed"}, message=f"ALARM: {FELT}")
    result = caused(monkeypatch, stage, ROW)
    assert result.passed
    assert (result.seen, result.missing) == ("503", ())


@pytest.mark.parametrize(
    "stage",
    [
        Stage(alarms={"probe-failed"}, message=f"ALARM: {FELT}", deaf=True),
        Stage(alarms={"probe-failed"}, message=f"OK: {FELT}"),
        Stage(alarms={"probe-failed"}, message="ALARM: another"),
        Stage(alarms={"api-errors"}, message=f"ALARM: {FELT}"),
    ],
)
def test_a_row_fails_where_nobody_hears_or_another_alarm_rings(
    monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    assert not caused(monkeypatch, stage, ROW).passed


def test_while_one_row_becomes_quiet_another_with_other_alarms_comes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loud, order = {FELT: 0}, []
    monkeypatch.setattr(outages.time, "sleep", lambda _: loud.update({FELT: loud[FELT] - 1}))
    monkeypatch.setattr(outages, "alarming", lambda _: {FELT} if loud[FELT] > 0 else set())
    monkeypatch.setattr(outages, "_ear", lambda _: nullcontext())
    monkeypatch.setattr(outages, "Broken", lambda _: None)

    def caused(row: Row, *_: Any) -> RowResult:
        order.append(row.fault)
        if row.told == FELT:
            loud[FELT] = 3
        return RowResult(row, is_proven=True)

    monkeypatch.setattr(outages, "_caused", caused)
    rows = [
        Row(name, "", told, cause=lambda _: nullcontext())
        for name, told in (("a", FELT), ("b", FELT), ("c", "idle"))
    ]
    deployed: Any = SimpleNamespace(place=SimpleNamespace(is_local=True))
    found = [r.row.fault for r in outages.outages(deployed, minute_seconds=60, rows=rows)]
    assert found == order == ["a", "c", "b"]
    assert loud[FELT] == 0


def test_a_message_that_comes_late_is_no_pass() -> None:
    assert RowResult(ROW, True, 180.0).passed
    assert not RowResult(ROW, True, 181.0).passed
    assert not RowResult(ROW, True, None).passed


def test_what_is_not_proven_here_has_no_tick() -> None:
    table = outages.describe([RowResult(ROW, False), RowResult(ROW, True, 9.0)])
    first, second = table.splitlines()[2:]
    assert "✓" not in first
    assert second.endswith("| 9 s | ✓ |")


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (RowResult(ROW, True, 9.0), "✓ x: customers-feel-it after 9 s of AWS time"),
        (RowResult(ROW, True), "✗ x: no message that names customers-feel-it"),
        (
            RowResult(ROW, True, 9.0, missing=("probe-failed",)),
            "✗ x: customers-feel-it after 9 s of AWS time; silent: probe-failed",
        ),
        (RowResult(Row("y", "", "idle", proof="a test"), False), "- y: a test"),
    ],
)
def test_each_row_is_told_in_a_line(result: RowResult, line: str) -> None:
    assert outages.told(result) == line
