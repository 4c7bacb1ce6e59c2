"""Raw objects that are deleted: they leave the next dataset, whatever comes when."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reviews.errors import ConfigurationError, UnreadableSourceError
from tests.unit.lambdas.conftest import CURATED, RAW, Load
from tests.unit.lambdas.test_lambdas_preprocess import KEY, Machine, call, keys, lines, rows
from tests.unit.lambdas.test_lambdas_preprocess_faults import newest_manifest, put, run

OTHER = "incoming/more.jsonl"
MARKER, FOR_GOOD = "Delete Marker Created", "Permanently Deleted"
SEQUENCERS = itertools.count(0xFFFF)


@pytest.fixture
def machine(load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any) -> Machine:
    machine = Machine(load, monkeypatch, most=3_000)
    monkeypatch.setattr(machine.remove.events, "publish", lambda *e: machine.events.append(e))
    return machine


def deleted(s3: Any, key: str = KEY, version: str = "") -> dict[str, Any]:
    """Delete an object, or one version of it; -> the input that the event's rule makes."""
    what = {"VersionId": version} if version else {}
    answer = s3.delete_object(Bucket=RAW, Key=key, **what)
    return {
        "bucket": RAW,
        "key": key,
        "version": answer["VersionId"],
        "sequencer": f"{next(SEQUENCERS):X}",
        "removed": FOR_GOOD if version else MARKER,
        "time": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(timespec="seconds"),
    }


def numbers(s3: Any) -> set[int]:
    """Which of our reviews the newest dataset holds."""
    return {int(text.split(", ")[2].split()[0]) for text in rows(s3, newest_manifest(s3))}


def test_a_deleted_object_leaves_the_next_dataset_and_learning_is_told(
    machine: Machine, s3: Any
) -> None:
    run(machine, s3, put(s3, lines(9)))
    run(machine, s3, put(s3, lines(9, 100), OTHER))
    answer = call(machine.remove, deleted(s3))
    assert numbers(s3) == set(range(100, 109))
    assert machine.events[-1][1] == "DatasetReady"
    assert machine.events[-1][2]["dataset_id"] == answer["dataset_id"]


def test_the_same_deletion_twice_lists_nothing_new(machine: Machine, s3: Any) -> None:
    run(machine, s3, put(s3, lines(9)))
    event = deleted(s3)
    assert call(machine.remove, event)["dataset_id"]
    before = keys(s3, "datasets/")
    assert call(machine.remove, event)["dataset_id"] == ""
    assert keys(s3, "datasets/") == before


def test_what_died_between_the_two_writes_is_made_up_for(
    machine: Machine, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(machine, s3, put(s3, lines(9)))
    event = deleted(s3)

    def dies(bucket: str) -> None:
        raise ConnectionError

    monkeypatch.setattr(machine.remove, "list_dataset", dies)
    with pytest.raises(ConnectionError):
        call(machine.remove, event)
    monkeypatch.undo()
    monkeypatch.setattr(machine.remove.events, "publish", lambda *e: None)
    assert call(machine.remove, event)["dataset_id"]
    assert rows(s3, newest_manifest(s3)) == []


def test_a_file_that_is_put_again_after_its_deletion_is_there_again(
    machine: Machine, s3: Any
) -> None:
    run(machine, s3, put(s3, lines(9)))
    gone = deleted(s3)
    gone["time"] = "2020-01-01T00:00:00Z"  # before the new version
    call(machine.remove, gone)
    run(machine, s3, put(s3, lines(9, 50)))
    assert numbers(s3) == set(range(50, 59))


def test_a_late_event_of_the_old_object_does_not_bring_it_back(machine: Machine, s3: Any) -> None:
    run(machine, s3, put(s3, lines(9, 100), OTHER))
    arrived = put(s3, lines(9))
    call(machine.remove, deleted(s3))
    run(machine, s3, arrived)
    assert numbers(s3) == set(range(100, 109))


def test_a_deletion_that_is_taken_back_brings_the_file_back(machine: Machine, s3: Any) -> None:
    run(machine, s3, put(s3, lines(9)))
    marker = deleted(s3)
    call(machine.remove, marker)
    assert rows(s3, newest_manifest(s3)) == []
    call(machine.remove, deleted(s3, version=marker["version"]))
    assert numbers(s3) == set(range(9))


def test_a_version_that_is_deleted_for_good_leaves_the_one_before(
    machine: Machine, s3: Any
) -> None:
    run(machine, s3, put(s3, lines(9)))
    newer = put(s3, lines(9, 50))
    run(machine, s3, newer)
    call(machine.remove, deleted(s3, version=newer["version"]))
    assert numbers(s3) == set(range(9))


def test_an_old_version_that_expires_changes_nothing(machine: Machine, s3: Any) -> None:
    old = put(s3, lines(9))
    run(machine, s3, old)
    run(machine, s3, put(s3, lines(9, 50)))
    assert call(machine.remove, deleted(s3, version=old["version"]))["dataset_id"] == ""
    assert numbers(s3) == set(range(50, 59))


def test_a_version_that_is_deleted_while_it_is_refined_is_not_listed(
    machine: Machine, s3: Any
) -> None:
    event = put(s3, lines(9))
    planned = call(machine.plan, event)
    machine.work(planned, s3)
    call(machine.remove, deleted(s3, version=event["version"]))
    with pytest.raises(UnreadableSourceError, match="was deleted while it was refined"):
        call(machine.finish, planned)
    assert keys(s3, "datasets/") == []


def test_a_file_that_was_never_refined_can_be_deleted(machine: Machine, s3: Any) -> None:
    put(s3, lines(9))
    assert call(machine.remove, deleted(s3))["dataset_id"] == ""
    assert keys(s3, "datasets/") == machine.events == []


@pytest.mark.parametrize("body", [b"", b"{}", b'{"key": 1}', b"no json"])
def test_a_record_that_cannot_be_read_is_named_with_what_to_do(
    machine: Machine, s3: Any, body: bytes
) -> None:
    s3.put_object(Bucket=CURATED, Key="sources/0/v.json", Body=body)
    with pytest.raises(ConfigurationError, match=r"^sources/0/v\.json in .*: delete it and refine"):
        run(machine, s3, put(s3, lines(9)))


def test_the_dataset_of_nothing_adds_up(machine: Machine, s3: Any) -> None:
    run(machine, s3, put(s3, lines(9)))
    id = call(machine.remove, deleted(s3))["dataset_id"]
    body = s3.get_object(Bucket=CURATED, Key=f"datasets/{id}/dataset.json")["Body"].read()
    described = json.loads(body)
    assert (described["sources"], described["counts"]["kept"]) == ([], 0)
