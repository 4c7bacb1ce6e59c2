"""Which published versions nothing can still be running."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lambdas.ports.functions import Version
from operate.versions import unused

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def published(*hours_ago: float) -> list[Version]:
    """Versions 1, 2, 3 ... in their order."""
    return [
        Version(number, NOW - timedelta(hours=hours))
        for number, hours in enumerate(hours_ago, start=1)
    ]


def test_what_was_replaced_and_runs_nowhere_goes() -> None:
    found = unused(list(reversed(published(90, 60, 30, 2))), NOW)
    assert [version.number for version in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("began", "gone"), [(1, [1, 2, 3]), (20, [1, 2]), (59.5, []), (40, [1]), (95, [])]
)
def test_what_an_execution_began_with_stays(began: float, gone: list[int]) -> None:
    since = NOW - timedelta(hours=began)
    found = unused(published(90, 60, 30, 2.5), since)
    assert [version.number for version in found] == gone


def test_the_newest_always_stays() -> None:
    assert unused(published(9000), NOW) == []
    assert unused([], NOW) == []


def test_a_version_that_machines_may_not_yet_have_left_stays() -> None:
    assert unused(published(9000, 0.5), NOW) == []
