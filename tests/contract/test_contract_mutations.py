"""Each contract of two rooms, renamed on one side: one of the quick guards must say so.

Names with one home are renamed in a copy of the sources; where two rooms may not import each
other, one side's constant is patched, and the test that compares both must fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lambdas.contract import keys
from lambdas.ratings import documents, observation_lines, rating
from local_cloud.home import RunningCloud
from reviews import limits
from tests.contract import shared
from tests.contract import test_shared_contracts as guards
from training import sagemaker
from training.model import answer

# (contract, file, what stands there, the same renamed on this side alone)
RENAMED = [
    ("live record, read", "operate/packages.py", "live == NONE", 'live == "nothing"'),
    ("live record, read", "lambdas/learn/prepare.py", "arn == NONE", 'arn == "nothing"'),
    ("live record, empty", "lambdas/release/validate.py", "live == NONE", 'live == ""'),
    ("event, sent", "lambdas/preprocess/finish.py", "DATASET_READY, detail", '"DataReady", detail'),
    ("event, heard", "infra/constructs/learning.py", "[DATASET_READY]", '["NewDataset"]'),
    ("event, sent by a machine", "infra/machines/learning.py", "RELEASE_REQUESTED,", '"GoOut",'),
    ("event, heard", "infra/constructs/release.py", "[RELEASE_REQUESTED]", '["ReleaseWanted"]'),
    ("source of events", "infra/stage.py", "events.source(self.label)", '"review-stars.dev"'),
    ("metric, emitted", "lambdas/ratings/rate.py", "metric(SERVER_ERRORS,", 'metric("Failures",'),
    ("metric, watched", "infra/constructs/ratings.py", "SERVER_ERRORS, ", '"ServerFaults", '),
    ("metric, of another", "lambdas/ratings/rate.py", "SERVER_ERRORS", "MODEL_ERRORS"),
    ("namespace", "infra/blocks/alarms.py", "namespace=NAMESPACE", 'namespace="Reviews"'),
    ("namespace", "lambdas/release/record.py", "namespace=NAMESPACE", 'namespace="Reviews"'),
    ("key of raw files", "operate/upload.py", 'f"{INCOMING}', 'f"inbox/'),
    ("key of datasets", "lambdas/learn/prepare.py", "keys.DATASETS", '"sets/"'),
    ("grant", "infra/constructs/monitor.py", "keys.anything(keys.RUNS)", '"run/*"'),
    ("grant", "infra/constructs/model_role.py", "keys.anything(keys.RUNS)", '"run/*"'),
    ("old key", "infra/constructs/buckets.py", "(WORK,)", '("work/",)'),
    ("output, written", "infra/stacks/endpoint.py", "outputs.LIVE_PARAMETER", '"LiveRecord"'),
    ("output, read", "operate/packages.py", "outputs.LIVE_PARAMETER", '"LiveRecord"'),
    ("metadata, written", "infra/pipeline/pipeline.py", "packages.TEXT_RULES:", '"rules":'),
    ("metadata, read", "operate/lineage.py", "registry.TEXT_RULES", '"rules"'),
    ("reason of a run", "infra/machines/learning.py", '"StringEquals": DATASET', None),
    ("approval", "operate/packages.py", "== PENDING", '== "Pending"'),
    ("decision of a release", "lambdas/release/decide.py", "Decision(GO,", 'Decision("go",'),
    ("decision of a release", "infra/machines/release.py", "releases.GO", '"go"'),
    ("end of a release", "lambdas/release/record.py", "outcome == RELEASED", 'outcome == "out"'),
    ("parameter", "infra/constructs/endpoint.py", "parameter(RELEASE,", 'parameter("Id",'),
]  # fmt: skip
SWEEPS = (shared.second_literals, shared.literals_in_its_place, shared.one_sided)


@pytest.mark.parametrize(
    ("path", "old", "new"), [row[1:] for row in RENAMED], ids=[row[0] for row in RENAMED]
)
def test_a_name_that_is_renamed_on_one_side_is_found(path: str, old: str, new: str | None) -> None:
    text = shared.read()[path]
    assert re.search(re.escape(old), text), f"{path} holds no {old!r} any more: mend this list"
    renamed = text.replace(old, new if new is not None else '"StringEquals": "rows"')
    assert found({**shared.read(), path: renamed})


def found(sources: shared.Sources) -> list[str]:
    """What the sweeps say; they look only where something may have changed."""
    return [sentence for sweep in SWEEPS for sentence in sweep(sources)]


SECOND_HOMES = {
    "tolerance of the golden set": ("training/x.py", "GOLDEN_TOLERANCE = 1e-4"),
    "limit of a text": ("lambdas/x.py", "MAX_TEXT_CHARACTERS = 10_000"),
    "und": ("monitoring/x.py", 'ours = {"en", "und"}'),
    "list of stages": ("operate/x.py", 'known = folder.glob("*.yaml")'),
    "parser of msgspec's errors": ("lambdas/x.py", 'UNKNOWN = "Object contains unknown field"'),
    "file of the golden set": ("lambdas/x.py", 'name = "golden.jsonl"'),
}


@pytest.mark.parametrize("contract", SECOND_HOMES)
def test_a_second_home_is_found(contract: str) -> None:
    path, text = SECOND_HOMES[contract]
    assert guards.second_homes({path: text})


def patched_openapi(monkeypatch: pytest.MonkeyPatch) -> None:
    other = documents.openapi().replace('"maxLength": 20000', '"maxLength": 30000')
    monkeypatch.setattr(guards, "openapi", lambda: other)


def patched(owner: Any, name: str, value: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


def with_another_field(kind: Any) -> Any:
    return msgspec.defstruct("Renamed", [("renamed", int, 0)], bases=(kind,), frozen=True)


def of_other_fields(*_: Any, **__: Any) -> Any:
    return iter([b'{"stars":5,"request":"r"}\n'])


PATCHED: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "limits of the document": (
        patched_openapi,
        "test_the_document_of_the_api_promises_the_limits_that_are_kept",
    ),
    "limits of the parser": (
        patched(limits, "MAX_REVIEWS", 50),
        "test_the_document_of_the_api_promises_the_limits_that_are_kept",
    ),
    "provenance": (
        patched(sagemaker, "PROVENANCE", ("dataset", *sagemaker.PROVENANCE[1:])),
        "test_a_training_job_is_given_the_provenance_that_it_takes_and_its_package_says_the_same",
    ),
    "answer of the endpoint": (
        patched(answer, "Rating", with_another_field(answer.Rating)),
        "test_the_functions_read_all_that_the_endpoint_answers",
    ),
    "answer as it is read": (
        patched(rating, "Rated", with_another_field(rating.Rated)),
        "test_the_functions_read_all_that_the_endpoint_answers",
    ),
    "observation": (
        patched(observation_lines, "of_ratings", of_other_fields),
        "test_the_monitor_reads_every_field_that_is_kept_of_a_prediction",
    ),
    "feedback": (
        patched(observation_lines, "of_feedback", lambda *_: b'{"request":"r","stars":4}'),
        "test_the_monitor_reads_every_field_that_is_kept_of_feedback",
    ),
    "environment of the local cloud": (
        patched(RunningCloud, "variables", lambda self: {"AWS_ENDPOINT": "x"}),
        "test_commands_find_the_local_cloud_as_it_says_of_itself",
    ),
}


@pytest.mark.parametrize("contract", PATCHED)
def test_a_side_that_changes_alone_fails_the_test_that_compares(
    contract: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    patch, name = PATCHED[contract]
    guard = getattr(guards, name)
    needs_folder = "tmp_path" in guard.__code__.co_varnames[: guard.__code__.co_argcount]
    arguments = (tmp_path,) if needs_folder else ()
    guard(*arguments)
    patch(monkeypatch)
    with pytest.raises(AssertionError):
        guard(*arguments)


@pytest.mark.parametrize("name", ["EVALUATION_FILE", "REPORT", "CARD", "CARD_PAGE", "BASELINE"])
def test_a_file_of_evaluate_that_is_renamed_is_missed(name: str) -> None:
    with pytest.raises(AssertionError):
        guards.test_the_files_that_others_look_for_are_those_that_training_writes(
            ("training/evaluate.py",), (f"new-{getattr(keys, name)}",)
        )
