"""The templates are clean, are the same twice, and differ between stages by their data alone."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import app
from infra.packaging import build
from infra.stage import CONFIGS, Stage, stages
from operate import ready

from .synthesis import STAGES, Json, Templates, synthesise

ROOT = Path(__file__).parents[2]
OUTSIDE = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")


@pytest.fixture(scope="module")
def plugin_findings() -> dict[str, list[str]]:
    """The rules that each case of `validating.py` breaks."""
    environment = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    environment.pop("CDK_VALIDATION")
    command = [sys.executable, "-m", "tests.infra.validating"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def lint_findings(
    every_stage: dict[str, Templates], prod: Templates, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """What cfn-lint finds in each template: `prod-Serving`, and `broken-Learning`."""
    folder = tmp_path_factory.mktemp("lint")
    statement = {"Effect": "Allow", "Action": "s3:GetObjekt", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    broken = prod.having("Learning", "Added", "AWS::IAM::ManagedPolicy", PolicyDocument=document)
    found: dict[str, list[str]] = {}
    for label, made in {**every_stage, "broken": broken}.items():
        for stack in made.stacks if label != "broken" else ["Learning"]:
            (folder / f"{label}-{stack}.json").write_text(json.dumps(made.stacks[stack]))
            found[f"{label}-{stack}"] = []
    # W3005: CDK writes a DependsOn beside a reference that does the same.
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    command = [lint, "--ignore-checks", "W3005", "--format", "json", "--"]
    command += [str(folder / f"{name}.json") for name in found]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    for finding in json.loads(done.stdout):
        found[Path(finding["Filename"]).stem].append(
            f"{finding['Rule']['Id']} {finding['Message']}"
        )
    return found


def test_the_tests_know_every_stage() -> None:
    assert sorted(STAGES) == stages()


def test_cdk_nag_and_cloudformation_find_nothing(plugin_findings: dict[str, list[str]]) -> None:
    assert {stage: plugin_findings[stage] for stage in STAGES} == {stage: [] for stage in STAGES}


def test_cdk_nag_and_cloudformation_look(plugin_findings: dict[str, list[str]]) -> None:
    assert plugin_findings["open bucket"] == ["AwsSolutions-S1", "AwsSolutions-S10"]
    assert plugin_findings["lossy queue"] == ["AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"]
    assert plugin_findings["unknown property"] == ["F3002"]


def test_cfn_lint_finds_nothing(lint_findings: dict[str, list[str]]) -> None:
    with_app = sum(Stage.read(stage).has_own_tracking for stage in STAGES)
    assert len(lint_findings) == 6 * len(STAGES) + with_app + 1
    assert {name for name, found in lint_findings.items() if found} == {"broken-Learning"}


def test_cfn_lint_looks(lint_findings: dict[str, list[str]]) -> None:
    [found] = lint_findings["broken-Learning"]
    assert found.startswith("W3037")


def test_the_same_stage_twice_is_the_same(
    every_stage: dict[str, Templates], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OUTSIDE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")  # of the shell, not of the stage
    monkeypatch.setattr(time, "time", lambda: 0.0)
    for stage, made in every_stage.items():
        assert synthesise(stage, tmp_path / stage).stacks == made.stacks


def test_prod_is_what_its_file_says_and_no_more(prod: Templates, tmp_path: Path) -> None:
    """No `if prod`: a stage of another name with prod's values has prod's templates."""
    values = yaml.safe_load((CONFIGS / "prod.yaml").read_text())
    zebra = msgspec.convert({**values, "label": "zebra"}, Stage)
    made = synthesise("zebra", tmp_path, zebra)
    assert renamed(made.stacks, "zebra") == renamed(prod.stacks, "prod")


def test_a_deploy_asks_for_the_bootstrap_that_the_templates_demand(prod: Templates) -> None:
    ruled = [template for template in prod.stacks.values() if "Rules" in template]
    assert len(ruled) == len(prod.stacks) - 1  # Endpoint's is left out: a release updates it
    for template in ruled:
        [rule] = template["Rules"]["CheckBootstrapVersion"]["Assertions"]
        [contains] = rule["Assert"]["Fn::Not"]
        too_old, _ = contains["Fn::Contains"]
        assert too_old == [str(version) for version in range(1, ready.MIN_VERSION)]


def renamed(stacks: dict[str, Json], label: str) -> Any:
    """Templates without the stage's name, and without the digests in which it is.

    They end the names of Models and configurations, and the logical ids of the API's deployment.
    """
    text = json.dumps(stacks).replace(label, "STAGE")
    made_of_it = r'(?<=")[0-9a-f]{6}(?=")|(?<=[0-9A-F]{8})[0-9a-f]{32}|(?<=STAGE)[0-9A-F]{8}'
    return json.loads(re.sub(made_of_it, "DIGEST", text))


def test_what_only_prod_has_would_be_found(prod: Templates) -> None:
    added = prod.having("Serving", "Added", "AWS::SQS::Queue")
    assert renamed(added.stacks, "prod") != renamed(prod.stacks, "prod")


@pytest.mark.parametrize("name", ["plain", "my projects é", "it's $HOME; true", 'a "b" `c`'])
@pytest.mark.parametrize("is_named", [True, False], ids=["CDK_PYTHON", "default"])
def test_the_app_s_command_runs_in_a_folder_of_any_name(
    name: str, is_named: bool, tmp_path: Path
) -> None:
    """The CLI hands it to a shell, in the project's folder."""
    folder = tmp_path / name
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / "app.py").write_text("import os; print(os.getcwd())")
    command = json.loads((ROOT / "cdk.json").read_text())["app"]
    variables = {"CDK_PYTHON": str(python)} if is_named else {}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (str(folder), "")


@pytest.mark.parametrize(
    ("stage", "why"),
    [
        ("nowhere", "app.py: unknown stage 'nowhere': known are dev, local, prod\n"),
        ("prod", r"app.py: .*preprocess.zip is missing: run `make package STAGE=prod` first\n"),
    ],
)
def test_what_cannot_be_synthesised_is_said_in_one_sentence(
    stage: str, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STAGE", stage)
    monkeypatch.setattr(build, "OUT", tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        assert app.main() == 1
    assert re.fullmatch(why, printed.getvalue())
