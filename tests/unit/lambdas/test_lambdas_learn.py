"""The Learn machine's two functions: which run goes on, on what, and what came of it."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import msgspec
import pytest

from lambdas.contract.live import NONE
from lambdas.learn.plan import failed_step, is_earliest, newest, token
from lambdas.ports.machines import Execution
from lambdas.ports.models import Package, Step
from lambdas.settings import LearnSettings
from reviews.errors import ConfigurationError, NotReadyError
from tests.unit.lambdas.conftest import CURATED, MODELS, Context, Load

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/review-stars-local/7"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
OLD, NEW = "20261123T000000Z-00000000", "20261124T000000Z-00000000"
SETTINGS = LearnSettings(
    stage="local",
    curated_bucket=CURATED,
    models_bucket=MODELS,
    pipeline_name="review-stars-local",
    live_parameter="/review-stars-local/live",
    model_package_group="review-stars-local",
    configuration_digest="digest",
    image_uri="image",
    tracks=True,
    commit_bucket=CURATED,
    commit_keys="committed.json,edited.json",
    program_digest="program",
    signing_key="arn:aws:kms:us-east-1:123456789012:key/signing",
)


def package(**metadata: str) -> Package:
    return Package(ARN, 7, "Completed", "Approved", NOW, "g", "s3://models/m.tar.gz", metadata)


def put_dataset(s3: Any, id: str, **more: Any) -> None:
    record = {
        "id": id,
        "manifest_uri": f"s3://{CURATED}/datasets/{id}/manifest.json",
        "manifest_version_id": "v",
        "manifest_sha256": f"sha of {id}",
        "text_rules": "1",
        "detector": "py3langid-25",
        "counts": {"kept": 9},
        **more,
    }
    s3.put_object(Bucket=CURATED, Key=f"datasets/{id}/manifest.json", Body=b"[]")
    s3.put_object(Bucket=CURATED, Key=f"datasets/{id}/dataset.json", Body=json.dumps(record))


ORIGIN = {
    "git_commit": "commit-dirty.012345678901",
    "configuration_digest": "of the job",
    "program_digest": "of the job, too",
}


class Prepare:
    """The handler with a live record and running executions of its own."""

    def __init__(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module: ModuleType = load("lambdas.learn.prepare", SETTINGS)
        self.live = "none"
        self.running = [Execution("arn", "mine", "RUNNING", NOW)]
        self.metadata = {
            "dataset_sha256": f"sha of {OLD}",
            "image_uri": "image",
            "configuration_digest": "digest",
        }
        monkeypatch.setattr(self.module.live, "read", lambda _: self.live)
        monkeypatch.setattr(self.module.machines, "executions", lambda *_: self.running)
        monkeypatch.setattr(
            self.module.models, "describe_package", lambda _: package(**self.metadata)
        )

    def __call__(self, reason: str = "dataset", **more: str) -> dict[str, Any]:
        event = {"machine_arn": "m", "execution_name": "mine", "reason": reason, **more}
        answer: dict[str, Any] = json.loads(json.dumps(self.module.handler(event, Context())))
        return answer

    def parameters(self) -> dict[str, str]:
        return {item["Name"]: item["Value"] for item in self()["parameters"]}


@pytest.fixture
def prepare(load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any) -> Prepare:
    return Prepare(load, monkeypatch)


def test_without_a_dataset_nothing_is_learned(prepare: Prepare) -> None:
    answer = prepare()
    assert answer["proceed"] is False
    assert "no dataset" in answer["why"]


def test_the_newest_dataset_is_taken_and_the_first_model_has_no_champion(
    prepare: Prepare, s3: Any
) -> None:
    put_dataset(s3, OLD)
    put_dataset(s3, NEW)
    s3.put_object(Bucket=CURATED, Key="datasets/20270101T000000Z-00000000/manifest.json", Body=b"")
    parameters = prepare.parameters()
    assert parameters["DatasetId"] == NEW
    assert parameters["ChampionModelUri"] == f"s3://{MODELS}/champion-none/"
    assert s3.list_objects_v2(Bucket=MODELS, Prefix="champion-none/")["KeyCount"] == 1
    assert set(parameters) == {
        "DatasetManifestUri",
        "DatasetId",
        "DatasetVersionId",
        "DatasetSha256",
        "TextRules",
        "ChampionModelUri",
        "ConfigurationDigest",
        "GitCommit",
        "ProgramDigest",
    }


@pytest.mark.parametrize(
    ("said", "commit"),
    [
        ({}, "unknown"),
        ({"edited": "c1-dirty.0"}, "c1-dirty.0"),
        ({"committed": "c2", "edited": "c1-dirty.0"}, "c2"),
    ],
)
def test_a_run_names_the_commit_that_its_program_s_deploy_has_said(
    prepare: Prepare, s3: Any, said: dict[str, str], commit: str
) -> None:
    put_dataset(s3, NEW)
    for state, name in said.items():
        body = json.dumps({"git_commit": name, "program_digest": "program"})
        s3.put_object(Bucket=CURATED, Key=f"{state}.json", Body=body)
    parameters = prepare.parameters()
    assert (parameters["GitCommit"], parameters["ProgramDigest"]) == (commit, "program")


def test_the_live_model_is_the_champion(prepare: Prepare, s3: Any) -> None:
    put_dataset(s3, NEW)
    prepare.live = ARN
    assert prepare.parameters()["ChampionModelUri"] == "s3://models/m.tar.gz"


def test_a_run_is_sent_to_the_stage_s_own_app_once_there_is_one(
    prepare: Prepare, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_dataset(s3, NEW)
    known = {"/stars/tracking": "arn:aws:sagemaker:us-east-1:1:mlflow-app/a"}

    def read(name: str) -> str:
        if name in known:
            return known[name]
        if name == SETTINGS.live_parameter:
            return NONE
        raise NotReadyError(f"the parameter {name} cannot be read: ParameterNotFound")

    own = dataclasses.replace(SETTINGS, tracking_parameter="/stars/tracking")
    monkeypatch.setattr(prepare.module, "settings", own)
    monkeypatch.setattr(prepare.module.live, "read", read)
    assert prepare.parameters()["TrackingUri"] == known["/stars/tracking"]
    known.clear()
    assert prepare.parameters()["TrackingUri"] == "none"


def test_a_person_may_want_a_run_without_the_champion(prepare: Prepare, s3: Any) -> None:
    put_dataset(s3, NEW)
    prepare.live = ARN
    parameters = {p["Name"]: p["Value"] for p in prepare("without_champion")["parameters"]}
    assert parameters["ChampionModelUri"] == f"s3://{MODELS}/champion-none/"
    # Whatever the stage says of approval: nobody has compared it with the live model.
    assert parameters["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.mark.parametrize("reason", ["dataset", "schedule", "drift", "person"])
def test_any_other_run_leaves_approval_to_the_stage(prepare: Prepare, s3: Any, reason: str) -> None:
    put_dataset(s3, NEW)
    prepare.live = ARN
    names = {parameter["Name"] for parameter in prepare(reason)["parameters"]}
    assert "ModelApprovalStatus" not in names


@pytest.mark.parametrize(
    "mixed", [{"text_rules": "1+2"}, {"detector": "fasttext-176+py3langid-25"}]
)
def test_rows_made_in_two_ways_are_not_learned_from(prepare: Prepare, s3: Any, mixed) -> None:
    put_dataset(s3, NEW, **mixed)
    with pytest.raises(ConfigurationError, match=r" and .*: refine its raw files again"):
        prepare()


def test_where_every_file_was_deleted_no_run_begins(prepare: Prepare, s3: Any) -> None:
    put_dataset(s3, OLD, counts={"kept": 0})
    answer = prepare("person")
    assert answer["proceed"] is False
    assert answer["why"] == f"dataset {OLD} holds no review: every raw file was deleted"


def test_only_the_earliest_of_several_runs_is_earliest(prepare: Prepare, s3: Any) -> None:
    put_dataset(s3, NEW)
    prepare.running.append(Execution("arn", "other", "RUNNING", NOW - timedelta(seconds=1)))
    assert prepare()["proceed"] is False
    prepare.running[1] = Execution("arn", "other", "RUNNING", NOW + timedelta(seconds=1))
    assert prepare()["proceed"] is True


def test_drift_without_new_data_starts_no_run(prepare: Prepare, s3: Any) -> None:
    put_dataset(s3, OLD)
    prepare.live = ARN
    assert "upload recent reviews" in prepare("drift")["why"]
    assert prepare("person")["proceed"] is True
    prepare.metadata["image_uri"] = "older image"
    assert prepare("drift")["proceed"] is False  # other code does not know newer reviews
    put_dataset(s3, NEW)
    assert prepare("drift")["proceed"] is True


@pytest.mark.parametrize("reason", ["dataset", "schedule"])
def test_what_the_live_model_has_learned_is_not_learned_again(
    prepare: Prepare, s3: Any, reason: str
) -> None:
    """A file's event may come twice: the second dataset then lists the same objects."""
    put_dataset(s3, OLD)
    put_dataset(s3, NEW, manifest_sha256=f"sha of {OLD}")
    assert prepare(reason)["proceed"] is True  # nothing is live
    prepare.live = ARN
    assert "by the same code and settings" in prepare(reason)["why"]
    assert prepare("person")["proceed"] is True
    for name in ("image_uri", "configuration_digest"):
        known = prepare.metadata.pop(name)
        assert prepare(reason)["proceed"] is True
        prepare.metadata[name] = known


