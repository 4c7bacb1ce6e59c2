"""Workers that are really killed, at every place where half of something could stay behind."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import pytest_socket

from bench import storage
from bench.places import EMULATOR_PYTHON, ROOT
from lambdas.ports import clients, objects
from reviews import parquet
from reviews.errors import PartialFailureError
from reviews.refine import refine_stream
from tests.unit.lambdas.conftest import CURATED, RAW, REGION, Load
from tests.unit.lambdas.test_lambdas_preprocess import KEY, Machine, call, keys, rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not EMULATOR_PYTHON.exists(), reason="no emulator to be an S3: run `make cloud`"
    ),
]
MANY, FEW = 40_000, 100  # more than a row group of Parquet, so that a file can be half written
# Runs the worker's handler as Lambda would, and dies by SIGKILL at a place.
WORKER = """
import http.client, json, os, signal, sys, types
from lambdas.ports import objects
from lambdas.preprocess import worker

place, event = sys.argv[1], json.loads(sys.argv[2])


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def after(function, times):
    left = iter(range(times - 1))

    def run(*arguments, **more):
        answer = function(*arguments, **more)
        if next(left, None) is None:
            die()
        return answer

    return run


def dying_batches(refined, file):
    def batches():
        for batch in refined:
            yield batch
            if file.seek(0, 2) > 4:  # more than Parquet's first four bytes
                die()

    write(worker.Refined(batches(), refined.counts, refined.schema, refined.provenance), file)


def half(nth):
    '''Of the nth upload half goes over the wire.'''
    send, seen = http.client.HTTPConnection.send, []

    def dying(connection, data):
        is_head = isinstance(data, bytes) and data.startswith((b"PUT ", b"GET "))
        if connection._method == "PUT" and not is_head:
            seen.append(data)
            if len(seen) == nth:
                body = data.read() if hasattr(data, "read") else data
                connection.sock.sendall(body[: len(body) // 2])
                die()
        return send(connection, data)

    http.client.HTTPConnection.send = dying


write = worker.parquet.write
if place == "reading":
    objects.ObjectStream.read = after(objects.ObjectStream.read, 9)
elif place == "writing":
    worker.parquet.write = dying_batches
elif place.startswith("half of upload "):
    half(int(place[-1]))
elif place.startswith("after upload "):
    objects.client("s3").put_object = after(objects.client("s3").put_object, int(place[-1]))
names = ("function_name", "invoked_function_arn", "aws_request_id", "memory_limit_in_mb")
print(json.dumps(worker.handler(event, types.SimpleNamespace(**dict.fromkeys(names, "1")))))
"""
PLACES = ["reading", "writing"] + [
    f"{when} upload {n}" for n in (1, 2, 3) for when in ("half of", "after")
]


@pytest.fixture
def nobody_is_called() -> None:
    """In place of the conftest's: this machine may be called."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 in a process of its own."""
    with storage.running(tmp_path_factory.mktemp("s3") / "log") as found:
        yield found


@pytest.fixture
def aws(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In place of the conftest's, which is moto."""
    for name, value in storage.variables(address).items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    yield
    clients.client("s3").close()
    clients.client.cache_clear()


@pytest.fixture
def s3(aws: None) -> Iterator[Any]:
    """Two versioned buckets, empty."""
    client = boto3.client("s3", region_name=REGION)
    for bucket in (RAW, CURATED):
        client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    yield client
    for bucket in (RAW, CURATED):
        objects.empty(bucket)
    client.close()


@pytest.fixture
def machine(load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any) -> Machine:
    return Machine(load, monkeypatch, most=100_000_000)


def raw_lines(n: int) -> bytes:
    found = [
        b'{"rating": %d, "title": "Title", "text": "It is what I like, and it was for me, %d"}'
        % (1 + i % 5, i)
        for i in range(n)
    ]
    found[9] = b"{broken"
    return b"\n".join(found) + b"\n"


def contents(s3: Any, prefix: str) -> dict[str, set[bytes]]:
    """Of each key under a prefix the contents of all its versions."""
    found: dict[str, set[bytes]] = {}
    for item in s3.list_object_versions(Bucket=CURATED, Prefix=prefix).get("Versions", []):
        named = {"Key": item["Key"], "VersionId": item["VersionId"]}
        body = s3.get_object(Bucket=CURATED, **named)["Body"].read()
        found.setdefault(item["Key"], set()).add(body)
    return found


def work(place: str, shard: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """A worker in a process of its own. folder: its /tmp."""
    return subprocess.run(
        [sys.executable, "-c", WORKER, place, json.dumps(shard)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_worker_killed_anywhere_leaves_nothing_half_and_is_done_again_with_the_same_bytes(
    machine: Machine, s3: Any, tmp_path: Path, place: str
) -> None:
    read = FEW if "upload" in place else MANY
    raw = raw_lines(read)
    s3.put_object(Bucket=RAW, Key=KEY, Body=raw)
    planned = machine.planned()
    (shard,) = map(
        json.loads,
        s3.get_object(Bucket=CURATED, Key=planned["shards_key"])["Body"].read().splitlines(),
    )
    folder = tmp_path / "tmp"
    folder.mkdir()
    killed = work(place, shard, folder)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list(folder.iterdir()) == []
    left = {name: contents(s3, name) for name in ("reviews/", "rejected/")}
    is_done = place == "after upload 3"
    uploads = {"1": 1, "2": 2, "3": 3}.get(place[-1], 0) - place.startswith("half")
    assert [len(found) for found in left.values()] == [uploads >= 1, uploads >= 2]
    if not is_done:
        with pytest.raises(PartialFailureError, match="0: no result"):
            call(machine.finish, planned)
    assert keys(s3, "datasets/") == []
    again = work("nowhere", shard, folder)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1]) == {"shard": 0, "read": read, "kept": read - 1}
    whole = expected(raw)
    for name, bodies in left.items():  # what came before is whole, and is what stays
        assert bodies in ({}, contents(s3, name))
        assert list(contents(s3, name).values()) == [{whole[name]}]
    answer = call(machine.finish, planned)
    assert (answer["counts"]["read"], answer["counts"]["kept"]) == (read, read - 1)
    assert len(set(rows(s3, answer["manifest_uri"]))) == read - 1


def expected(raw: bytes) -> dict[str, bytes]:
    """What refining makes of a file where nothing goes wrong."""
    rejected: list[bytes] = []
    table = io.BytesIO()
    refined = refine_stream(io.BytesIO(raw), on_reject=lambda line: rejected.append(line.to_json()))
    parquet.write(refined, table)
    return {"reviews/": table.getvalue(), "rejected/": b"".join(rejected)}
