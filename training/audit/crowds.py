"""Reviews that come in crowds: of one user, of one user in a day, of one product in a day."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from training.audit.finding import Finding
from training.audit.fingerprints import NO_DAY, Fingerprints
from training.features.tokens import HashArray

USER_ROWS = 1000  # reviews of one user: as many as some write for a living
USER_DAY_ROWS = 20  # … in one day
PRODUCT_DAY_ROWS = 30  # reviews of one product in one day, and at least
PRODUCT_DAY_SHARE = 0.3  # … this share of all that it has
KEEP = "not among the columns: refine with --keep {}, or name the raw files with --raw"


def find_crowds(rows: Fingerprints, columns: Collection[str]) -> dict[str, Finding]:
    """The three kinds of crowds; what needs a column that is not there says so."""
    return {
        "busy_users": _busy_users(rows, columns),
        "user_bursts": _user_bursts(rows, columns),
        "product_bursts": _product_bursts(rows, columns),
    }


def _busy_users(rows: Fingerprints, columns: Collection[str]) -> Finding:
    asks = f"users with {USER_ROWS:,} reviews or more"
    if missing := _missing(columns, "user_id"):
        return Finding(asks, not_looked_for=missing)
    return _crowds(asks, rows.take(rows.user != 0), USER_ROWS, "user")


def _user_bursts(rows: Fingerprints, columns: Collection[str]) -> Finding:
    asks = f"{USER_DAY_ROWS} reviews or more of one user in one day"
    if missing := _missing(columns, "user_id", "timestamp"):
        return Finding(asks, not_looked_for=missing)
    rows = rows.take((rows.user != 0) & (rows.day != NO_DAY))
    return _crowds(asks, rows, USER_DAY_ROWS, "user", by_day=True)


def _product_bursts(rows: Fingerprints, columns: Collection[str]) -> Finding:
    asks = (
        f"{PRODUCT_DAY_ROWS} reviews or more of one product in one day, and "
        f"{PRODUCT_DAY_SHARE:.0%} or more of all that it has"
    )
    if missing := _missing(columns, "asin", "timestamp"):
        return Finding(asks, not_looked_for=missing)
    rows = rows.take((rows.product != 0) & (rows.day != NO_DAY))
    _, product, total = np.unique(rows.product, return_inverse=True, return_counts=True)
    most = total[product]  # (n,) reviews of a row's product
    least = np.maximum(PRODUCT_DAY_ROWS, most * PRODUCT_DAY_SHARE)
    return _crowds(asks, rows, least, "product", by_day=True)


def _missing(columns: Collection[str], *needed: str) -> str:
    names = " ".join(name for name in needed if name not in columns)
    return f"{names.replace(' ', ' and ')} {KEEP.format(names)}" if names else ""


def _crowds(
    asks: str,
    rows: Fingerprints,
    least: float | NDArray[np.float64],
    by: str,
    by_day: bool = False,
) -> Finding:
    """Rows that stand together in crowds of at least so many; the value is the crowd's size."""
    identity: HashArray = getattr(rows, by)
    if by_day:
        identity = (identity ^ rows.day.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    _, group, size = np.unique(identity, return_inverse=True, return_counts=True)
    chosen = np.flatnonzero(size[group] >= least)
    order = chosen[np.argsort(group[chosen], kind="stable")]
    _, number = np.unique(group[order], return_inverse=True)
    return Finding(
        asks, rows.review_key[order], rows.rating[order], number, size[group[order]].astype(float)
    )
