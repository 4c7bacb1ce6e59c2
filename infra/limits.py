"""What a value of a stage may be, so that no deploy finds out what a synth could have said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Limit(Protocol):
    """A rule that a value keeps or breaks."""

    def fault(self, value: object) -> str:
        """Why it may not be so, with what is allowed; empty where it may."""


@dataclass(frozen=True)
class Range:
    """A whole number between two, both included."""

    least: int
    most: int

    def fault(self, value: object) -> str:
        """Why it may not be so; empty where it may."""
        if isinstance(value, int) and self.least <= value <= self.most:
            return ""
        return f"{value} is not from {self.least:,} to {self.most:,}"


@dataclass(frozen=True)
class OneOf:
    """One of a few."""

    allowed: Sequence[object]

    def fault(self, value: object) -> str:
        """Why it may not be so; empty where it may."""
        if value in self.allowed:
            return ""
        return f"{value!r} is none of {', '.join(map(str, self.allowed))}"


@dataclass(frozen=True)
class InstanceType:
    """One of very many, `ml.<family>.<size>`; use: what it is for."""

    allowed: Sequence[str]
    use: str

    def fault(self, value: object) -> str:
        """Why it may not be so, with the sizes of its family, else the families."""
        if value in self.allowed:
            return ""
        family = str(value).rpartition(".")[0]
        sizes = [name for name in self.allowed if name.startswith(f"{family}.")]
        families = sorted({name.rpartition(".")[0] for name in self.allowed})
        known = f"sizes are {', '.join(sizes)}" if sizes else f"families are {', '.join(families)}"
        return f"{value!r} is no x86 CPU instance type of SageMaker's for {self.use}: {known}"


@dataclass(frozen=True)
class Form:
    """A text that a pattern fits as a whole; meaning: what it must be."""

    pattern: str
    meaning: str

    def fault(self, value: object) -> str:
        """Why it may not be so; empty where it may."""
        return "" if re.fullmatch(self.pattern, str(value)) else f"{value!r} is not {self.meaning}"


@dataclass(frozen=True)
class Each:
    """Every item of a list keeps a rule."""

    limit: Limit

    def fault(self, value: object) -> str:
        """The first fault; empty where there is none."""
        items = value if isinstance(value, list) else [value]
        return next(filter(None, map(self.limit.fault, items)), "")


SCHEDULE = (
    r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)"
    r"|cron\(\S+( \S+){5}\)"
)
EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s.]+"
