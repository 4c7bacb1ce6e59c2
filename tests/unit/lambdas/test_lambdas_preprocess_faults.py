"""What goes wrong around the Preprocess machine: events twice and late, runs side by side, shards
that fail in every way at once, objects that are gone."""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import json
import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import IO, Any

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from lambdas.ports.objects import RangeError, Stored
from lambdas.preprocess.source import RawSource, result_key
from reviews.errors import (
    CountMismatchError,
    NotReadyError,
    PartialFailureError,
    UnreadableSourceError,
)
from reviews.refine import Options
from tests.unit.lambdas.conftest import CURATED, RAW, Load
from tests.unit.lambdas.test_lambdas_preprocess import KEY, Machine, call, keys, lines, rows

OTHER = "incoming/more.jsonl"


@pytest.fixture
def machine(load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any) -> Machine:
    return Machine(load, monkeypatch, most=3_000)


def put(s3: Any, body: bytes, key: str = KEY) -> dict[str, Any]:
    """Store a raw object; -> the event that says so. Sequencers grow, and are not of one length."""
    version = s3.put_object(Bucket=RAW, Key=key, Body=body)["VersionId"]
    sequencer = f"{next(SEQUENCERS):X}"
    return {"bucket": RAW, "key": key, "version": version, "sequencer": sequencer}


SEQUENCERS = itertools.count(0xF5)


def run(machine: Machine, s3: Any, event: dict[str, Any]) -> dict[str, Any]:
    planned = call(machine.plan, event)
    machine.work(planned, s3)
    return call(machine.finish, planned)


def newest_manifest(s3: Any) -> str:
    """Of the dataset that a run of learning would take."""
    id = max(key.split("/")[1] for key in keys(s3, "datasets/") if key.endswith("dataset.json"))
    return f"s3://{CURATED}/datasets/{id}/manifest.json"


def versions(s3: Any, prefix: str) -> list[tuple[str, str]]:
    found = s3.list_object_versions(Bucket=CURATED, Prefix=prefix).get("Versions", [])
    return [(item["Key"], item["VersionId"]) for item in found]


@pytest.mark.parametrize("late", ["new", "old"])
def test_the_old_version_never_wins_however_late_its_event_comes(
    machine: Machine, s3: Any, late: str
) -> None:
    """S3 tells seconds, and these come within one: five keys, so that no luck decides."""
    names = [f"incoming/{n}.jsonl" for n in range(5)]
    for n, key in enumerate(names):
        events = [put(s3, lines(9, 100 * n), key), put(s3, lines(9, 100 * n + 50), key)]
        for event in events if late == "new" else reversed(events):
            run(machine, s3, event)
    found = rows(s3, newest_manifest(s3))
    numbers = sorted(int(text.split(", ")[2].split()[0]) for text in found)
    assert numbers == [100 * n + 50 + i for n in range(5) for i in range(9)]


def test_events_that_come_twice_and_mixed_up_change_nothing(machine: Machine, s3: Any) -> None:
    event = put(s3, lines(100))
    first, again = call(machine.plan, event), call(machine.plan, event)
    assert first == again
    shards = s3.get_object(Bucket=CURATED, Key=first["shards_key"])["Body"].read().splitlines()
    assert len(shards) > 3
    for done in range(len(shards)):
        with pytest.raises(PartialFailureError) as error:
            call(machine.finish, again)
        assert error.value.shards == tuple(range(done, len(shards)))
        answers = [call(machine.worker, json.loads(shards[done])) for _ in range(2)]
        assert answers[0] == answers[1]
    assert keys(s3, "datasets/") == keys(s3, "sources/") == machine.events == []
    before = versions(s3, "reviews/"), versions(s3, "rejected/")
    made = call(machine.finish, first)
    for _ in range(2):
        assert call(machine.plan, event) == first
        machine.work(first, s3)
        repeated = call(machine.finish, again)
        assert repeated["counts"] == made["counts"]
        assert rows(s3, repeated["manifest_uri"]) == rows(s3, made["manifest_uri"])
    assert (versions(s3, "reviews/"), versions(s3, "rejected/")) == before
    assert len({key for key, _ in before[0]}) == len(before[0]) == len(shards)


def test_two_that_finish_at_the_same_moment_leave_one_newest_dataset_with_both(
    machine: Machine, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = []
    for n, key in enumerate((KEY, OTHER)):
        planned.append(call(machine.plan, put(s3, lines(20, 100 * n), key)))
        machine.work(planned[-1], s3)
    monkeypatch.setattr(machine.finish, "_measure", lambda counts: None)  # one file of metrics
    for place in ("_sources", "_write"):
        together(machine.listing, place, monkeypatch)
    failed: list[BaseException] = []

    def finish(plan: dict[str, Any]) -> None:
        try:
            call(machine.finish, plan)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=finish, args=(plan,)) for plan in planned]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(rows(s3, newest_manifest(s3))) == 36
    assert [name for _, name, _ in machine.events] == ["DatasetReady"] * 2


