"""Whether a model is good enough for everybody: the gate's conditions on slices.

Each slice is one more test, and pairs multiply them. Slices by one thing are held against the
limits of `configs/model.yaml` as they stand there; all pairs together may refuse a sound model no
more often than one such slice (Bonferroni), so each of them has a wider limit.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist

import msgspec

from training.evaluation.evaluation import Condition, PairedGain, Slice
from training.evaluation.slices import is_pair, large_enough

Slices = Mapping[str, Mapping[str, Slice]]


class SliceLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a slice may fall behind, in standard errors of the paired difference.

    min_rows: of slices that are judged at all. majority_errors: behind always answering the
    slice's commonest star. champion_errors: behind the model in service.
    """

    min_rows: int
    majority_errors: float
    champion_errors: float


def conditions(found: Slices, limits: SliceLimits) -> list[Condition]:
    """What slices ask: every slice that falls behind, or one condition that says that none does."""
    judged = list(large_enough(found, limits.min_rows))
    asked: list[Condition] = []
    for pairs in (False, True):
        family = [entry for entry in judged if is_pair(entry[0]) == pairs]
        for other, errors in (
            ("majority", limits.majority_errors),
            ("champion", limits.champion_errors),
        ):
            limit = corrected(errors, len(family)) if pairs and family else errors
            asked += _judge(list(_gains(family, other)), other, limit, pairs)
    return asked


def corrected(errors: float, tests: int) -> float:
    """The limit of each of so many tests that together refuse as often as one at `errors`."""
    normal = NormalDist()
    return -normal.inv_cdf(normal.cdf(-errors) / tests)


def _gains(
    family: Sequence[tuple[str, str, Slice]], other: str
) -> Iterator[tuple[str, Slice, PairedGain]]:
    for grouping, value, one in family:
        found = one.over_majority if other == "majority" else one.over_champion
        if found is not None:
            yield f"{grouping} {value}", one, found


def _judge(
    gains: Sequence[tuple[str, Slice, PairedGain]], other: str, limit: float, pairs: bool
) -> list[Condition]:
    if not gains:
        return []
    ranked = sorted(gains, key=lambda entry: entry[2].gain / entry[2].standard_error)
    failed = [
        Condition(
            f"{name} over {other}",
            found.gain / found.standard_error,
            -limit,
            False,
            _describe(name, one, found, other),
        )
        for name, one, found in ranked
        if found.gain / found.standard_error < -limit
    ]
    _, _, worst = ranked[0]
    name = f"{'pairs of slices' if pairs else 'slices'} over {other}"
    return failed or [Condition(name, worst.gain / worst.standard_error, -limit, True, "")]


def _describe(name: str, one: Slice, found: PairedGain, other: str) -> str:
    theirs = "its majority" if other == "majority" else "the champion's"
    errors = -found.gain / found.standard_error
    return (
        f"{name} ({one.rows} rows): accuracy {one.accuracy:.4f} is worse than {theirs} "
        f"{one.accuracy - found.gain:.4f} by {errors:.1f} standard errors"
    )
