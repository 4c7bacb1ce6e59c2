"""How an alert reads in one line."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from operate.inbox import Alert
from operate.progress import RunProgress


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Refused: accuracy is low.\nSee there.", "no model: Refused: accuracy is low."),
        ('{"AlarmName": "one"}', "no model"),  # of an alarm: for machines
        ("no model", "no model"),
        ("", "no model"),
    ],
)
def test_an_alert_says_its_reason_in_one_line(message: str, line: str) -> None:
    assert Alert("2026-11-24T00:00:00Z", "no model", message).line == line


def test_words_in_brackets_are_printed_and_not_taken_for_markup() -> None:
    said = io.StringIO()
    RunProgress(Console(file=said, width=80)).log("alert: see [red]this[/] page")
    assert "see [red]this[/] page" in said.getvalue()
