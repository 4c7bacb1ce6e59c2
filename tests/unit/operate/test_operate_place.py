"""Each command works in the account and region of the stage's file, or says why not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
)

from lambdas.ports import clients, failures, identity
from lambdas.ports.identity import CallerIdentity
from operate.__main__ import main
from operate.errors import InputError, OperateError, describe
from operate.place import Place

DEV = "111111111111"  # configs/dev.yaml


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a command does to this process's environment ends with the test."""
    before = dict(os.environ)
    clients.client.cache_clear()
    yield
    os.environ.clear()
    os.environ.update(before)
    clients.client.cache_clear()


def sign_in(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    arn = f"arn:aws:iam::{account}:user/me"
    monkeypatch.setattr(identity, "caller", lambda: CallerIdentity(account, arn))


def test_region_and_account_are_those_of_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(monkeypatch, DEV)
    shell = {
        "PATH": "/usr/bin",
        "AWS_REGION": "eu-west-3",
        "AWS_PROFILE": "work",
        "PYTHONPATH": "/x",
    }
    Place("dev", shell=shell).enter()
    assert os.environ["AWS_REGION"] == os.environ["AWS_DEFAULT_REGION"] == "us-east-1"
    assert os.environ["CDK_DEFAULT_ACCOUNT"] == DEV
    assert os.environ["AWS_PROFILE"] == "work"
    assert "PYTHONPATH" not in os.environ


@pytest.mark.parametrize("command", [["status"], ["destroy"], ["cdk", "deploy"], ["rollback"]])
def test_another_account_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    sign_in(monkeypatch, "222222222222")
    assert main([command[0], "--stage", "dev", *command[1:]]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"stage dev lives in account {DEV} (configs/dev.yaml)" in said.err
    assert "account 222222222222" in said.err
    assert said.err.count("\n") == 1


def test_an_unknown_stage_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--stage", "nope"]) == 2
    assert "known are dev, local, prod" in capsys.readouterr().err


def test_a_local_stage_that_does_not_run_says_how_to_start_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--home", str(tmp_path)]) == 2
    assert "start it with `make run`" in capsys.readouterr().err


def refusal(code: str, message: str = "so it is") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NoCredentialsError(), "no usable AWS credentials"),
        (ProfileNotFound(profile="work"), "AWS configuration of this shell cannot be used"),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS cannot be reached"),
        (refusal("ExpiredToken"), "have expired (DescribeStacks: ExpiredToken): sign in again"),
        (refusal("InvalidClientTokenId"), "does not know these credentials"),
        (
            refusal("AccessDenied", "no\n such right"),
            "refuses DescribeStacks to these credentials: no such",
        ),
        (refusal("Throttling"), "answered DescribeStacks with Throttling: so it is"),
        (OSError(28, "No space left on device", "/x/y"), "No space left on device: /x/y"),
    ],
)
def test_every_failure_of_a_command_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    sentence: str,
) -> None:
    def fail() -> CallerIdentity:
        raise error

    monkeypatch.setattr(identity, "caller", fail)
    assert main(["destroy", "--stage", "dev"]) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("destroy: ")
    assert said.count("\n") == 1


def test_a_local_cloud_that_died_is_said_with_the_place_of_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> CallerIdentity:
        raise EndpointConnectionError(endpoint_url="https://localhost:4566")

    (tmp_path / "cloud.json").write_text(
        '{"endpoint_url": "https://localhost:1", "ca_bundle": "/x", "account": "0", "region": "r"}'
    )
    monkeypatch.setattr(identity, "caller", fail)
    assert main(["status", "--home", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "the local cloud does not answer" in said
    assert str(tmp_path / "cloud.log") in said


def test_errors_of_ours_are_said_as_they_are() -> None:
    assert describe(InputError("name a file")) == "name a file"
    assert describe(OperateError("so")) == "so"
    assert failures.is_unreachable(EndpointConnectionError(endpoint_url="x"))
    assert not failures.is_unreachable(refusal("AccessDenied"))
