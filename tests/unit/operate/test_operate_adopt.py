"""What a stage kept comes back before the rest is deployed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lambdas.ports import encryption_keys, models, stacks
from lambdas.ports.roles import Credentials
from operate import adopt as adopting
from operate.adopt import adopt
from operate.errors import OperateError
from operate.place import Place

NAME, GROUP = "alias/review-stars-dev-data", "arn:aws:sagemaker:us-east-1:1:model-package-group/g"
KEY = {"Type": "AWS::KMS::Key"}
ALIAS = {
    "Type": "AWS::KMS::Alias",
    "Properties": {"AliasName": NAME, "TargetKeyId": {"Fn::GetAtt": ["Key", "Arn"]}},
}
PACKAGES = {
    "Type": "AWS::SageMaker::ModelPackageGroup",
    "Properties": {"ModelPackageGroupName": "review-stars-dev"},
}


class Account:
    """What is there, and what the CDK was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stacks: set[str] = set()
        self.key: tuple[str, str] | None = ("1234", "Enabled")
        self.group, self.status = GROUP, 0
        self.mapped: dict[str, Any] = {}
        monkeypatch.setattr(stacks, "exists", self.exists)
        monkeypatch.setattr(models, "group_arn", lambda name: self.group)
        by_alias = {NAME: lambda: self.key}
        monkeypatch.setattr(encryption_keys, "by_alias", lambda alias: by_alias[alias]())
        monkeypatch.setattr(adopting, "synthesise", self.synthesise)
        self.keys: list[str] = []  # with which it was looked
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "deployer")
        monkeypatch.setattr("operate.bootstrap.assume_role", self.assume)

    def exists(self, name: str) -> bool:
        self.keys.append(os.environ["AWS_ACCESS_KEY_ID"])
        return name in self.stacks

    def synthesise(self, place: Place, out: Path) -> Path:
        made = {"Foundation": {"Key": KEY, "Alias": ALIAS}, "Learning": {"Packages": PACKAGES}}
        for stack, resources in made.items():
            (out / f"{stack}.template.json").write_text(json.dumps({"Resources": resources}))
        return out

    def assume(self, arn: str, session: str) -> Credentials:
        assert ":role/cdk-hnb659fds-lookup-role-" in arn
        return Credentials("lookup", "secret", "token")

    def run(self, *arguments: str) -> int:
        command, stack, option, mapping = arguments
        assert (command, option) == ("import", "--resource-mapping")
        self.mapped[stack] = json.loads(Path(mapping).read_text())
        return self.status

    def adopt(self) -> None:
        adopt(Place("dev"), self.run, log=lambda line: None)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(monkeypatch)


def test_keys_and_models_come_back_by_what_they_are_known_by(account: Account) -> None:
    account.adopt()
    assert account.mapped == {
        "Foundation": {"Alias": {"AliasName": NAME}, "Key": {"KeyId": "1234"}},
        "Learning": {"Packages": {"ModelPackageGroupArn": GROUP}},
    }


def test_who_may_take_the_cdk_s_roles_and_nothing_else_takes_back_what_was_kept(
    account: Account,
) -> None:
    account.adopt()
    assert set(account.keys) == {"lookup"}
    assert os.environ["AWS_ACCESS_KEY_ID"] == "deployer"


def test_what_stands_or_was_not_kept_is_left_alone(account: Account) -> None:
    account.stacks, account.group = {"review-stars-dev-foundation"}, ""
    account.adopt()
    assert account.mapped == {}


def test_nothing_is_deployed_over_an_import_that_failed(account: Account) -> None:
    account.status = 1
    with pytest.raises(OperateError, match="cdk import Foundation failed"):
        account.adopt()
    assert list(account.mapped) == ["Foundation"]
