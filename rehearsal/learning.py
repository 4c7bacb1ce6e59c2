"""Scenes of the data: a file comes in, a model waits for a person, and no automation takes it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lambdas.contract import packages as registry
from lambdas.ports import models, stacks
from operate import source
from operate.loop import Journey
from operate.packages import pending
from operate.progress import RunProgress
from rehearsal.theatre import ADMINISTRATOR, Theatre, require


def data(theatre: Theatre) -> str:
    """A raw file is uploaded, and its model is registered without anybody's hand."""
    journey = Journey(theatre.deployment, RunProgress())
    file = source.sample(theatre.home)
    journey = replace(journey, since=datetime.now(UTC).replace(microsecond=0))
    theatre.must(ADMINISTRATOR, "upload", str(file))
    journey.preprocess()
    journey.learn()
    package = models.describe_package(journey.package_arn)
    require(
        package.approval == registry.PENDING or theatre.stage.learning.approve != "manual",
        f"version {journey.version} is {package.approval}, and nobody has approved it",
    )
    return f"{journey.counts['kept']:,} reviews, version {journey.version} is {package.approval}"


def automation(theatre: Theatre) -> str:
    """Each role of the stage, taken by the administrator for a moment, tries to approve."""
    package = pending(theatre.deployment).arn
    tried, let_in = 0, []
    for part in theatre.parts:
        for role in stacks.going(theatre.place.name(part), "AWS::IAM::Role"):
            if role == theatre.stage.role_name("approver"):
                continue
            tried += 1
            if _may_approve(theatre, role, package):
                let_in.append(role)
    require(not let_in, f"the package was approved by {', '.join(let_in)}")
    found = models.describe_package(package).approval
    require(found == registry.PENDING, f"after all refusals the package is {found}")
    return f"{tried} roles of the stage tried, none was let in"


def _may_approve(theatre: Theatre, role: str, package: str) -> bool:
    iam, sts = boto3.client("iam"), boto3.client("sts")
    found = iam.get_role(RoleName=role)["Role"]
    trust: dict[str, Any] = found["AssumeRolePolicyDocument"]
    me = f"arn:aws:iam::{theatre.stage.account}:root"
    more = {"Effect": "Allow", "Principal": {"AWS": me}, "Action": "sts:AssumeRole"}
    opened = {**trust, "Statement": [*trust["Statement"], more]}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(opened))
    try:
        keys = sts.assume_role(RoleArn=found["Arn"], RoleSessionName="rehearsal")["Credentials"]
        as_role = boto3.client(
            "sagemaker",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        as_role.update_model_package(ModelPackageArn=package, ModelApprovalStatus=registry.APPROVED)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        require("AccessDenied" in code, f"{role} was refused, but by {code}")
        return False
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    return True
