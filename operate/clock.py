"""Times as `operate` prints them: always UTC, always with its name."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(when: datetime) -> str:
    """A date and a time of day, to the second."""
    return f"{when.astimezone(UTC):%F %T} UTC"


def time_of_day(when: datetime) -> str:
    """A time of today."""
    return f"{when.astimezone(UTC):%T} UTC"


def parse(text: str) -> datetime | None:
    """A time in ISO 8601 as AWS writes it; None where it is none. Without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