def test_who_is_earliest_of_those_that_start_in_one_moment() -> None:
    assert is_earliest("a", [("a", 1.0), ("b", 1.0)])
    assert not is_earliest("b", [("a", 1.0), ("b", 1.0)])
    assert is_earliest("a", [])


def test_a_token_is_that_of_one_run() -> None:
    assert token("d", "c", "i", "e") == token("d", "c", "i", "e")
    others = [("dc", "", "i", "e"), ("d", "c", "i", "f"), ("d", "c", "other image", "e")]
    assert len({token("d", "c", "i", "e"), *(token(*words) for words in others)}) == 4


def test_only_finished_datasets_count() -> None:
    assert newest(["datasets/b/manifest.json", "datasets/a/dataset.json"]) == "a"
    assert newest([]) is None


@pytest.mark.parametrize(
    ("steps", "outcome", "reason"),
    [
        ([("Train", "Failed", "too few rows")], "failed", "step Train failed: too few rows"),
        (
            [("Train", "Succeeded", ""), ("Refused", "Failed", "accuracy is 0.4")],
            "refused",
            "accuracy is 0.4",
        ),
    ],
)
def test_a_run_without_a_model_says_why(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    s3: Any,
    steps: list[tuple[str, str, str]],
    outcome: str,
    reason: str,
) -> None:
    conclude = load("lambdas.learn.conclude", SETTINGS)
    found = [Step(*step, metadata={}) for step in steps]
    monkeypatch.setattr(conclude.models, "pipeline_steps", lambda _: found)
    answer = conclude.handler({"pipeline_execution_arn": "p", "dataset_id": OLD}, Context())
    assert (answer["outcome"], answer["reason"]) == (outcome, reason)


