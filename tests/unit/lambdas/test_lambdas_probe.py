"""The probe: what should be answered, what counts as wrong, and what it counts itself."""

from __future__ import annotations

import io
import json
import tarfile
import time
from datetime import date
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lambdas.contract.live import NONE
from lambdas.contract.problems import ENDPOINT_MISSING, NOT_DEPLOYED, type_of
from lambdas.ports.models import EndpointState
from lambdas.probe.question import Answer, Expected, Probe
from lambdas.settings import ProbeSettings
from reviews.golden import GoldenLine
from tests.unit.lambdas.conftest import MODELS, Context, Load, emitted

ARN = "arn:aws:sagemaker:us-east-1:123456789012:model-package/review-stars-local/1"
SHARES = [0.1, 0.1, 0.1, 0.2, 0.5]
SECRET = "word that no log may hold"
LINE = GoldenLine("t", SECRET, None, 5, SHARES)
SETTINGS = ProbeSettings(
    stage="local",
    endpoint_name="review-stars-local",
    live_parameter="/review-stars-local/live",
    api_id="api",
    api_stage="local",
    runtime="3.13",
)


def answer(status: int = 200, milliseconds: float = 20, **content: Any) -> Answer:
    return Answer(status, json.dumps(content).encode(), milliseconds)


RIGHT = answer(stars=5, probabilities=SHARES)
OTHER = answer(stars=1, probabilities=SHARES[::-1])
NOT_YET = answer(503, type=type_of(NOT_DEPLOYED))
MISSING = answer(503, type=type_of(ENDPOINT_MISSING))
SERVED = Expected(ARN, LINE, is_settled=True)
REPLACED = Expected(ARN, LINE)
ASLEEP = Expected(NONE)
GONE = Expected(ARN)


@pytest.mark.parametrize(
    ("expected", "given"),
    [(SERVED, RIGHT), (REPLACED, RIGHT), (REPLACED, OTHER), (ASLEEP, NOT_YET), (GONE, RIGHT)],
)
def test_an_answer_that_fits_what_is_served_is_right(expected: Expected, given: Answer) -> None:
    assert expected.fault(given) == ""


@pytest.mark.parametrize(
    ("expected", "given", "word"),
    [
        (SERVED, OTHER, "not the one that the served package gave"),
        (SERVED, answer(stars=5), "without stars"),
        (SERVED, answer(stars=5, probabilities=[0.2] * 4), "without stars"),
        (SERVED, answer(stars=5, probabilities=[9.0] * 5), "without stars"),
        (SERVED, answer(stars=5, probabilities=["a"] * 5), "without stars"),
        (SERVED, answer(stars="5", probabilities=SHARES), "without stars"),
        (SERVED, Answer(200, b"<html>", 20), "without stars"),
        (SERVED, Answer(200, b"[]", 20), "without stars"),
        (SERVED, Answer(200, b"\xff", 20), "without stars"),
        (REPLACED, answer(stars=0, probabilities=SHARES), "without stars"),
        (SERVED, NOT_YET, "503: urn:review-stars:model_not_deployed"),
        (GONE, MISSING, "503: urn:review-stars:endpoint_missing"),
        (SERVED, answer(403), "403: no reason"),
        (ASLEEP, RIGHT, "answered 200, and no model is released"),
        (ASLEEP, MISSING, "answered 503, and no model is released"),
        (ASLEEP, Answer(502, b"<html>", 20), "answered 502, and no model is released"),
        (SERVED, Answer(0, b"", 20, "TimeoutError"), "no answer: TimeoutError"),
    ],
)
def test_any_other_answer_says_what_is_wrong_and_no_word_of_the_question(
    expected: Expected, given: Answer, word: str
) -> None:
    fault = expected.fault(given)
    assert word in fault
    assert SECRET not in fault


class Clock:
    """Answers in turn, each some seconds after the last; the last answer again and again."""

    def __init__(self, *answers: Answer, looks: list[Expected]) -> None:
        self.answers = list(answers)
        self.looks = looks
        self.looked = self.asked = 0
        self.now = 0.0

    def look(self) -> Expected:
        self.looked += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def ask(self, body: bytes) -> Answer:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def pause(self) -> None:
        self.now += 4

    def probe(self) -> Probe:
        return Probe(self.look, self.ask, self.pause, lambda: self.now)


def test_what_is_served_is_looked_at_once_while_answers_fit() -> None:
    world = Clock(RIGHT, looks=[SERVED])
    probe = world.probe()
    assert [probe.run(12).fault for _ in range(5)] == [""] * 5
    assert (world.looked, world.asked) == (1, 5)


def test_one_failure_is_asked_again_as_a_client_does() -> None:
    world = Clock(answer(503), RIGHT, looks=[SERVED])
    assert world.probe().run(12).fault == ""
    assert (world.asked, world.looked) == (2, 2)


def test_what_stays_wrong_is_a_fault_once_there_is_no_more_time() -> None:
    world = Clock(answer(503), looks=[SERVED])
    assert "503" in world.probe().run(12).fault
    assert world.asked == 4  # at 0, 4, 8 and 12 seconds


