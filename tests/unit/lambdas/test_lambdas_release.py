"""The Release machine's functions: may it go out, does it serve, does it answer, what is left."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from lambdas.contract.firewall import FILTERED
from lambdas.ports.models import EndpointState, Package
from lambdas.release.decide import decide, rollout, stale
from lambdas.release.golden_set import compare
from lambdas.settings import ReleaseSettings
from reviews.errors import NotReadyError
from reviews.golden import GoldenLine, read_golden
from tests.unit.lambdas.conftest import MODELS, Context, Load, emitted

GROUP = "review-stars-local"
ARN = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{GROUP}"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
SETTINGS = ReleaseSettings(
    stage="local",
    endpoint_name=GROUP,
    endpoint_stack=f"{GROUP}-endpoint",
    live_parameter=f"/{GROUP}/live",
    models_bucket=MODELS,
    model_package_group=GROUP,
    name_prefix=GROUP,
    signing_key="arn:aws:kms:us-east-1:123456789012:key/signing",
    signature="required",
    api_id="api",
    api_stage="local",
    alarm_names="one,two",
)


def package(version: int = 2, **changes: Any) -> Package:
    metadata = {"evaluation_uri": "s3://models/e.json"}
    data = f"s3://{MODELS}/runs/1/model.tar.gz"
    found = Package(
        f"{ARN}/{version}", version, "Completed", "Approved", NOW, GROUP, data, metadata
    )
    return replace(found, **changes)


def decision(found: Package | None = None, **changes: Any) -> tuple[str, str]:
    asked: dict[str, Any] = {
        "group": GROUP,
        "live": f"{ARN}/1",
        "served": f"{ARN}/1",
        "alarming": [],
        "force": False,
        "signature_fault": lambda _: "",
    }
    made = decide(found, **(asked | changes))
    return made.action, made.reason


def test_a_sound_package_goes_out() -> None:
    assert decision(package())[0] == "release"


def test_what_is_served_already_is_left_alone() -> None:
    assert decision(package(1))[0] == "serving"
    assert decision(package(1), served="")[0] == "release"


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (None, "no such"),
        (package(group="other"), "other"),
        (package(approval="Rejected"), "Rejected"),
        (package(status="Failed"), "Failed"),
        (package(metadata={}), "gate"),
    ],
)
def test_an_unsound_package_is_refused_by_name(found: Package | None, word: str) -> None:
    action, reason = decision(found)
    assert action == "refuse"
    assert word in reason


def test_a_ringing_guardrail_holds_a_release_up_unless_it_is_forced() -> None:
    action, reason = decision(package(), alarming=["api-errors"])
    assert action == "refuse"
    assert "api-errors" in reason
    assert decision(package(), alarming=["api-errors"], force=True)[0] == "release"


@pytest.mark.parametrize("force", [False, True])
def test_what_cannot_be_trusted_is_released_neither_freely_nor_by_force(force: bool) -> None:
    wrong = {"signature_fault": lambda p: f"{p.model_data_url}: it is not signed"}
    action, reason = decision(package(), force=force, **wrong)
    assert action == "refuse"
    assert "version 2 cannot be trusted" in reason
    assert "it is not signed" in reason
    assert decision(package(1), **wrong)[0] == "serving"


@pytest.mark.parametrize(
    ("version", "live", "force", "expected"),
    [
        (2, f"{ARN}/1", False, "canary"),
        (2, "none", False, "at_once"),
        (2, f"{ARN}/1", True, "at_once"),
        (9, f"{ARN}/10", False, "at_once"),
    ],
)
def test_an_undo_a_first_release_and_force_go_at_once(
    version: int, live: str, force: bool, expected: str
) -> None:
    assert rollout(f"{ARN}/{version}", live, force=force) == expected


def test_only_what_serves_nobody_and_is_ours_is_stale() -> None:
    names = [f"{GROUP}--{v}-a1b2c3-{r}" for v, r in (("1", "aaaa"), ("2", "bbbb"), ("10", "none"))]
    others = [f"{GROUP}-two--7-a1b2c3-aaaa", f"{GROUP}-old", "another--1-a1b2c3-aaaa"]
    assert stale([*names, *others], GROUP, ["2", "10"]) == [names[0]]


def archive(lines: list[dict[str, Any]] | None) -> io.BytesIO:
    body = b"\n".join(json.dumps(line).encode() for line in lines or [])
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in (("./model.json", b"{}"), ("./golden.jsonl", body)):
            if name.endswith("jsonl") and lines is None:
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    made.seek(0)
    return made


def golden(n: int = 25) -> list[dict[str, Any]]:
    return [
        {
            "title": "t",
            "text": f"{i}",
            "verified_purchase": None,
            "stars": 5,
            "probabilities": [0.0, 0.0, 0.0, 0.2, 0.8],
        }
        for i in range(n)
    ]


def lines(n: int = 25) -> list[GoldenLine]:
    return msgspec.convert(golden(n), list[GoldenLine])


def test_the_golden_set_is_read_out_of_the_model() -> None:
    assert read_golden(archive(golden())) == lines()
    with pytest.raises(FileNotFoundError, match=r"golden\.jsonl"):
        read_golden(archive(None))


def test_answers_match_within_a_hundred_thousandth() -> None:
    def ask(off: float) -> Any:
        probabilities = [0.0, 0.0, off, 0.2 - off, 0.8]
        return lambda rows: [{"stars": 5, "probabilities": probabilities} for _ in rows]

    assert compare(lines(), ask(9e-6), 10).passed
    assert not compare(lines(), ask(2e-5), 10).passed
    assert not compare([], ask(0), 10).passed


def test_missing_answers_and_other_stars_do_not_match() -> None:
    def lost(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"stars": 5, "probabilities": golden(1)[0]["probabilities"]}]

    assert compare(lines(3), lost, 10).differing == (2, 3)
    wrong = compare(lines(1), lambda _: [{"stars": 1, "probabilities": []}], 10)
    assert wrong.differing == (1,)


class FakeApi:
    """Answers as told, a status a call."""

    def __init__(self, statuses: list[int]) -> None:
        self.statuses = statuses
        self.bodies: list[dict[str, Any]] = []

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        self.bodies.append(json.loads(body))
        status = self.statuses.pop(0) if self.statuses else 200
        rows = self.bodies[-1]["reviews"]
        ratings = [{"stars": 5, "probabilities": golden(1)[0]["probabilities"]} for _ in rows]
        return status, json.dumps({"ratings": ratings}).encode()


@pytest.mark.parametrize(
    ("statuses", "passes"), [([], True), ([503, 503], True), ([503] * 9, False)]
)
def test_the_golden_set_is_asked_through_the_api_and_again_where_it_is_not_ready(
    load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any, statuses: list[int], passes: bool
) -> None:
    module = load("lambdas.release.golden", SETTINGS)
    api = FakeApi(statuses)
    monkeypatch.setattr(module, "SignedApi", lambda *_: api)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    monkeypatch.setattr(module.models, "describe_package", lambda _: package())
    s3.put_object(Bucket=MODELS, Key="runs/1/model.tar.gz", Body=archive(golden()).getvalue())
    event = {"model_package_arn": f"{ARN}/2"}
    if not passes:
        with pytest.raises(NotReadyError, match="503"):
            module.handler(event, Context())
        return
    answer = module.handler(event, Context())
    assert (answer["asked"], answer["matched"], answer["passed"]) == (25, 25, True)
    assert max(len(body["reviews"]) for body in api.bodies) <= 10


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (403, {"detail": FILTERED}, "its firewall refused them; the log aws-waf-logs-"),
        (403, {"message": "Forbidden"}, "its firewall refused them"),
        (403, {"detail": "Sign the request"}, "5 times: Sign the request$"),
        (503, {"detail": "the model is busy"}, "5 times: the model is busy$"),
    ],
)
def test_a_golden_set_that_is_refused_says_by_whom(
    load: Load, monkeypatch: pytest.MonkeyPatch, status: int, answer: dict[str, str], why: str
) -> None:
    module = load("lambdas.release.golden", SETTINGS)
    answers = (status, json.dumps(answer).encode())
    monkeypatch.setattr(module, "SignedApi", lambda *_: SimpleNamespace(post=lambda *_: answers))
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    with pytest.raises(NotReadyError, match=rf"answered {status} .*{why}"):
        module._ask([{"text": "a"}])


def test_what_serves_is_looked_at_and_a_silent_rollback_is_seen(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load("lambdas.release.verify", SETTINGS)
    served = {"arn": f"{ARN}/2", "status": "InService"}
    monkeypatch.setattr(module.stacks, "failure", lambda _: "Endpoint: an alarm rang")
    monkeypatch.setattr(
        module.models,
        "served_package",
        lambda _: (EndpointState(served["status"], "config", ""), served["arn"]),
    )
    event = {"model_package_arn": f"{ARN}/2"}
    assert module.handler(event, Context())["served"] is True
    served["arn"] = f"{ARN}/1"
    answer = module.handler(event, Context())
    assert answer["served"] is False
    assert "version 1" in answer["reason"]
    assert "an alarm rang" in answer["reason"]


def test_an_absent_endpoint_serves_nothing(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("lambdas.release.verify", SETTINGS)
    monkeypatch.setattr(module.stacks, "failure", lambda _: "")

    def absent(_: str) -> None:
        raise FileNotFoundError("no endpoint")

    monkeypatch.setattr(module.models, "served_package", absent)
    answer = module.handler({"model_package_arn": f"{ARN}/2"}, Context())
    assert (answer["served"], answer["reason"]) == (False, "no endpoint")


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_FAILED"])
def test_a_wedged_stack_is_recognised_before_anything_is_touched(
    load: Load, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    module = load("lambdas.release.validate", SETTINGS)
    served = (EndpointState("InService", "c", ""), f"{ARN}/1")
    monkeypatch.setattr(module.parameters, "read", lambda _: f"{ARN}/1")
    monkeypatch.setattr(module.models, "describe_package", lambda _: package())
    monkeypatch.setattr(module.models, "served_package", lambda _: served)
    monkeypatch.setattr(module.alarms, "in_alarm", lambda names: [] if len(names) == 2 else names)
    monkeypatch.setattr(module.stacks, "status", lambda _: status)
    monkeypatch.setattr(module.stacks, "parameters", lambda _: {"SigningKeys": "b2xk"})
    monkeypatch.setattr(module.encryption_keys, "public_key", lambda _: b"new")
    monkeypatch.setattr(module, "signature_fault", lambda found, **_: "")
    answer = module.handler({"model_package_arn": f"{ARN}/2"}, Context())
    assert answer["previous_package_arn"] == f"{ARN}/1"
    assert (answer["signing_keys"], answer["previous_signing_keys"]) == ("bmV3", "b2xk")
    if status == "UPDATE_COMPLETE":
        assert (answer["action"], answer["rollout"]) == ("release", "canary")
    else:
        assert answer["action"] == "refuse"
        assert "cdk rollback Endpoint" in answer["reason"]


@pytest.mark.parametrize(("outcome", "wanted"), [("released", 3), ("released", 1), ("failed", 3)])
def test_a_release_is_recorded_and_only_a_success_sweeps_what_nobody_wants(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    s3: Any,
    capsys: pytest.CaptureFixture[str],
    outcome: str,
    wanted: int,
) -> None:
    """wanted: what the stack asks for, which is a later release's where two meet."""
    module = load("lambdas.release.record", SETTINGS)
    asked = {"ModelPackageArn": f"{ARN}/{wanted}"}
    monkeypatch.setattr(module.stacks, "parameters", lambda stack: asked)
    deleted: list[str] = []
    names = [f"{GROUP}--{v}-a1b2c3-aaaa" for v in (1, 2, 3)]
    monkeypatch.setattr(module.models, "names_of", lambda kind, prefix: names)
    monkeypatch.setattr(module.models, "delete_model", deleted.append)
    monkeypatch.setattr(module.models, "delete_endpoint_config", deleted.append)
    event = {
        "model_package_arn": f"{ARN}/3",
        "previous_package_arn": f"{ARN}/2",
        "outcome": outcome,
        "reason": "50 of 50 golden answers match",
        "execution": "arn:aws:states:us-east-1:1:execution:release:abc",
    }
    answer = module.handler(event, Context())
    assert deleted == ([names[0], names[0]] if (outcome, wanted) == ("released", 3) else [])
    record = json.loads(s3.get_object(Bucket=MODELS, Key=answer["record"])["Body"].read())
    assert record["outcome"] == outcome
    assert record["model_package_arn"] == f"{ARN}/3"
    assert answer["record"].endswith("-abc.json")
    (metric,) = emitted(capsys.readouterr().out)
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage"]]