def together(module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two threads meet before their first call of a function."""
    barrier, function = threading.Barrier(2, timeout=20), getattr(module, name)
    came: set[int] = set()

    def call_together(*arguments: Any) -> Any:
        if threading.get_ident() not in came:
            came.add(threading.get_ident())
            barrier.wait()
        return function(*arguments)

    monkeypatch.setattr(module, name, call_together)


class Store:
    """Objects in memory, for finish; each call but reading waits for its turn."""

    def __init__(self, turn: Callable[[], None]) -> None:
        self.held: dict[str, bytes] = {}
        self.turn = turn

    def list_objects(self, bucket: str, prefix: str) -> Iterator[Stored]:
        self.turn()
        for key in sorted(self.held):
            if key.startswith(prefix):
                etag = hashlib.sha256(self.held[key]).hexdigest()
                yield Stored(key, 0, etag, "", datetime.min)

    def list_keys(self, bucket: str, prefix: str, after: str = "") -> list[str]:
        self.turn()
        return sorted(key for key in self.held if key.startswith(prefix) and key > after)

    def put_bytes(self, bucket: str, key: str, body: bytes, kind: str = "") -> str:
        self.turn()
        self.held[key] = body
        return "v"

    def read(self, bucket: str, key: str) -> bytes:
        return self.held[key]


class Turns:
    """Lets one thread at a time do one thing, as a seed says: by turns, in bursts, or almost one
    after the other."""

    def __init__(self, seed: int) -> None:
        self._choose = random.Random(seed)
        self._stay = (0.0, 0.7, 0.95)[seed % 3]
        self._last = 0
        self._waiting: dict[int, threading.Event] = {}
        self._changed = threading.Condition()

    def wait(self) -> None:
        """Called by a thread before each thing it does."""
        mine = threading.Event()
        with self._changed:
            self._waiting[threading.get_ident()] = mine
            self._changed.notify()
        assert mine.wait(20)

    def run(self, *jobs: Callable[[], None]) -> None:
        """Run jobs to their end, mixed."""
        threads = [threading.Thread(target=job) for job in jobs]
        for thread in threads:
            thread.start()
        while alive := [thread for thread in threads if thread.is_alive()]:
            with self._changed:
                if len(self._waiting) < len(alive):
                    self._changed.wait(0.001)
                    continue
                if self._last not in self._waiting or self._choose.random() > self._stay:
                    self._last = self._choose.choice(sorted(self._waiting))
                self._waiting.pop(self._last).set()


@pytest.mark.parametrize("skew_seconds", [0, 40])
def test_whatever_the_order_and_the_clocks_the_newest_dataset_has_every_source(
    machine: Machine, s3: Any, monkeypatch: pytest.MonkeyPatch, skew_seconds: int
) -> None:
    for n, key in enumerate((KEY, OTHER, "incoming/third.jsonl")):
        run(machine, s3, put(s3, lines(9, 100 * n), key))
    records = {
        key: s3.get_object(Bucket=CURATED, Key=key)["Body"].read() for key in keys(s3, "sources/")
    }
    ahead: dict[int, float] = {}
    ticks = itertools.count()

    def now(zone: Any) -> datetime:
        seconds = ahead[threading.get_ident()] + next(ticks) / 1e6
        return datetime(2026, 11, 25, tzinfo=zone) + timedelta(seconds=seconds)

    monkeypatch.setattr(machine.listing, "datetime", SimpleNamespace(now=now))
    for seed in range(60):
        turns = Turns(seed)
        store = Store(turns.wait)
        monkeypatch.setattr(machine.listing, "objects", store)
        random.seed(seed)

        def finish(item: tuple[str, bytes], skew: float, store: Store = store) -> None:
            ahead[threading.get_ident()] = skew
            store.put_bytes(CURATED, *item)
            machine.listing.list_dataset(CURATED)

        skews = random.sample([0.0, skew_seconds / 2, float(skew_seconds)], 3)
        jobs = zip(records.items(), skews, strict=True)
        turns.run(*(lambda item=item, skew=skew: finish(item, skew) for item, skew in jobs))
        id = max(key.split("/")[1] for key in store.held if key.endswith("dataset.json"))
        _, *names = json.loads(store.held[f"datasets/{id}/manifest.json"])
        assert len({name.split("/")[1] for name in names}) == 3, f"seed {seed}"


def test_shards_that_fail_in_every_way_are_all_named_in_one_sentence(
    machine: Machine, s3: Any
) -> None:
    event = put(s3, lines(200))
    planned = call(machine.plan, event)
    machine.work(planned, s3)
    id = planned["source_id"]
    assert planned["shard_count"] >= 9

    def change(number: int, **fields: Any) -> None:
        key = result_key(id, number)
        result = json.loads(s3.get_object(Bucket=CURATED, Key=key)["Body"].read())
        for name, value in fields.items():
            result[name] = value(result[name]) if callable(value) else value
        s3.put_object(Bucket=CURATED, Key=key, Body=json.dumps(result).encode())

    s3.delete_object(Bucket=CURATED, Key=result_key(id, 0))
    change(1, failure="the gzip stream is damaged before byte 9", is_final=True)
    change(2, refined_with=lambda made: made | {"code_version": "another"})
    change(3, parquet=lambda parquet: parquet | {"rows": 1})
    change(4, counts=lambda counts: counts | {"read": 99})
    change(5, shard=lambda shard: shard | {"end": 5})
    s3.delete_object(Bucket=CURATED, Key=f"reviews/{id}/00006.parquet")
    s3.put_object(Bucket=CURATED, Key=result_key(id, 7), Body=b'{"of": "an older form"}')
    with pytest.raises(PartialFailureError) as error:
        call(machine.finish, planned)
    assert error.value.shards == tuple(range(8))
    said = str(error.value)
    assert said.startswith(f"s3://{RAW}/{KEY}: 8 of {planned['shard_count']} shards failed (")
    for words in (
        "0: no result",
        "1: the gzip stream is damaged before byte 9",
        "2: its result is of other code or another configuration",
        "rows were kept and 1 written; 4: ",
        "4: 99 lines were read, but",
        "5: its result is of another part of the file",
        f"6: reviews/{id}/00006.parquet is not there any more: delete {result_key(id, 6)}, then",
        "7: no result",
    ):
        assert words in said
    assert keys(s3, "datasets/") == keys(s3, "sources/") == machine.events == []
    for shard in (3, 4, 6):  # what claims to be right is not done again by itself
        s3.delete_object(Bucket=CURATED, Key=result_key(id, shard))
    assert run(machine, s3, event)["counts"]["kept"] == 180


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("which", ["rows", "rejected"])
def test_a_shard_that_does_not_fit_the_disk_says_so_and_what_to_do(
    machine: Machine, s3: Any, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    planned = call(machine.plan, put(s3, lines(100)))
    files = itertools.cycle(["rows", "rejected"])

    def full() -> IO[bytes]:
        return Path("/dev/full").open("w+b") if next(files) == which else tempfile.TemporaryFile()

    monkeypatch.setattr(machine.worker, "tempfile", SimpleNamespace(TemporaryFile=full))
    with pytest.raises(
        UnreadableSourceError, match=r"do not fit the function's disk: .*Processing"
    ):
        machine.work(planned, s3)
    assert keys(s3, "reviews/") == keys(s3, "rejected/") == []
    with pytest.raises(
        PartialFailureError, match=r"0: its rows and .* do not fit .*; 1: no result"
    ):
        call(machine.finish, planned)


class DeafToRange:
    """S3's client, before a store that sends the whole object whatever range is asked for."""

    def __init__(self, s3: Any, content_range: str | None) -> None:
        self._s3 = s3
        self._content_range = content_range

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **what: Any) -> dict[str, Any]:
        asked = what.pop("Range", None)
        answer: dict[str, Any] = self._s3.get_object(**what)
        if asked and self._content_range:
            answer["ContentRange"] = self._content_range
        return answer


