"""Scenes of the deployer: from an empty account to one in which nothing changes any more."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from lambdas.contract.firewall import FILTERED
from lambdas.contract.names import (
    ENDPOINT_STACK,
    FOUNDATION_STACK,
    TRACKING_STACK,
    live_parameter,
    tracking_parameter,
)
from lambdas.ports import stacks
from operate import cdk
from rehearsal import trees
from rehearsal.asking import as_client, as_person, ask
from rehearsal.theatre import ADMINISTRATOR, Theatre, require

POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
QUEUES = {  # of a stack: what its dead letters would have started
    "preprocessing": "preprocess",
    "learning": "learn",
    "serving": "release",
    "operations": "monitor",
}
PARAMETERS = {ENDPOINT_STACK: live_parameter, TRACKING_STACK: tracking_parameter}
ANOTHER_COMMIT = "5" * 40
NO_CHANGES = re.compile(r"\(no changes\)")


def bootstrap(theatre: Theatre) -> str:
    """`cdk bootstrap` by the administrator, once an account and region."""
    account = f"aws://{theatre.stage.account}/{theatre.stage.region}"
    # What AWS's CLI takes by itself where nobody is trusted; the emulator resolves no such default.
    policies = ("--cloudformation-execution-policies", POLICY)
    done = theatre.cdk(ADMINISTRATOR, "bootstrap", account, *policies)
    require(done.code == 0, f"the bootstrap failed: {reason(done.said)}")
    return "the CDK's bucket, repository and roles stand"


def failed_deploy(theatre: Theatre) -> str:
    """Something of another owner is in the way of each stack in turn; the next deploy goes on.

    The last, of the MLflow app, stops no deploy.
    """
    buckets = boto3.client("s3")
    for part in theatre.parts:
        with _in_the_way(theatre, part):
            done = theatre.deploy()
        if part == TRACKING_STACK:  # nothing needs it: no deploy fails with it, and it is told
            told = f"{theatre.place.name(part)} could not be deployed" in done.said
            require(done.code == 0 and told, f"{part} failed, and the deploy did not say so")
        else:
            through = f"the deploy went through although something was in {part}'s way"
            require(done.code != 0, through)
        said = _status(theatre, part) if stacks.exists(theatre.place.name(part)) else "not there"
        require(said not in SETTLED, f"{part} is {said} although something was in its way")
        if part == FOUNDATION_STACK:
            name = theatre.stage.name()
            left = [b["Name"] for b in buckets.list_buckets()["Buckets"] if name in b["Name"]]
            require(not left, f"{part} failed and left {', '.join(left)}: the next one stumbles")
    count = len(theatre.parts)
    return f"each of {count} stacks failed once, and the deploy after it went on from there"


@contextmanager
def _in_the_way(theatre: Theatre, part: str) -> Iterator[None]:
    """A resource of a name that the stack wants, which is gone again afterwards."""
    name = theatre.place.name
    if part == FOUNDATION_STACK:
        trails, buckets, bucket = boto3.client("cloudtrail"), boto3.client("s3"), "of-another-owner"
        buckets.create_bucket(Bucket=bucket)
        trails.create_trail(Name=name(), S3BucketName=bucket)
        yield
        trails.delete_trail(Name=name())
        buckets.delete_bucket(Bucket=bucket)
    elif part in PARAMETERS:
        taken, parameters = PARAMETERS[part](theatre.stage.label), boto3.client("ssm")
        parameters.put_parameter(Name=taken, Type="String", Value="of another owner")
        yield
        parameters.delete_parameter(Name=taken)
    else:
        queues = boto3.client("sqs")
        url = queues.create_queue(QueueName=name(f"{QUEUES[part]}-dead-letters"))["QueueUrl"]
        yield
        queues.delete_queue(QueueUrl=url)


def first_deploy(theatre: Theatre) -> str:
    """Every stack, by somebody who may assume the CDK's roles and nothing else."""
    done = theatre.deploy()
    require(done.code == 0, f"the deploy failed: {reason(done.said)}")
    states = {part: _status(theatre, part) for part in theatre.parts}
    broken = [f"{part} is {state}" for part, state in states.items() if state not in SETTLED]
    require(not broken, "; ".join(broken))
    status, answer = ask(as_client(theatre))
    require(
        status == 503 and "model_not_deployed" in str(answer.get("type")),
        f"without a model the API answered {status}: {answer.get('detail')}",
    )
    return f"{len(states)} stacks; the API answers 503 model_not_deployed"


def strangers(theatre: Theatre) -> str:
    """Whoever has no right gets nothing, whoever names no program is turned away before."""
    _, answer = ask(as_client(theatre))
    why = "the firewall refuses our own client, as it does each that names no User-Agent"
    require(answer.get("detail") != FILTERED, why)
    status, _ = ask(as_person(theatre, "stranger"))
    require(status == 403, f"a stranger was answered {status}")
    for command in (["release"], ["status"]):
        done = theatre.operate("stranger", *command)
        require(done.code != 0, f"a stranger could `operate {command[0]}`")
    if not theatre.stage.api.waf:
        return "403; this stage has no firewall"
    status, answer = _without_user_agent(theatre)
    why = f"the firewall did not refuse a request without User-Agent: {status} {answer}"
    require(status == 403 and answer.get("detail") == FILTERED, why)
    return "403 for the stranger, and for a client that names no User-Agent"


def same_deploy(theatre: Theatre) -> str:
    """A second deploy of the same files, which another commit holds."""
    before = {part: _changed(theatre, part) for part in theatre.parts}
    with tempfile.TemporaryDirectory(dir=theatre.home) as place:
        tree = trees.copy(Path(place) / "tree")
        shell = {**theatre.shell, "GIT_COMMIT": ANOTHER_COMMIT}
        done = replace(theatre, tree=tree, shell=shell).deploy()
    require(done.code == 0, f"the second deploy failed: {reason(done.said)}")
    after = {part: _changed(theatre, part) for part in theatre.parts}
    moved = [part for part in theatre.parts if before[part] != after[part]]
    why = f"only the commit differs, and yet {', '.join(moved)} changed: something names it"
    require(not moved, why)
    return f"{len(NO_CHANGES.findall(done.said))} stacks without a change"


def _without_user_agent(theatre: Theatre) -> tuple[int, dict[str, Any]]:
    from lambdas.ports import api

    agent, api.USER_AGENT = api.USER_AGENT, ""
    try:
        return ask(as_client(theatre))
    finally:
        api.USER_AGENT = agent


def _status(theatre: Theatre, part: str) -> str:
    found = boto3.client("cloudformation").describe_stacks(StackName=theatre.place.name(part))
    return str(found["Stacks"][0]["StackStatus"])


def _changed(theatre: Theatre, part: str) -> str:
    found = boto3.client("cloudformation").describe_stacks(StackName=theatre.place.name(part))
    stack = found["Stacks"][0]
    return str(stack.get("LastUpdatedTime") or stack["CreationTime"])


def reason(said: str) -> str:
    """The last line of a deploy's words that says what was wrong."""
    lines = [line.strip() for line in said.splitlines() if cdk.WORST.search(line)]
    return (lines or said.strip().splitlines() or ["it said nothing"])[-1][:600]