@pytest.mark.parametrize(
    ("command", "decided", "outcome", "said"),
    [
        ("sleep", 2, "released", "the stage was put to sleep by ann at noon, and this release has"),
        ("rollback", 1, "released", "version 1 was gone back to by ann at noon, and this release"),
        ("rollback", 3, "released", ""),  # what the person asked for
        ("wake", 3, "released", ""),
        ("release", 2, "released", ""),  # a newer one follows: nothing is undone
        ("sleep", 2, "failed", ""),
    ],
)
def test_a_person_s_decision_is_undone_once_and_never_in_silence(
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    s3: Any,
    command: str,
    decided: int,
    outcome: str,
    said: str,
) -> None:
    module = load("lambdas.release.record", SETTINGS)
    monkeypatch.setattr(module.models, "names_of", lambda kind, prefix: [])
    monkeypatch.setattr(module.stacks, "parameters", lambda stack: {})
    decision = {"command": command, "model_package_arn": f"{ARN}/{decided}"}
    body = json.dumps({**decision, "by": "ann", "time": "noon", "outcome": "asked"})
    s3.put_object(Bucket=MODELS, Key="releases/decision.json", Body=body)
    event = {"model_package_arn": f"{ARN}/3", "outcome": outcome, "execution": "e:abc"}
    first = module.handler(event, Context())
    record = json.loads(s3.get_object(Bucket=MODELS, Key=first["record"])["Body"].read())
    assert ("by ann at noon" in first["message"]) is bool(said)
    assert said in first["message"]  # the message that goes to the topic
    assert record.get("undoes", "").startswith(said)
    assert "ann" not in module.handler(event, Context())["message"]
