"""A raw object and everything that is made of it: every key is a function of key and version."""

from __future__ import annotations

import re

import msgspec

from lambdas.contract.keys import REJECTED, REVIEWS, WORK, source_hash, source_records

NO_VERSION = "null"  # what S3 calls the version of an object in a bucket without versions


class RawSource(msgspec.Struct, frozen=True):
    """One version of one raw object."""

    bucket: str
    key: str
    version: str = NO_VERSION

    @property
    def uri(self) -> str:
        """Its address, for people."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def key_hash(self) -> str:
        """16 hex digits that stand for its key, whatever its version."""
        return source_hash(self.key)

    @property
    def id(self) -> str:
        """What its folders are called; the same for every event that names it."""
        return f"{self.key_hash}-{self._plain_version}"

    @property
    def record_key(self) -> str:
        """Where it stands, once refined, for every later dataset."""
        return f"{source_records(self.key)}{self._plain_version}.json"

    @property
    def shards_key(self) -> str:
        """The lines that its workers are started with."""
        return f"{WORK}{self.id}/shards.jsonl"

    @property
    def _plain_version(self) -> str:
        return re.sub(r"[^A-Za-z0-9._-]", "_", self.version) or NO_VERSION


def part_key(source_id: str, shard: int) -> str:
    """A piece of a large .gz, cut out for one worker."""
    return f"{WORK}{source_id}/parts/{shard:05d}.jsonl.gz"


def result_key(source_id: str, shard: int) -> str:
    """What a worker leaves last."""
    return f"{WORK}{source_id}/results/{shard:05d}.json"


def parquet_key(source_id: str, shard: int) -> str:
    """The curated rows of a shard."""
    return f"{REVIEWS}{source_id}/{shard:05d}.parquet"


def rejected_key(source_id: str, shard: int) -> str:
    """The lines of a shard that were rejected."""
    return f"{REJECTED}{source_id}/{shard:05d}.jsonl"
