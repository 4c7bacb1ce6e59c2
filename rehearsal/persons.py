"""The persons of a rehearsal: users of the account, each with the rights of that person alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3

from infra.stage import Stage

Json = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Who plays a part. keys: the AWS_* variables of their credentials."""

    name: str
    keys: Mapping[str, str]


def create(stage: Stage, name: str) -> Person:
    """Make a user with the rights that docs/production.md gives this person, and a key of theirs.

    Called with the administrator's credentials.
    """
    iam = boto3.client("iam")
    with suppress(iam.exceptions.EntityAlreadyExistsException):  # in a cloud that is held
        iam.create_user(UserName=name)
    for old in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=old["AccessKeyId"])
    if statements := _rights(stage).get(name, []):
        document = {"Version": "2012-10-17", "Statement": statements}
        iam.put_user_policy(
            UserName=name, PolicyName="rehearsal", PolicyDocument=json.dumps(document)
        )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Person(
        name,
        {
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        },
    )


def in_role(person: Person, role_arn: str, variables: Mapping[str, str]) -> Person:
    """The same person in a role. Raises ClientError where it does not let them in."""
    sts = boto3.client(
        "sts",
        aws_access_key_id=person.keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=person.keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=person.keys.get("AWS_SESSION_TOKEN"),
        endpoint_url=variables["AWS_ENDPOINT_URL"],
    )
    found = sts.assume_role(RoleArn=role_arn, RoleSessionName=person.name)["Credentials"]
    keys = {
        "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
        "AWS_SESSION_TOKEN": found["SessionToken"],
    }
    return Person(person.name, keys)


def _rights(stage: Stage) -> dict[str, list[Json]]:
    """docs/production.md, steps 4 and 9; of the stranger none."""
    roles = f"arn:aws:iam::{stage.account}:role"

    def assume(resource: str) -> list[Json]:
        return [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": resource}]

    promoters = f"arn:aws:iam::*:role/*-promoter-{stage.region}"  # of both accounts

    return {
        "deployer": assume(f"{roles}/cdk-hnb659fds-*-role-*"),
        "approver": assume(f"{roles}/{stage.role_name('approver')}"),
        "promoter": assume(promoters),
        "client": assume(f"{roles}/*"),
    }
