"""A deploy is judged by what the API answers; a first one, without a model, is no fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.contract import outputs
from lambdas.ports.api import SignedApi
from operate import deployment, smoke
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.place import Place

GOOD = {"model_version": "3", "stars": 1, "probabilities": [0.6, 0.1, 0.1, 0.1, 0.1]}
PLACE = Place("dev")
DEPLOYED = Deployment(PLACE, {outputs.API_ID: "abc", outputs.API_STAGE: "dev"})


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, dict[str, Any]]]:
    """What the API answers to questions, in turn, the last one for ever; version 3 is live."""
    left: list[tuple[int, dict[str, Any]]] = []

    def post(self: SignedApi, path: str, body: bytes) -> tuple[int, bytes]:
        assert (self.api_id, path) == ("abc", "/v1/ratings")
        status, answer = left.pop(0) if len(left) > 1 else left[0]
        return status, json.dumps(answer).encode()

    monkeypatch.setattr(SignedApi, "post", post)
    monkeypatch.setattr(SignedApi, "get", lambda self, path: (200, b'{"model_version": "3"}'))
    monkeypatch.setattr(smoke, "WAIT_SECONDS", 0)
    return left


def test_an_api_that_answers_is_well(answers: list[Any]) -> None:
    answers.append((200, GOOD))
    assert smoke.smoke(DEPLOYED) == "version 3 answers: 1 stars"


def test_an_instance_that_has_just_begun_is_asked_again(answers: list[Any]) -> None:
    answers += [(504, {}), (503, {"type": "about:blank"}), (200, GOOD)]
    assert smoke.smoke(DEPLOYED) == "version 3 answers: 1 stars"


def test_a_stage_without_a_model_is_no_fault(answers: list[Any]) -> None:
    answers.append((503, {"type": "urn:review-stars:model_not_deployed"}))
    assert smoke.smoke(DEPLOYED) == "the API answers, and no model is released yet"


@pytest.mark.parametrize(
    ("status", "answer", "sentence"),
    [
        (503, {"type": "urn:review-stars:endpoint_missing"}, "answered 503, 5 times"),
        (403, {"message": "Forbidden"}, "answered 403, 5 times: Forbidden"),
        (200, {**GOOD, "probabilities": [0.6, 0.1]}, "without five probabilities"),
        (200, {**GOOD, "probabilities": [1, 1, 1, 1, 1]}, "without five probabilities"),
        (200, {**GOOD, "stars": 6}, "answered 200 with 6 stars"),
        (200, {**GOOD, "stars": None}, "answered 200 with None stars"),
        (200, {**GOOD, "model_version": "2"}, "version 2 answers, and /v1/model says that 3 does"),
    ],
)
def test_what_is_not_as_it_must_be_fails(
    answers: list[Any], status: int, answer: dict[str, Any], sentence: str
) -> None:
    answers.append((status, answer))
    with pytest.raises(OperateError, match=sentence):
        smoke.smoke(DEPLOYED)


def test_the_address_comes_from_what_the_deploy_has_written(tmp_path: Path) -> None:
    place = Place("dev", home=tmp_path)
    with pytest.raises(InputError, match="it is written by make deploy STAGE=dev"):
        deployment.read_file(place, deployment.outputs_file(place))
    file = deployment.outputs_file(place)
    file.parent.mkdir()
    file.write_text(json.dumps({"review-stars-dev-serving": {"ApiId": "abc"}, "x": {}}))
    assert deployment.read_file(place, file)[outputs.API_ID] == "abc"
