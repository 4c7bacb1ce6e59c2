"""The Preprocess machine's three functions, one after the other, as the machine calls them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

from lambdas.preprocess import listing
from lambdas.settings import PreprocessSettings
from reviews.errors import PartialFailureError, UnreadableSourceError
from reviews.provenance import PROVENANCE_KEY
from tests.unit.lambdas.conftest import CURATED, RAW, Context, Load, emitted

KEY = "incoming/reviews.jsonl"


class Machine:
    """Plan, workers, finish; what DatasetReady said; what was printed."""

    def __init__(
        self,
        load: Load,
        monkeypatch: pytest.MonkeyPatch,
        most: int,
        detector: str = "py3langid-25",
    ) -> None:
        settings = PreprocessSettings(
            stage="local",
            curated_bucket=CURATED,
            max_shard_bytes=most,
            languages="en",
            detector=detector,
            code_version="commit",
        )
        names = ("plan", "worker", "finish", "remove")
        made = [load(f"lambdas.preprocess.{name}", settings) for name in names]
        self.plan, self.worker, self.finish, self.remove = made
        self.listing = listing
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        monkeypatch.setattr(self.finish.events, "publish", lambda *e: self.events.append(e))

    def planned(self, key: str = KEY, sequencer: str = "") -> dict[str, Any]:
        event = {"bucket": RAW, "key": key, "version": "", "sequencer": sequencer}
        return call(self.plan, event)

    def work(self, planned: dict[str, Any], s3: Any) -> list[dict[str, Any]]:
        lines = s3.get_object(Bucket=CURATED, Key=planned["shards_key"])["Body"].read()
        return [call(self.worker, json.loads(line)) for line in lines.splitlines()]

    def run(self, s3: Any, key: str = KEY, sequencer: str = "") -> dict[str, Any]:
        planned = self.planned(key, sequencer)
        self.work(planned, s3)
        return call(self.finish, planned)


def call(module: ModuleType, event: dict[str, Any]) -> dict[str, Any]:
    """Call a handler; what it answers must survive JSON."""
    answer: dict[str, Any] = json.loads(json.dumps(module.handler(event, Context())))
    return answer


@pytest.fixture
def machine(load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any) -> Machine:
    return Machine(load, monkeypatch, most=3_000)


def lines(n: int, first: int = 0) -> bytes:
    """So many reviews, each tenth of them broken."""
    found = []
    for i in range(first, first + n):
        noise = hashlib.sha256(b"%d" % i).hexdigest()  # so that gzip cannot make it small
        review = {
            "rating": 1 + i % 5,
            "title": f"Title {i}",
            "text": f"It is what I like, and it was for me, {i} {noise}",
        }
        found.append(b"{broken" if i % 10 == 9 else json.dumps(review).encode())
    return b"\n".join(found) + b"\n"


def keys(s3: Any, prefix: str) -> list[str]:
    found = s3.list_objects_v2(Bucket=CURATED, Prefix=prefix).get("Contents", [])
    return [item["Key"] for item in found]


def rows(s3: Any, manifest_uri: str) -> list[str]:
    """The texts of a dataset, by its manifest."""
    prefix = f"s3://{CURATED}/"
    body = s3.get_object(Bucket=CURATED, Key=manifest_uri.removeprefix(prefix))["Body"].read()
    head, *names = json.loads(body)
    assert head == {"prefix": prefix}
    texts: list[str] = []
    for name in names:
        content = s3.get_object(Bucket=CURATED, Key=name)["Body"].read()
        texts += pq.read_table(io.BytesIO(content)).column("text").to_pylist()
    return texts


@pytest.mark.parametrize("form", ["plain", "gzip"])
def test_a_file_in_several_shards_becomes_a_dataset(
    machine: Machine, s3: Any, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    raw = lines(100)
    s3.put_object(Bucket=RAW, Key=KEY, Body=raw if form == "plain" else gzip.compress(raw))
    answer = machine.run(s3)
    assert len(keys(s3, "reviews/")) > 1
    counts = answer["counts"]
    assert (counts["read"], counts["kept"], counts["rejected"]) == (100, 90, {"not_json": 10})
    assert len(set(rows(s3, answer["manifest_uri"]))) == 90
    detail = {"dataset_id": answer["dataset_id"], "manifest_uri": answer["manifest_uri"]}
    assert machine.events == [("review-stars.local", "DatasetReady", detail)]
    (metric,) = emitted(capsys.readouterr().out)
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage"]]
    assert metric["RejectedShare"] == [0.1]


@pytest.mark.parametrize("form", ["plain", "gzip"])
def test_schemas_are_counted_over_all_shards_and_files(
    machine: Machine, s3: Any, form: str
) -> None:
    """Shards that begin anywhere; lines of each schema in turn, some broken."""
    kinds = [
        '{"rating": 5, "text": "It was for me, and it is number %d"}',
        '{"overall": 5.0, "vote": "1,234", "reviewText": "It was for me, and it is number %d"}',
        "{'overall': 5.0, 'helpful': [2, 3], 'reviewText': 'It was for me, and it is number %d'}",
        "{'overall': 5.0, %d",
    ]
    raw = "".join(kinds[i % 4] % i + "\n" for i in range(400)).encode()
    body = gzip.compress(raw) if form == "gzip" else raw
    s3.put_object(Bucket=RAW, Key="incoming/Electronics_5.json", Body=body)
    answer = machine.run(s3, "incoming/Electronics_5.json")
    assert answer["counts"]["schemas"] == {"2014": 100, "2018": 100, "2023": 100}
    assert (answer["counts"]["read"], answer["counts"]["kept"]) == (400, 300)
    s3.put_object(Bucket=RAW, Key=KEY, Body=lines(20))
    id = machine.run(s3)["dataset_id"]
    listed = json.loads(
        s3.get_object(Bucket=CURATED, Key=f"datasets/{id}/dataset.json")["Body"].read()
    )
    assert listed["counts"]["schemas"] == {"2014": 100, "2018": 100, "2023": 118}
    assert sum(listed["counts"]["schemas"].values()) == listed["counts"]["kept"]


@pytest.mark.parametrize("form", ["plain", "gzip"])
def test_a_line_set_aside_keeps_its_place_in_the_source(
    machine: Machine, s3: Any, form: str
) -> None:
    raw = lines(100)
    s3.put_object(Bucket=RAW, Key=KEY, Body=raw if form == "plain" else gzip.compress(raw))
    machine.run(s3)
    offsets = []
    for key in keys(s3, "rejected/"):
        body = s3.get_object(Bucket=CURATED, Key=key)["Body"].read()
        offsets += [json.loads(line)["offset"] for line in body.splitlines()]
    assert [raw[offset : offset + 7] for offset in offsets] == [b"{broken"] * 10


def test_another_detector_tells_the_languages_and_files_and_records_name_it(
    load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=lines(20))
    before = Machine(load, monkeypatch, 3_000).run(s3)
    machine = Machine(load, monkeypatch, 3_000, detector="py3langid-25-alone")
    s3.put_object(Bucket=RAW, Key="incoming/other.jsonl", Body=lines(20, first=100))
    answer = machine.run(s3, "incoming/other.jsonl")

    def told(id: str) -> dict[str, Any]:
        body = s3.get_object(Bucket=CURATED, Key=f"datasets/{id}/dataset.json")["Body"].read()
        found: dict[str, Any] = json.loads(body)
        return found

    assert told(before["dataset_id"])["detector"] == "py3langid-25"
    mixed = told(answer["dataset_id"])
    assert mixed["detector"] == "py3langid-25+py3langid-25-alone"
    (other,) = (source for source in mixed["sources"] if source["key"] == "incoming/other.jsonl")
    for written in other["parquet"]:
        body = s3.get_object(Bucket=CURATED, Key=written["key"])["Body"].read()
        table = pq.read_table(io.BytesIO(body))
        assert b'"py3langid-25-alone"' in table.schema.metadata[PROVENANCE_KEY.encode()]
        assert table.column("language_confidence").null_count == 0  # nothing was just certain

    again = Machine(load, monkeypatch, 3_000, detector="py3langid-25-alone")
    s3.put_object(Bucket=RAW, Key=KEY, Body=lines(20))
    # Both versions may be of one second: then the events' sequencers tell which is the newer.
    newest = again.run(s3, sequencer="02")["dataset_id"]
    assert told(newest)["detector"] == "py3langid-25-alone"


def test_a_repeated_event_writes_the_same_objects(machine: Machine, s3: Any) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=lines(100))
    first = machine.run(s3)

    def curated() -> dict[str, str]:
        found = s3.list_objects_v2(Bucket=CURATED)["Contents"]
        own = [item for item in found if not item["Key"].startswith("datasets/")]
        return {item["Key"]: item["ETag"] for item in own}

    before = curated()
    second = machine.run(s3)
    assert curated() == before
    assert second["counts"] == first["counts"]
    assert second["dataset_id"] > first["dataset_id"]


def test_a_worker_that_was_killed_is_done_again_with_the_same_rows(
    machine: Machine, s3: Any
) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=lines(100))
    planned = machine.planned()
    machine.work(planned, s3)
    name = keys(s3, "reviews/")[1]
    before = s3.get_object(Bucket=CURATED, Key=name)["Body"].read()
    s3.put_object(Bucket=CURATED, Key=name, Body=b"half")
    s3.delete_object(Bucket=CURATED, Key=f"work/{planned['source_id']}/results/00001.json")
    machine.work(planned, s3)
    assert s3.get_object(Bucket=CURATED, Key=name)["Body"].read() == before
    assert call(machine.finish, planned)["counts"]["kept"] == 90


def test_a_second_file_joins_the_dataset_and_a_new_version_replaces_the_old(
    machine: Machine, s3: Any
) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=lines(20))
    machine.run(s3)
    s3.put_object(Bucket=RAW, Key="incoming/more.jsonl", Body=lines(20, first=100))
    answer = machine.run(s3, "incoming/more.jsonl")
    assert answer["counts"]["kept"] == 18
    assert len(rows(s3, answer["manifest_uri"])) == 36
    name = f"datasets/{answer['dataset_id']}/dataset.json"
    described = json.loads(s3.get_object(Bucket=CURATED, Key=name)["Body"].read())
    assert described["counts"]["kept"] == 36
    assert [source["key"] for source in described["sources"]] == ["incoming/more.jsonl", KEY]


def test_a_source_that_finishes_meanwhile_is_in_the_dataset_too(
    machine: Machine, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=lines(20))
    s3.put_object(Bucket=RAW, Key="incoming/more.jsonl", Body=lines(20, first=100))
    for key in (KEY, "incoming/more.jsonl"):
        machine.work(machine.planned(key), s3)
    write, others = machine.listing._write, [machine.planned("incoming/more.jsonl")]

    def interrupted(*arguments: Any) -> Any:
        if others:
            call(machine.finish, others.pop())
        return write(*arguments)

    monkeypatch.setattr(machine.listing, "_write", interrupted)
    answer = call(machine.finish, machine.planned())
    newest = max(key.split("/")[1] for key in keys(s3, "datasets/"))
    assert answer["dataset_id"] == newest
    assert len(rows(s3, answer["manifest_uri"])) == 36


def test_a_shard_that_left_no_result_ends_the_run_by_its_name(machine: Machine, s3: Any) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=lines(100))
    planned = machine.planned()
    machine.work(planned, s3)
    s3.delete_object(Bucket=CURATED, Key=f"work/{planned['source_id']}/results/00001.json")
    with pytest.raises(PartialFailureError, match="1: no result"):
        call(machine.finish, planned)
    assert keys(s3, "datasets/") == []
    assert machine.events == []


def test_a_truncated_gzip_leaves_no_half_object(machine: Machine, s3: Any) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=gzip.compress(lines(5))[:-30])
    planned = machine.planned()
    with pytest.raises(UnreadableSourceError, match="breaks off"):
        machine.work(planned, s3)
    with pytest.raises(
        UnreadableSourceError, match=r"reviews\.jsonl: the gzip .*breaks off.*; upload"
    ):
        call(machine.finish, planned)
    assert keys(s3, "reviews/") == []
    assert keys(s3, "rejected/") == []


def test_a_large_truncated_gzip_is_told_when_it_is_cut_up(machine: Machine, s3: Any) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=gzip.compress(lines(500))[:-30])
    with pytest.raises(UnreadableSourceError, match=r"s3://raw/.*breaks off.*; upload the whole"):
        machine.planned()


def test_a_gzip_that_takes_too_long_to_cut_up_is_refused(machine: Machine, s3: Any) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=gzip.compress(lines(500)))
    event = {"bucket": RAW, "key": KEY}
    with pytest.raises(UnreadableSourceError, match="Processing"):
        machine.plan.handler(event, Context(remaining_milliseconds=100_000))


def test_an_empty_object_and_an_absent_one_are_refused_in_a_sentence(
    machine: Machine, s3: Any
) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=b"")
    with pytest.raises(UnreadableSourceError, match="is empty"):
        machine.planned()
    with pytest.raises(UnreadableSourceError, match="not there"):
        machine.planned("incoming/absent.jsonl")


def test_a_file_without_reviews_is_refused_and_its_lines_are_kept(
    machine: Machine, s3: Any
) -> None:
    s3.put_object(Bucket=RAW, Key=KEY, Body=b"one\ntwo\n")
    with pytest.raises(UnreadableSourceError, match=r"none of 2 lines .*not_json 2"):
        machine.run(s3)
    assert len(keys(s3, "rejected/")) == 1
    assert keys(s3, "sources/") == []
