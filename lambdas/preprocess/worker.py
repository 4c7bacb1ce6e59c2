"""The step between: one shard to Parquet, what is rejected beside it, and the result last."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import IO, Any

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.ports import objects
from lambdas.ports.failures import AWS_ERRORS, reason
from lambdas.preprocess.results import (
    RefinedWith,
    ShardResult,
    WrittenShard,
    options_of,
    read_result,
)
from lambdas.preprocess.shards import PROCESSING, REMEDY, Shard
from lambdas.preprocess.source import parquet_key, rejected_key, result_key
from lambdas.settings import PreprocessSettings
from reviews import parquet
from reviews.counts import Counts
from reviews.errors import ReviewStarsError, UnreadableSourceError
from reviews.record import Rejected
from reviews.refine import Options, Refined, Refiner

settings = PreprocessSettings.from_env()
logger = Logger(service="preprocess")
DISK_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
options = options_of(settings)
refined_with = RefinedWith.of_options(options, settings.code_version)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Refine one line of shards.jsonl; what was done before, with the same code, stays as it is.

    Whatever it raises, it leaves the reason as the result, for finish to name it.
    Raises UnreadableSourceError where trying again cannot help.
    """
    shard = Shard.of_event(event)
    try:
        result = _known(shard) or _refine(shard)
    except Exception as error:
        _leave_reason(shard, error)
        raise
    counts = {"read": result.counts["read"], "kept": result.counts["kept"]}
    logger.info("refined", extra={"source_id": shard.source_id, "shard": shard.shard, **counts})
    return {"shard": shard.shard, **counts}


def _known(shard: Shard) -> ShardResult | None:
    """The result of an earlier run: a repeated event makes nothing new, not even versions."""
    try:
        body = objects.read(settings.curated_bucket, result_key(shard.source_id, shard.shard))
    except (FileNotFoundError, PermissionError):  # S3 tells who may not list no more than that
        return None
    result = read_result(body)
    is_valid = (
        result
        and result.shard == shard
        and result.refined_with == refined_with
        and not result.failure
    )
    return result if is_valid else None


def _refine(shard: Shard) -> ShardResult:
    id, number = shard.source_id, shard.shard
    with _file() as rows_file, _file() as rejected_file:
        try:
            counts, (begin, end) = refine(shard, options, rows_file, rejected_file)
        except UnreadableSourceError as error:
            raise UnreadableSourceError(f"{error}; {REMEDY}") from None
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            message = "its rows and rejected lines do not fit the function's disk"
            raise UnreadableSourceError(f"{message}: {PROCESSING}") from None
        counts.check()
        rows = _put(rows_file, parquet_key(id, number), counts.kept)
        rejected = _put(rejected_file, rejected_key(id, number), counts.rejected.total())
    result = ShardResult(shard, refined_with, begin, end, counts.to_dict(), rows, rejected)
    _leave(result)
    return result


def _leave_reason(shard: Shard, error: Exception) -> None:
    """Leave why a shard has no rows, where that can be written at all."""
    is_final = isinstance(error, UnreadableSourceError)
    with suppress(*AWS_ERRORS):
        _leave(ShardResult(shard, refined_with, failure=_reason(error), is_final=is_final))


def _reason(error: Exception) -> str:
    """One sentence; of an error that is a bug only its kind and place: it may hold a review."""
    if isinstance(error, AWS_ERRORS):
        return reason(error)
    if isinstance(error, OSError) and error.errno:
        return f"the function's disk or network: {os.strerror(error.errno)}"
    if isinstance(error, ReviewStarsError | OSError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    file = place.filename.rpartition("/")[2]
    return f"a bug: {type(error).__name__} at {file}:{place.lineno}"


def refine(
    shard: Shard, options: Options, rows: IO[bytes], rejected: IO[bytes]
) -> tuple[Counts, tuple[int, int]]:
    """Write a shard's rows (Parquet) and what is rejected of it (JSON lines) to two files.

    Returns the counts, and where its lines begin and end in the source after decompression.
    """
    with ExitStack() as stack:

        def reject(line: Rejected) -> None:
            whole = replace(
                line, offset=line.offset + shard.offset, number=line.number + shard.line
            )
            rejected.write(whole.to_json())

        refined = _refined(shard, Refiner(options, reject), stack)
        parquet.write(refined, rows)
        rows.flush()
        rejected.flush()
        begin, end = refined.span
        return refined.counts, (begin + shard.offset, end + shard.offset)


@contextmanager
def _file() -> Iterator[IO[bytes]]:
    """A file without a name: Lambda keeps /tmp when it ends a function that took too much time or
    memory, and what such a one left behind would fill it."""
    file = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        yield file
    finally:
        with suppress(OSError):  # that it is full was raised when it was flushed
            file.close()


def _refined(shard: Shard, refiner: Refiner, stack: ExitStack) -> Refined:
    def read_from(start: int) -> objects.ObjectStream:
        body = objects.stream(shard.bucket, shard.key, shard.version, start)
        stack.callback(body.close)
        return body

    if shard.start is None or shard.end is None:
        return refiner.stream(read_from(0))
    return refiner.range(read_from, shard.start, shard.end)


def _put(file: IO[bytes], key: str, rows: int) -> WrittenShard | None:
    """Upload a file that has rows, whole."""
    if rows == 0:
        return None
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return WrittenShard(key, objects.put_whole(settings.curated_bucket, key, file), digest, rows)


def _leave(result: ShardResult) -> None:
    key = result_key(result.shard.source_id, result.shard.shard)
    objects.put_bytes(settings.curated_bucket, key, msgspec.json.encode(result))