@pytest.mark.parametrize("content_range", [None, "bytes 0-9/10", "bytes 1-2/3"])
def test_a_store_that_ignores_ranges_stops_the_run_with_the_reason(
    machine: Machine, s3: Any, monkeypatch: pytest.MonkeyPatch, content_range: str | None
) -> None:
    planned = call(machine.plan, put(s3, lines(100)))
    store = DeafToRange(s3, content_range)
    monkeypatch.setattr(machine.worker.objects, "client", lambda _: store)
    body = s3.get_object(Bucket=CURATED, Key=planned["shards_key"])["Body"].read()
    first, *others = body.splitlines()
    call(machine.worker, json.loads(first))  # from byte 0, without a range
    for line in others:
        with pytest.raises(RangeError, match="was asked for and answered with"):
            call(machine.worker, json.loads(line))
    monkeypatch.undo()
    with pytest.raises(PartialFailureError, match=r"1: s3://raw/incoming/reviews.jsonl: bytes=\d"):
        call(machine.finish, planned)
    assert keys(s3, "datasets/") == []


def test_workers_that_all_read_from_the_first_byte_are_found_by_their_bytes(
    machine: Machine, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = call(machine.plan, put(s3, lines(100)))
    real = machine.worker.objects.stream
    monkeypatch.setattr(
        machine.worker.objects, "stream", lambda bucket, key, version, start: real(bucket, key)
    )
    machine.work(planned, s3)
    with pytest.raises(CountMismatchError, match=r"lines were (left out|read twice)"):
        call(machine.finish, planned)
    assert keys(s3, "datasets/") == machine.events == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ClientError(
                {"Error": {"Code": "AccessDenied", "Message": "no kms:Decrypt"}}, "GetObject"
            ),
            "0: AWS refuses GetObject to these credentials: no kms:Decrypt",
        ),
        (OSError(errno.EIO, "x"), "0: the function's disk or network: Input/output error"),
        (NotReadyError("incoming/a breaks off"), "0: incoming/a breaks off"),
        (ValueError("a secret text"), "0: a bug: ValueError at "),
    ],
)
def test_a_worker_that_raises_leaves_its_reason_and_no_words_of_customers(
    machine: Machine, s3: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    planned = call(machine.plan, put(s3, lines(10)))

    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as failing:
        failing.setattr(machine.worker, "refine", fail)
        with pytest.raises(type(error)):
            machine.work(planned, s3)
        with pytest.raises(PartialFailureError) as raised:
            call(machine.finish, planned)
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)
    machine.work(planned, s3)
    assert call(machine.finish, planned)["counts"]["kept"] == 9


