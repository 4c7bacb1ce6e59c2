"""The scene of outages: every way to stop answering, caused, and heard by a subscriber."""

from __future__ import annotations

from operate.outages import outages, told
from rehearsal.asking import as_client, ask
from rehearsal.theatre import MINUTE_SECONDS, Theatre, require


def matrix(theatre: Theatre) -> str:
    """Cause each row of the matrix; those that cannot be caused here are named, and no tick."""
    api = as_client(theatre)
    rows = outages(
        theatre.deployment,
        minute_seconds=MINUTE_SECONDS,
        rows=theatre.rows,
        ask=lambda _deployment: ask(api)[0],
    )
    for result in rows:
        theatre.matrix.append(result)
        theatre.log(told(result))
    theatre.matrix.sort(key=lambda result: theatre.rows.index(result.row))
    caused = [result for result in theatre.matrix if result.is_proven]
    silent = [result.row.fault for result in caused if not result.passed]
    require(not silent, f"{len(silent)} of {len(caused)} did not ring as they must: {silent}")
    slowest = max(caused, key=lambda result: result.seconds or 0)
    return (
        f"{len(caused)} of {len(caused)} rang, the slowest after {slowest.seconds:.0f} s of AWS "
        f"time ({slowest.row.fault}); {len(theatre.matrix) - len(caused)} cannot be caused here"
    )