def sent(s3: Any, **found: object) -> None:
    body = msgspec.json.encode({"sent": True, "run_id": "r", "message": "m", **found})
    s3.put_object(Bucket=MODELS, Key="runs/run/tracking/tracking.json", Body=body)


def concluded(
    load: Load, monkeypatch: pytest.MonkeyPatch, *steps: Step, tracks: bool = True
) -> dict[str, Any]:
    """What conclude answers of a run with these steps."""
    conclude = load("lambdas.learn.conclude", dataclasses.replace(SETTINGS, tracks=tracks))
    monkeypatch.setattr(conclude.models, "pipeline_steps", lambda _: list(steps))
    event = {"pipeline_execution_arn": "arn:pipeline/p/execution/run", "dataset_id": OLD}
    answer: dict[str, Any] = conclude.handler(event, Context())
    return answer


TRACKED, FAILED = Step("Track", "Succeeded", "", {}), Step("Track", "Failed", "no machine", {})


@pytest.mark.parametrize(
    ("track", "found", "why"),
    [
        (TRACKED, {}, ""),
        (TRACKED, {"sent": False, "message": "no tracking: none"}, "no tracking: none"),
        (FAILED, {}, "step Track ended Failed: no machine"),
        (Step("Track", "Stopped", "", {}), {}, "step Track ended Stopped: no reason given"),
    ],
)
def test_a_run_that_is_not_in_mlflow_says_so_and_is_a_run(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    conclude: Conclude,
    s3: Any,
    track: Step,
    found: dict[str, object],
    why: str,
) -> None:
    sent(s3, **found)
    monkeypatch.setattr(conclude.module.models, "pipeline_steps", lambda _: [conclude.step, track])
    answer = conclude("arn:pipeline/p/execution/run")
    assert (answer["outcome"], answer["untracked"]) == ("registered", why)


