"""What workers leave, and whether it adds up. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lambdas.preprocess.shards import Shard
from lambdas.preprocess.source import Source
from lambdas.settings import PreprocessSettings
from reviews.clean import TEXT_RULES
from reviews.counts import Counts
from reviews.errors import CountMismatchError, PartialFailureError, UnreadableSourceError
from reviews.refine import Options

MOST_NAMED = 20  # shards in one sentence


def options_of(settings: PreprocessSettings) -> Options:
    """How the stage wants its reviews refined. Raises ConfigurationError for an unknown name."""
    keep_columns = tuple(filter(None, settings.keep_columns.split(",")))
    return Options(keep_columns=keep_columns, detector=settings.detector)


class Written(msgspec.Struct, frozen=True):
    """An object of the curated bucket; rows: or lines."""

    key: str
    version_id: str
    sha256: str
    rows: int


class Made(msgspec.Struct, frozen=True):
    """With what a shard was refined: results of other rules or other code are no results."""

    text_rules: str
    detector: str
    configuration_digest: str
    code_version: str

    @classmethod
    def of_options(cls, options: Options, code_version: str) -> Made:
        """From everything that changes rows."""
        words = msgspec.json.encode([sorted(options.keep_columns), options.detector])
        return cls(TEXT_RULES, options.detector, hashlib.sha256(words).hexdigest(), code_version)


class Result(msgspec.Struct, frozen=True):
    """What became of a shard; failure: why trying again cannot help, else empty."""

    shard: Shard
    made: Made
    counts: dict[str, Any] = {}
    parquet: Written | None = None
    rejected: Written | None = None
    failure: str = ""


class Refined(msgspec.Struct, frozen=True):
    """A whole source, refined."""

    counts: dict[str, Any]
    parquet: list[Written]
    rejected: list[Written]


def add_up(
    source: Source, shards: Sequence[Shard], results: Mapping[int, Result], made: Made
) -> Refined:
    """All shards of a source as one.

    results: by number of the shard, those that were found.
    Raises PartialFailureError that names every shard without a valid result,
    UnreadableSourceError where there is nothing to keep, CountMismatchError where lines or rows
    went missing.
    """
    _check_all_there(source, shards, results, made)
    counts = Counts()
    for shard in shards:
        counts += _checked(source, results[shard.shard])
    counts.check()
    if counts.read == 0:
        raise UnreadableSourceError(f"{source.uri} holds no line but blank ones")
    if counts.kept == 0:
        raise UnreadableSourceError(
            f"{source.uri}: none of {counts.read:,} lines is a review ({_reasons(counts)}); they "
            f"stand under rejected/{source.id}/ in the curated bucket. A line is a JSON object "
            "with `rating` and `text`"
        )
    ordered = [results[shard.shard] for shard in shards]
    return Refined(
        counts.to_dict(),
        [result.parquet for result in ordered if result.parquet],
        [result.rejected for result in ordered if result.rejected],
    )


def _check_all_there(
    source: Source, shards: Sequence[Shard], results: Mapping[int, Result], made: Made
) -> None:
    failed: dict[int, str] = {}
    for shard in shards:
        result = results.get(shard.shard)
        if result is None or result.made != made or result.shard != shard:
            failed[shard.shard] = "no result"
        elif result.failure:
            failed[shard.shard] = result.failure
    if not failed:
        return
    if len(shards) == 1 and failed[shards[0].shard] != "no result":
        raise UnreadableSourceError(f"{source.uri}: {failed[shards[0].shard]}")
    named = "; ".join(f"{n}: {why}" for n, why in list(failed.items())[:MOST_NAMED])
    more = f"; and {len(failed) - MOST_NAMED} more" if len(failed) > MOST_NAMED else ""
    raise PartialFailureError(
        f"{source.uri}: {len(failed)} of {len(shards)} shards failed ({named}{more})",
        shards=tuple(failed),
    )


def _checked(source: Source, result: Result) -> Counts:
    counts = Counts.from_dict(result.counts)
    counts.check()
    rows = result.parquet.rows if result.parquet else 0
    if rows != counts.kept:
        raise CountMismatchError(
            f"{source.uri}, shard {result.shard.shard}: {counts.kept:,} rows were kept and "
            f"{rows:,} written"
        )
    return counts


def _reasons(counts: Counts) -> str:
    found = [f"{reason} {rows:,}" for reason, rows in counts.rejected.most_common()]
    return ", ".join([*found, *([f"duplicates {counts.duplicates:,}"] * bool(counts.duplicates))])
