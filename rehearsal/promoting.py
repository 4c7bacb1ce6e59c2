"""The scene of two accounts: a package goes from the stage to its twin, and is released there."""

from __future__ import annotations

import json
from configparser import ConfigParser
from dataclasses import replace

import boto3
from botocore.exceptions import ClientError

from lambdas.contract import packages as registry
from operate import environment
from rehearsal import persons, stage_files
from rehearsal.deploying import bootstrap
from rehearsal.releasing import live
from rehearsal.theatre import ADMINISTRATOR, Theatre, require

TWIN, TWIN_ACCOUNT = "twin", "999999999999"
PROMOTER, ORIGIN = "promoter", "origin"  # a person; a profile of their AWS configuration
TEXT = "It stopped working after two days."


def promotion(theatre: Theatre) -> str:
    """Another account gets the stage's twin; a promoter takes the live package there."""
    twin, number = _deployed_twin(theatre), live(theatre)
    said = _promote(theatre, twin)
    require(f"version {number} of {theatre.stage.label} is version 1 of {TWIN}" in said, said)
    again = _promote(theatre, twin)
    require("nothing was changed" in again, f"the second promotion was no repetition: {again}")
    _require_refused(theatre, twin)
    twin.must(ADMINISTRATOR, "release", "--confirm", TWIN, "--version", "1")
    origin = json.loads(twin.must(ADMINISTRATOR, "lineage"))["promoted"]["from"]
    require(origin.split(":")[4] == theatre.stage.account, f"it is said to come from {origin}")
    answer = json.loads(twin.must(ADMINISTRATOR, "ask", "--text", TEXT))
    require(answer["model_version"] == "1", f"version {answer['model_version']} answers there")
    twin.must(ADMINISTRATOR, "destroy", "--confirm", TWIN)
    return f"version {number} is version 1 of account {TWIN_ACCOUNT}, and a person released it"


def _deployed_twin(theatre: Theatre) -> Theatre:
    stage = stage_files.write_twin(theatre.stage.label, TWIN, TWIN_ACCOUNT, theatre.stage_files)
    twin = replace(theatre, stage=stage, people={})
    bootstrap(twin)
    done = twin.deploy(ADMINISTRATOR)
    require(done.code == 0, f"the twin's deploy failed: {done.said.strip()[-600:]}")
    return twin


def _promote(theatre: Theatre, twin: Theatre) -> str:
    """`make promote FROM_PROFILE=origin` by somebody in the promoter roles of both accounts."""
    profile = ConfigParser(interpolation=None)
    keys = _in_role(theatre, theatre)
    profile[f"profile {ORIGIN}"] = {name.lower(): value for name, value in keys.items()}
    file = theatre.home / "home" / "promoter.ini"
    with file.open("w") as opened:
        profile.write(opened)
    variables = {
        **twin.variables(ADMINISTRATOR),
        **_in_role(theatre, twin),
        "AWS_CONFIG_FILE": str(file),
    }
    words = ("--from", theatre.stage.label, "--to", TWIN, "--from-profile", ORIGIN)
    done = theatre.run(("promote", *words), variables)
    require(done.code == 0, f"the promotion failed: {done.said.strip()[-600:]}")
    return done.said


def _require_refused(theatre: Theatre, twin: Theatre) -> None:
    """Who promotes cannot approve."""
    keys = _in_role(theatre, twin)
    sagemaker = boto3.client(
        "sagemaker",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
    )
    arn = twin.stage.arn("sagemaker", f"model-package/{twin.stage.name()}/1")
    try:
        sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus=registry.APPROVED)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        require("AccessDenied" in code, f"the promoter was refused, but by {code}")
        return
    require(False, "the promoter has approved what they promoted")


def _in_role(theatre: Theatre, there: Theatre) -> dict[str, str]:
    """The variables of the promoter, who is of the first account, in the role of one of them."""
    kept = environment.local(theatre.shell, theatre.home)
    person = theatre.person(PROMOTER)
    return dict(persons.in_role(person, there.stage.role_arn(PROMOTER), kept).keys)
