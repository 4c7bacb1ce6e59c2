"""What workers leave, and whether it adds up. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from typing import Any

import msgspec

from lambdas.contract.keys import REJECTED
from lambdas.preprocess.shards import Shard
from lambdas.preprocess.source import RawSource, result_key
from lambdas.settings import PreprocessSettings
from reviews.clean import TEXT_RULES
from reviews.counts import Counts
from reviews.errors import CountMismatchError, PartialFailureError, UnreadableSourceError
from reviews.refine import Options

REMEDY = ". Nothing was listed; put the object again, and if it happens again, see the workers' log"
# A worker that raises leaves its reason.
NO_RESULT = "no result: it was ended for its time or memory, or may not write; see the worker's log"
MAX_NAMED = 20  # shards in one sentence


def options_of(settings: PreprocessSettings) -> Options:
    """How the stage wants its reviews refined. Raises ConfigurationError for an unknown name."""
    keep_columns = tuple(filter(None, settings.keep_columns.split(",")))
    return Options(keep_columns=keep_columns, detector=settings.detector)


class WrittenShard(msgspec.Struct, frozen=True):
    """An object of the curated bucket; rows: or lines."""

    key: str
    version_id: str
    sha256: str
    rows: int


class RefinedWith(msgspec.Struct, frozen=True):
    """With what a shard was refined: results of other rules or other code are no results."""

    text_rules: str
    detector: str
    configuration_digest: str
    code_version: str

    @classmethod
    def of_options(cls, options: Options, code_version: str) -> RefinedWith:
        """From everything that changes rows."""
        encoded = msgspec.json.encode([sorted(options.keep_columns), options.detector])
        return cls(TEXT_RULES, options.detector, hashlib.sha256(encoded).hexdigest(), code_version)


class ShardResult(msgspec.Struct, frozen=True):
    """What became of a shard.

    begin, end: the bytes of its lines, in the source after decompression; what one shard ends with
    the next one begins with. failure: why there are no rows, else empty. is_final: trying again
    cannot help.
    """

    shard: Shard
    refined_with: RefinedWith
    begin: int = 0
    end: int = 0
    counts: dict[str, Any] = {}
    parquet: WrittenShard | None = None
    rejected: WrittenShard | None = None
    failure: str = ""
    is_final: bool = False


# Made once, at import: msgspec crashes where two threads meet a type for the first time together.
_RESULT = msgspec.json.Decoder(ShardResult)


def read_result(body: bytes) -> ShardResult | None:
    """A result as it was left; None: by code that knew other fields."""
    try:
        return _RESULT.decode(body)
    except msgspec.DecodeError:
        return None


class RefinedSource(msgspec.Struct, frozen=True):
    """A whole source, refined."""

    counts: dict[str, Any]
    parquet: list[WrittenShard]
    rejected: list[WrittenShard]


def add_up(
    source: RawSource,
    shards: Sequence[Shard],
    results: Mapping[int, ShardResult],
    refined_with: RefinedWith,
    stored: Container[str],
    size_bytes: int,
) -> RefinedSource:
    """All shards of a source as one.

    results: by number of the shard, those that were found. stored: keys that are there.
    size_bytes: of the raw object.
    Raises PartialFailureError that names every shard without a valid result and why,
    CountMismatchError where bytes, lines or rows went missing and nothing else is wrong,
    UnreadableSourceError where there is nothing to keep.
    """
    _check_all_there(source, shards, results, refined_with, stored)
    if why := _gap(shards, results, size_bytes):
        raise CountMismatchError(f"{source.uri}: {why}")
    counts = Counts()
    for shard in shards:
        counts += Counts.from_dict(results[shard.shard].counts)
    counts.check()
    if fault := counts.fault():
        raise UnreadableSourceError(
            f"{source.uri}: {fault}. What was rejected stands under {REJECTED}{source.id}/ in the "
            "curated bucket"
        )
    ordered = [results[shard.shard] for shard in shards]
    return RefinedSource(
        counts.to_dict(),
        [result.parquet for result in ordered if result.parquet],
        [result.rejected for result in ordered if result.rejected],
    )


def _check_all_there(
    source: RawSource,
    shards: Sequence[Shard],
    results: Mapping[int, ShardResult],
    refined_with: RefinedWith,
    stored: Container[str],
) -> None:
    failed: dict[int, str] = {}
    miscounted: dict[int, str] = {}
    for shard in shards:
        result = results.get(shard.shard)
        if why := _why_invalid(shard, result, refined_with, stored):
            failed[shard.shard] = why
        elif result and (why := _miscounted(result)):
            miscounted[shard.shard] = why
    if not failed and not miscounted:
        return
    only = results.get(shards[0].shard) if len(shards) == 1 else None
    if only and only.is_final and only.failure in failed.values():
        raise UnreadableSourceError(f"{source.uri}: {only.failure}")
    both = dict(sorted({**failed, **miscounted}.items()))
    named = "; ".join(f"{n}: {why}" for n, why in list(both.items())[:MAX_NAMED])
    more = f"; and {len(both) - MAX_NAMED} more" if len(both) > MAX_NAMED else ""
    message = f"{source.uri}: {len(both)} of {len(shards)} shards failed ({named}{more})"
    raise (
        PartialFailureError(message, shards=tuple(both)) if failed else CountMismatchError(message)
    )


def _why_invalid(
    shard: Shard,
    result: ShardResult | None,
    refined_with: RefinedWith,
    stored: Container[str],
) -> str:
    if result is None:
        return NO_RESULT
    if result.refined_with != refined_with:
        return "its result is of other code or another configuration"
    if result.shard != shard:
        return "its result is of another part of the file"
    if result.failure:
        return result.failure
    gone = [w.key for w in (result.parquet, result.rejected) if w and w.key not in stored]
    if gone:
        own = result_key(shard.source_id, shard.shard)
        are = "is" if len(gone) == 1 else "are"
        return f"{' and '.join(gone)} {are} not there any more: delete {own}, then start again"
    return ""


def _gap(shards: Sequence[Shard], results: Mapping[int, ShardResult], size_bytes: int) -> str:
    """Where the bytes of the shards' lines leave one out or hold one twice; empty: nowhere."""
    expected = 0
    for shard in shards:
        result = results[shard.shard]
        if result.begin != expected:
            return _lost(f"shard {shard.shard}", result.begin, expected)
        expected = result.end
        if shard.size is not None and expected != shard.offset + shard.size:
            return _lost(f"what follows shard {shard.shard}", shard.offset + shard.size, expected)
    if shards[-1].compression == "none" and expected != size_bytes:
        return f"its lines end at byte {expected:,}, and it has {size_bytes:,} bytes{REMEDY}"
    return ""


def _lost(what: str, begin: int, expected: int) -> str:
    how = "left out" if begin > expected else "read twice"
    return (
        f"{what} begins at byte {begin:,}, and what stands before it ended at byte "
        f"{expected:,}: lines were {how}{REMEDY}"
    )


def _miscounted(result: ShardResult) -> str:
    counts = Counts.from_dict(result.counts)
    try:
        counts.check()
    except CountMismatchError as error:
        return str(error)
    rows = result.parquet.rows if result.parquet else 0
    return f"{counts.kept:,} rows were kept and {rows:,} written" if rows != counts.kept else ""