def test_a_new_model_is_no_fault_and_is_asked_its_own_question() -> None:
    other = Expected(f"{ARN[:-1]}2", GoldenLine("", "x", None, 1, SHARES[::-1]), is_settled=True)
    world = Clock(RIGHT, OTHER, looks=[SERVED, other])
    probe = world.probe()
    assert probe.run(12).fault == ""
    assert probe.run(12).fault == ""
    assert world.looked == 2


def test_while_a_model_is_replaced_nothing_is_remembered() -> None:
    world = Clock(RIGHT, OTHER, looks=[REPLACED])
    probe = world.probe()
    assert (probe.run(12).fault, probe.run(12).fault) == ("", "")
    assert world.looked == 2


def test_a_stage_that_falls_asleep_is_no_fault_and_one_that_wakes_is_asked_again() -> None:
    world = Clock(RIGHT, NOT_YET, NOT_YET, NOT_YET, RIGHT, looks=[SERVED, ASLEEP, ASLEEP, SERVED])
    probe = world.probe()
    assert [probe.run(12).fault for _ in range(4)] == [""] * 4
    assert (world.asked, world.looked) == (5, 4)


def test_one_slow_answer_is_asked_again_and_the_last_one_counts() -> None:
    slow = Answer(200, RIGHT.body, 5_000)
    assert Clock(slow, RIGHT, looks=[SERVED]).probe().run(12).milliseconds == 20
    assert Clock(slow, looks=[SERVED]).probe().run(12).milliseconds == 5_000


def archive() -> bytes:
    body = json.dumps(
        {"title": "t", "text": SECRET, "verified_purchase": None, "stars": 5,
         "probabilities": SHARES}
    ).encode()  # fmt: skip
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        info = tarfile.TarInfo("golden.jsonl")
        info.size = len(body)
        tar.addfile(info, io.BytesIO(body))
    return made.getvalue()


@pytest.fixture
def module(load: Load, monkeypatch: pytest.MonkeyPatch, s3: Any) -> ModuleType:
    """The function in a stage where a model serves, and the API answers rightly."""
    made = load("lambdas.probe.ask", SETTINGS)
    s3.put_object(Bucket=MODELS, Key="runs/1/model.tar.gz", Body=archive())
    package = SimpleNamespace(model_data_url=f"s3://{MODELS}/runs/1/model.tar.gz")
    monkeypatch.setattr(made.parameters, "read", lambda _: ARN)
    served = (EndpointState("InService", "c", ""), ARN)
    monkeypatch.setattr(made.models, "served_package", lambda _: served)
    monkeypatch.setattr(made.models, "describe_package", lambda _: package)
    monkeypatch.setattr(made.time, "sleep", lambda _: None)
    monkeypatch.setattr(made, "NO_MORE_TRIES_AFTER_SECONDS", 0)
    posted(monkeypatch, made, RIGHT)
    return made


def posted(monkeypatch: pytest.MonkeyPatch, module: ModuleType, given: Answer) -> None:
    def post(path: str, body: bytes) -> tuple[int, bytes]:
        if not given.status:
            raise TimeoutError("the text was " + SECRET)
        return given.status, given.body

    monkeypatch.setattr(module.api, "post", post)


def counted(printed: str) -> dict[str, float]:
    [line] = emitted(printed)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage"]]
    names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    return {name: line[name][0] for name in names}


def test_a_right_answer_is_counted_with_its_time_and_what_is_left_of_the_certificate(
    module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    module.api.certificate_ends = time.time() + 20 * 86_400
    assert module.handler({}, Context()) == {"fault": ""}
    found = counted(capsys.readouterr().out)
    assert found["ProbeSuccess"] == 1
    assert found["ProbeMilliseconds"] >= 0
    assert found["CertificateDays"] == pytest.approx(20, abs=0.1)
    assert found["RuntimeDays"] == (date(2029, 6, 30) - date.today()).days


@pytest.mark.parametrize("given", [Answer(0, b"", 0), answer(503), OTHER])
def test_a_wrong_answer_is_counted_and_no_word_of_the_question_is_logged(
    module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: Answer,
) -> None:
    posted(monkeypatch, module, given)
    assert module.handler({}, Context())["fault"]
    printed = capsys.readouterr().out
    found = counted(printed)
    assert found["ProbeSuccess"] == 0
    assert "ProbeMilliseconds" not in found
    assert SECRET not in printed


def test_an_endpoint_that_is_gone_is_a_fault_though_no_question_is_known(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: str) -> None:
        raise FileNotFoundError("no endpoint")

    monkeypatch.setattr(module.models, "served_package", gone)
    posted(monkeypatch, module, MISSING)
    assert "endpoint_missing" in module.handler({}, Context())["fault"]


def test_a_probe_that_cannot_judge_counts_nothing_which_is_bad_too(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(_: str) -> None:
        raise PermissionError("denied")

    monkeypatch.setattr(module.models, "served_package", denied)
    with pytest.raises(PermissionError), pytest.warns(UserWarning, match="No application metrics"):
        module.handler({}, Context())
    assert not emitted(capsys.readouterr().out)