def test_a_run_that_left_no_word_of_tracking_is_told(
    load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    answer = concluded(load, monkeypatch, TRACKED)
    assert answer["untracked"].startswith("the run left no runs/run/tracking/tracking.json")
    assert concluded(load, monkeypatch, TRACKED, tracks=False)["untracked"] == ""


def test_a_refusal_stays_one_where_tracking_failed_before_it_was_said(
    load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any
) -> None:
    body = b'{"gate": {"passed": false, "message": "accuracy is 0.4"}}'
    s3.put_object(Bucket=MODELS, Key="runs/run/evaluation/evaluation.json", Body=body)
    answer = concluded(load, monkeypatch, FAILED)
    assert (answer["outcome"], answer["reason"]) == ("refused", "accuracy is 0.4")
    s3.delete_object(Bucket=MODELS, Key="runs/run/evaluation/evaluation.json")
    answer = concluded(load, monkeypatch, FAILED)
    assert (answer["outcome"], answer["reason"]) == ("failed", "step Track failed: no machine")


class Conclude:
    """The handler after a run that registered a package; remembers what it adds to it."""

    EVALUATION = f"s3://{MODELS}/runs/0/evaluation"

    def __init__(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module: ModuleType = load("lambdas.learn.conclude", SETTINGS)
        self.added: dict[str, str] = {}
        self.cards: list[str] = []
        self.step = Step("Register", "Succeeded", "", {"RegisterModel": {"Arn": ARN}})
        origin = package(evaluation_prefix=self.EVALUATION)
        models = self.module.models
        self.evaluation: bytes = msgspec.json.encode({"accuracy": 0.7, "provenance": ORIGIN})
        monkeypatch.setattr(self.module.objects, "read_uri", lambda _: self.evaluation)
        monkeypatch.setattr(models, "pipeline_steps", lambda _: [self.step])
        monkeypatch.setattr(models, "describe_package", lambda _: origin)
        monkeypatch.setattr(models, "add_metadata", lambda _, found: self.added.update(found))
        monkeypatch.setattr(models, "put_card", lambda _, content: self.cards.append(content))

    def __call__(self, execution_arn: str = "p") -> dict[str, Any]:
        event = {"pipeline_execution_arn": execution_arn, "dataset_id": OLD}
        answer: dict[str, Any] = self.module.handler(event, Context())
        return answer


@pytest.fixture
def conclude(load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any) -> Conclude:
    return Conclude(load, monkeypatch)


def put_card(s3: Any, content: bytes) -> None:
    s3.put_object(Bucket=MODELS, Key="runs/0/evaluation/model_card.json", Body=content)


def test_a_registered_package_gets_its_pointers_and_no_approval(
    conclude: Conclude, s3: Any
) -> None:
    put_dataset(s3, NEW)
    answer = conclude()
    assert answer["outcome"] == "registered"
    assert answer["model_package_arn"] == ARN
    assert answer["newer_dataset"] is True
    assert conclude.added["baseline_uri"] == f"{Conclude.EVALUATION}/baseline/"
    assert conclude.added["evaluation_uri"] == f"{Conclude.EVALUATION}/evaluation.json"


def test_a_package_has_the_origin_that_its_job_found_not_the_one_that_was_deployed(
    conclude: Conclude, s3: Any
) -> None:
    conclude()
    assert conclude.added.items() >= ORIGIN.items()


def test_an_origin_that_no_job_recorded_is_unknown(conclude: Conclude, s3: Any) -> None:
    conclude.evaluation = b'{"provenance": {"git_commit": ""}}'
    conclude()
    assert {conclude.added[name] for name in ORIGIN} == {"unknown"}


def test_a_registered_package_gets_the_card_that_evaluate_wrote(
    conclude: Conclude, s3: Any
) -> None:
    put_card(s3, '{"a": "±"}'.encode())
    assert conclude()["model_card"] is True
    assert conclude.cards == ['{"a": "±"}']


def test_a_missing_card_is_said_and_stops_nothing(
    conclude: Conclude, caplog: pytest.LogCaptureFixture
) -> None:
    answer = conclude()
    assert (answer["outcome"], answer["model_card"]) == ("registered", False)
    assert conclude.cards == []
    [said] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert said.message == "no model card"
    assert vars(said)["looked_at"] == f"{Conclude.EVALUATION}/model_card.json"


def test_a_card_that_is_refused_is_a_fault(
    conclude: Conclude, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(arn: str, content: str) -> None:
        raise RuntimeError("Model card content is not valid JSON")

    put_card(s3, b"no card")
    monkeypatch.setattr(conclude.module.models, "put_card", refuse)
    with pytest.raises(RuntimeError, match="not valid JSON"):
        conclude()


def test_a_failed_step_is_named_and_the_gate_speaks_for_itself() -> None:
    assert failed_step([("A", "Succeeded", "")]) == "the pipeline failed without naming a step"
