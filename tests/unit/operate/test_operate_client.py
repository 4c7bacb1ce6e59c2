"""Credentials for a shell, and one question as a client asks it."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lambdas.ports.api import SignedApi
from lambdas.ports.roles import Credentials
from operate import client
from operate.__main__ import main
from operate.errors import InputError, OperateError
from operate.place import Place
from tests.unit.operate.conftest import Aws

KEYS = Credentials("AKIA", "se/cr+et=", "to'ken $HOME")
ODD = "my projects é/review 'stars'"


@pytest.fixture
def odd_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / ODD
    home.mkdir(parents=True)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(home / "ca.crt"))
    return home


def test_a_shell_reads_client_env_whatever_is_in_a_path(odd_home: Path) -> None:
    file = odd_home / "client.env"
    client.write_environment(file, "https://localhost:4566/x", KEYS)
    script = 'set -a; . "$1"; set +a; printf "%s\\n" "$AWS_CA_BUNDLE" "$AWS_SESSION_TOKEN"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [str(odd_home / "ca.crt"), KEYS.session_token]
    assert client.read_environment(file)["AWS_CA_BUNDLE"] == str(odd_home / "ca.crt")
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().splitlines()) == 7


def test_plain_values_stay_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/plain/ca.crt")
    client.write_environment(tmp_path / "client.env", "https://localhost:4566/x", KEYS)
    lines = (tmp_path / "client.env").read_text().splitlines()
    assert "API_URL=https://localhost:4566/x" in lines
    assert "AWS_CA_BUNDLE=/plain/ca.crt" in lines


def test_client_env_is_renewed_before_it_expires(aws: Aws, tmp_path: Path) -> None:
    file = client.ClientFile(aws.deployment, tmp_path / "client.env")
    now = datetime.now(UTC)
    assert file.keep_fresh(now)
    first = file.path.read_text()
    assert file.expires is not None
    assert file.expires - now > timedelta(minutes=50)
    assert not file.keep_fresh(now + timedelta(minutes=30))
    assert file.path.read_text() == first
    assert file.keep_fresh(now + timedelta(minutes=45))
    assert file.path.read_text() != first


class Answers:
    """An API that answers with what it was given, and keeps what it was asked."""

    def __init__(self, status: int, answer: dict[str, Any] | bytes) -> None:
        self.status = status
        self.body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.asked: list[dict[str, Any]] = []

    def post(self, api: SignedApi, path: str, body: bytes) -> tuple[int, bytes]:
        assert path == "/v1/ratings"
        assert api.credentials is not None
        self.asked.append(json.loads(body))
        return self.status, self.body


def answering(
    monkeypatch: pytest.MonkeyPatch, status: int, answer: dict[str, Any] | bytes
) -> Answers:
    made = Answers(status, answer)
    monkeypatch.setattr(SignedApi, "post", lambda *given: made.post(*given))
    return made


def test_a_question_is_asked_as_the_client_and_answered(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = answering(monkeypatch, 200, {"stars": 1})
    assert client.ask(aws.deployment, {"text": "It broke."}) == {"stars": 1}
    assert api.asked == [{"text": "It broke."}]


def test_asking_the_local_stage_renews_client_env(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answering(monkeypatch, 200, {"stars": 1})
    here = type(aws.deployment)(Place("local", tmp_path), aws.deployment.outputs)
    client.ask(here, {"text": "x"})
    assert "AWS_SESSION_TOKEN" in client.read_environment(tmp_path / "client.env")


@pytest.mark.parametrize(
    ("status", "answer", "error", "sentence"),
    [
        (400, {"detail": "is required", "pointer": "/text"}, InputError, "400: /text: is required"),
        (503, {"detail": "no model is released"}, OperateError, "503: no model is released"),
        (403, {"message": "Forbidden"}, OperateError, "403: Forbidden"),
        (502, b"<html>", OperateError, "502: what came is no JSON"),
        (500, {}, OperateError, "500: it gave no reason"),
    ],
)
def test_what_the_api_refuses_is_one_sentence(
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    answer: dict[str, Any] | bytes,
    error: type[OperateError],
    sentence: str,
) -> None:
    answering(monkeypatch, status, answer)
    with pytest.raises(error, match=sentence) as told:
        client.ask(aws.deployment, {"text": "a secret"})
    assert type(told.value) is error
    assert "a secret" not in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "review"),
    [
        (["--text", "x"], {"text": "x", "explain": False}),
        (
            ["--text", "x", "--title", "t", "--verified", "no", "--explain"],
            {"text": "x", "title": "t", "verified_purchase": False, "explain": True},
        ),
    ],
)
def test_the_command_asks_what_was_typed_and_prints_the_answer(
    aws: Aws,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    review: dict[str, Any],
) -> None:
    api = answering(monkeypatch, 200, {"stars": 5, "words": "é"})
    monkeypatch.setattr("operate.__main__._deployed", lambda asked: aws.deployment)
    assert main(["ask", *arguments]) == 0
    assert api.asked == [review]
    assert json.loads(capsys.readouterr().out) == {"stars": 5, "words": "é"}


def test_the_probe_asks_as_itself_and_stops_at_the_first_refusal(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = answering(monkeypatch, 200, {"stars": 4})
    answers = client.probe_as(aws.deployment)
    assert answers.stars == [4, 4, 4]
    assert len(api.asked) == client.ROUNDS * len(client.QUESTIONS)
    assert all(question["allow_unsupported"] for question in api.asked)  # by models of any language
    refusing = answering(monkeypatch, 503, {"detail": "no model is released"})
    assert client.probe_as(aws.deployment).status == 503
    assert len(refusing.asked) == 1
