"""Scenes of the deployer: from an empty account to one in which nothing changes any more."""

from __future__ import annotations

import re

import boto3

from lambdas.ports import stacks
from operate import cdk
from rehearsal.asking import as_client, as_person, ask
from rehearsal.theatre import ADMINISTRATOR, Theatre, require

POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
NO_CHANGES = re.compile(r"\(no changes\)")


def bootstrap(theatre: Theatre) -> str:
    """`cdk bootstrap` by the administrator, once an account and region."""
    account = f"aws://{theatre.stage.account}/{theatre.stage.region}"
    # What AWS's CLI takes by itself where nobody is trusted; the emulator resolves no such default.
    policies = ("--cloudformation-execution-policies", POLICY)
    done = theatre.cdk(ADMINISTRATOR, "bootstrap", account, *policies)
    require(done.code == 0, f"the bootstrap failed: {_why(theatre, done.said)}")
    return "the CDK's bucket, repository and roles stand"


def failed_deploy(theatre: Theatre) -> str:
    """Something of another owner is in the way of Foundation, so it cannot be made."""
    name = theatre.stage.name()
    alias = f"alias/{theatre.place.name('data')}"
    foundation = theatre.place.name("foundation")
    trails, buckets = boto3.client("cloudtrail"), boto3.client("s3")
    buckets.create_bucket(Bucket=f"{name}-of-another")
    trails.create_trail(Name=name, S3BucketName=f"{name}-of-another")
    try:
        done = theatre.deploy()
    finally:
        trails.delete_trail(Name=name)
        buckets.delete_bucket(Bucket=f"{name}-of-another")
    require(done.code != 0, f"the deploy went through although the trail {name} was in the way")
    reasons = stacks.refusals(foundation) if stacks.exists(foundation) else []
    left = [b["Name"] for b in buckets.list_buckets()["Buckets"] if b["Name"].startswith(name)]
    require(not left, f"the first deploy failed and left {', '.join(left)}: the next one stumbles")
    return f"Foundation was rolled back, nothing stayed ({len(reasons)} refusals; {alias} free)"


def first_deploy(theatre: Theatre) -> str:
    """Every stack, by somebody who may assume the CDK's roles and nothing else."""
    done = theatre.deploy()
    require(done.code == 0, f"the deploy failed: {_why(theatre, done.said)}")
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
    status, _ = ask(as_person(theatre, "stranger"))
    require(status == 403, f"a stranger was answered {status}")
    for command in (["release"], ["status"]):
        done = theatre.operate("stranger", *command)
        require(done.code != 0, f"a stranger could `operate {command[0]}`")
    if not theatre.stage.api.waf:
        return "403; this stage has no firewall"
    status = _without_user_agent(theatre)
    require(status == 403, f"the firewall let a request without User-Agent through: {status}")
    return "403 for the stranger, and for a client that names no User-Agent"


def same_deploy(theatre: Theatre) -> str:
    """A second deploy of the same commit."""
    before = {part: _changed(theatre, part) for part in theatre.parts}
    done = theatre.deploy()
    require(done.code == 0, f"the second deploy failed: {_why(theatre, done.said)}")
    after = {part: _changed(theatre, part) for part in theatre.parts}
    moved = [part for part in theatre.parts if before[part] != after[part]]
    require(not moved, f"nothing was changed, and yet {', '.join(moved)} were updated")
    return f"{len(NO_CHANGES.findall(done.said))} stacks without a change"


def _without_user_agent(theatre: Theatre) -> int:
    from lambdas.ports import api

    agent, api.USER_AGENT = api.USER_AGENT, ""
    try:
        return ask(as_client(theatre))[0]
    finally:
        api.USER_AGENT = agent


def _status(theatre: Theatre, part: str) -> str:
    found = boto3.client("cloudformation").describe_stacks(StackName=theatre.place.name(part))
    return str(found["Stacks"][0]["StackStatus"])


def _changed(theatre: Theatre, part: str) -> str:
    found = boto3.client("cloudformation").describe_stacks(StackName=theatre.place.name(part))
    stack = found["Stacks"][0]
    return str(stack.get("LastUpdatedTime") or stack["CreationTime"])


def _why(theatre: Theatre, said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if cdk.WORST.search(line)]
    return (lines or said.strip().splitlines() or ["it said nothing"])[-1][:600]
