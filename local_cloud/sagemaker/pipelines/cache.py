"""Step caching: whether an earlier result of a step with the same arguments still counts. Pure."""

import hashlib
import json
import re
from typing import Any

_DURATION = re.compile(
    r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_SECONDS = {
    "years": 365 * 86400,
    "months": 30 * 86400,
    "weeks": 7 * 86400,
    "days": 86400,
    "hours": 3600,
    "minutes": 60,
    "seconds": 1,
}


def duration_seconds(text: str) -> float:
    """Seconds of an ISO 8601 duration such as `P30D` or `PT1H`; the service also takes `30d`."""
    short = re.fullmatch(r"(\d+)\s*([smhdwSMHDW])", text)
    if short:
        unit = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[short[2].lower()]
        return float(int(short[1]) * unit)
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groupdict().values()):
        raise ValueError(f"{text!r} is not an ISO 8601 duration")
    return float(sum(_SECONDS[unit] * int(n) for unit, n in match.groupdict().items() if n))


def fingerprint(step_type: str, arguments: dict[str, Any]) -> str:
    """Hash of a step's resolved arguments: equal arguments, equal hash."""
    text = json.dumps([step_type, arguments], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_fresh(config: dict[str, Any], *, finished: float, now: float) -> bool:
    """Whether a result of time `finished` may be reused; without `ExpireAfter` it never expires."""
    if not config.get("Enabled"):
        return False
    limit = config.get("ExpireAfter")
    return limit is None or now - finished <= duration_seconds(limit)
