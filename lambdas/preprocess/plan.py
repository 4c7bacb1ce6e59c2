"""First step: what the raw object is, and which worker takes what of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.ports import objects
from lambdas.preprocess import shards
from lambdas.preprocess.gzip_split import parts
from lambdas.preprocess.shards import Shard
from lambdas.preprocess.source import RawSource
from lambdas.settings import PreprocessSettings
from reviews.errors import UnreadableSourceError
from reviews.file_kind import HEAD_BYTES
from reviews.source import plain_pieces

settings = PreprocessSettings.from_env()
logger = Logger(service="preprocess")
RESERVE_MILLISECONDS = 1000 * (900 - shards.CUT_SECONDS)  # of the function's 15 minutes


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write shards.jsonl for `bucket` and `key`; `version`, `sequencer` where an event knows them.

    Raises UnreadableSourceError where trying again cannot help.
    """
    stored = _head(event["bucket"], event["key"], event.get("version") or None)
    source = RawSource(event["bucket"], event["key"], stored.version)
    found = _share_out(source, stored.size, context.get_remaining_time_in_millis)
    objects.put_bytes(settings.curated_bucket, source.shards_key, shards.to_lines(found))
    logger.info("planned", extra={"source_id": source.id, "shards": len(found)})
    return {
        "source_id": source.id,
        "bucket": source.bucket,
        "key": source.key,
        "version": source.version,
        "size": stored.size,
        "etag": stored.etag,
        "event_time": stored.modified.isoformat(),
        "sequencer": event.get("sequencer", ""),
        "curated_bucket": settings.curated_bucket,
        "shards_key": source.shards_key,
        "shard_count": len(found),
    }


def _head(bucket: str, key: str, version: str | None) -> objects.Stored:
    try:
        stored = objects.head(bucket, key, version)
    except FileNotFoundError as missing:
        raise UnreadableSourceError(f"{missing} is not there any more") from None
    if stored.size == 0:
        raise UnreadableSourceError(f"s3://{bucket}/{key} is empty: it holds no review")
    return stored


def _share_out(source: RawSource, size: int, remaining: Callable[[], int]) -> list[Shard]:
    """The shards of an object; a large .gz is cut up on the way."""
    head = objects.read_first(source.bucket, source.key, HEAD_BYTES, source.version)
    most = settings.max_shard_bytes
    if not shards.is_gzip(head, source.uri, is_whole=size <= HEAD_BYTES):
        if size <= most:
            return shards.of_whole(source, gzip=False)
        return shards.of_ranges(source, size, most)
    if not shards.must_be_cut(size, most):
        return shards.of_whole(source, gzip=True)
    shards.check_can_be_cut(source.uri, size)
    return _cut_up(source, size, remaining)


def _cut_up(source: RawSource, size: int, remaining: Callable[[], int]) -> list[Shard]:
    bucket = settings.curated_bucket
    body = objects.stream(source.bucket, source.key, source.version)
    found: list[Shard] = []
    try:
        pieces = shards.or_say_what_to_do(plain_pieces(body))
        for part in parts(pieces, settings.max_shard_bytes):
            shard = shards.of_part(
                source, bucket, len(found), offset=part.offset, line=part.line, size=part.size
            )
            objects.put_whole(bucket, shard.key, part.file)
            found.append(shard)
            if remaining() < RESERVE_MILLISECONDS:
                raise UnreadableSourceError(shards.too_large(source.uri, size))
    except UnreadableSourceError as error:
        if source.uri in str(error):
            raise
        raise UnreadableSourceError(f"{source.uri}: {error}") from None
    finally:
        body.close()
    if not found:
        raise UnreadableSourceError(f"{source.uri} holds no line")
    return found
