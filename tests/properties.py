"""How many examples a property is tried with: all by `make test`, a quarter by a quick run."""

from __future__ import annotations

QUICK_SHARE = 0.25
share = 1.0  # QUICK_SHARE where slow tests are left out (tests/conftest.py)


def examples(full: int) -> int:
    """Examples of this run, of so many in a full one."""
    return max(1, round(full * share))