def test_lines_that_went_missing_everywhere_are_a_mismatch_that_names_the_shards(
    machine: Machine, s3: Any
) -> None:
    planned = call(machine.plan, put(s3, lines(100)))
    machine.work(planned, s3)
    for shard in (1, 2):
        key = result_key(planned["source_id"], shard)
        result = json.loads(s3.get_object(Bucket=CURATED, Key=key)["Body"].read())
        result["counts"]["kept"] -= 1
        s3.put_object(Bucket=CURATED, Key=key, Body=json.dumps(result).encode())
    with pytest.raises(CountMismatchError, match=r"2 of \d+ shards failed \(1: .*; 2: "):
        call(machine.finish, planned)


def test_a_dataset_names_versions_counts_configuration_and_code_that_can_be_looked_up(
    machine: Machine, s3: Any
) -> None:
    events = [put(s3, lines(100)), put(s3, lines(20, 500), OTHER)]
    answer = [run(machine, s3, event) for event in events][-1]
    body = s3.get_object(Bucket=CURATED, Key=f"datasets/{answer['dataset_id']}/dataset.json")
    told = json.loads(body["Body"].read())
    key = told["manifest_uri"].removeprefix(f"s3://{CURATED}/")
    manifest = s3.get_object(Bucket=CURATED, Key=key, VersionId=told["manifest_version_id"])
    content = manifest["Body"].read()
    assert hashlib.sha256(content).hexdigest() == told["manifest_sha256"]
    named = [written for source in told["sources"] for written in source["parquet"]]
    assert json.loads(content)[1:] == [written["key"] for written in named]
    for written in named:
        found = s3.get_object(Bucket=CURATED, Key=written["key"], VersionId=written["version_id"])[
            "Body"
        ].read()
        assert hashlib.sha256(found).hexdigest() == written["sha256"]
        assert pq.read_metadata(io.BytesIO(found)).num_rows == written["rows"]
    assert {s["key"]: s["version"] for s in told["sources"]} == {
        event["key"]: event["version"] for event in events
    }
    counts = told["counts"]
    assert counts["read"] == counts["kept"] + sum(counts["rejected"].values()) == 120
    assert counts["kept"] == sum(written["rows"] for written in named)
    assert (told["code_version"], told["text_rules"]) == (
        "commit",
        machine.worker.refined_with.text_rules,
    )
    assert told["configuration_digest"] == machine.worker.refined_with.configuration_digest
    kept = machine.worker.RefinedWith.of_options(Options(keep_columns=("asin",)), "commit")
    assert told["configuration_digest"] != kept.configuration_digest


def test_a_source_of_an_older_form_can_still_be_listed(machine: Machine, s3: Any) -> None:
    """Records of sources outlive releases: those from before sequencers have none."""
    event = put(s3, lines(20))
    run(machine, s3, event)
    key = RawSource(**{k: event[k] for k in ("bucket", "key", "version")}).record_key
    record = json.loads(s3.get_object(Bucket=CURATED, Key=key)["Body"].read())
    assert record.pop("sequencer") == event["sequencer"]
    s3.put_object(Bucket=CURATED, Key=key, Body=json.dumps(record).encode())
    answer = run(machine, s3, put(s3, lines(20, 100), OTHER))
    assert len(rows(s3, answer["manifest_uri"])) == 36
