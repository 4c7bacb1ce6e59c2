"""What a commit changes: nothing that is deployed, or the stack of what it has changed alone."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from app import compose, flags
from infra.packaging.contents import FUNCTIONS
from infra.packaging.packages import Packages
from infra.source import DeployedSource
from infra.stage import Stage

from .synthesis import SOURCE, Json

OWNER = {
    "preprocess": "Preprocessing",
    "learn": "Learning",
    "ratings": "Serving",
    "release": "Serving",
    "monitor": "Operations",
    "probe": "Serving",
}


def synthesised(
    folder: Path, *, source: DeployedSource = SOURCE, code: Mapping[str, str] | None = None
) -> dict[str, Json]:
    """The files of an assembly by name, of packages that hold so much code; `zips` lie beside."""
    zips = folder / "zips"
    zips.mkdir(parents=True)
    for function in FUNCTIONS:
        with zipfile.ZipFile(zips / f"{function}.zip", "w") as made:
            made.writestr(zipfile.ZipInfo("code.py"), (code or {}).get(function, function))
    out = folder / "out"
    app = cdk.App(context=flags(), analytics_reporting=False, outdir=str(out))
    compose(app, Stage.read("prod"), Packages(zips), source)
    app.synth()
    return {path.name: json.loads(path.read_text()) for path in out.glob("*.json")}


def templates(files: Mapping[str, Any]) -> dict[str, Any]:
    """Templates by stack."""
    ending = ".template.json"
    return {name.removesuffix(ending): body for name, body in files.items() if ending in name}


def commits(files: Mapping[str, Any]) -> dict[str, str]:
    """What is published of commits: the commit by the name of its asset."""
    named = [name for name in files if name.startswith("commit.")]
    listed = json.dumps(files["Learning.assets.json"])
    assert all(name in listed for name in named)
    return {name.split(".")[1]: files[name]["git_commit"] for name in named}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The stage as it was."""
    return synthesised(tmp_path_factory.mktemp("before"))


@pytest.mark.parametrize("commit", ["a" * 40, f"{'0' * 40}-dirty.0123456789ab", "unknown"])
def test_a_commit_that_changes_no_code_changes_no_stack(
    before: dict[str, Any], tmp_path: Path, commit: str
) -> None:
    after = synthesised(tmp_path, source=replace(SOURCE, commit=commit))
    assert templates(after) == templates(before)


def test_what_is_deployed_says_its_commit_beside_the_templates(
    before: dict[str, Any], tmp_path: Path
) -> None:
    [(committed, commit)] = commits(before).items()
    assert commit == SOURCE.commit
    mark = f"{'1' * 40}-dirty.0123456789ab"
    [(edited, commit)] = commits(
        synthesised(tmp_path / "a", source=replace(SOURCE, commit=mark))
    ).items()
    assert commit == mark
    assert committed != edited  # an edited tree takes no name away from a commit
    environment = json.dumps(templates(before)["Learning"])
    assert f"{committed}.json,{edited}.json" in environment
    assert commits(synthesised(tmp_path / "b", source=replace(SOURCE, commit="unknown"))) == {}


def test_another_program_has_another_record(before: dict[str, Any], tmp_path: Path) -> None:
    after = synthesised(tmp_path, source=replace(SOURCE, program_digest="3" * 64))
    assert set(commits(after)).isdisjoint(commits(before))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_change_of_one_function_touches_its_stack_only(
    before: dict[str, Any], tmp_path: Path, function: str
) -> None:
    after = templates(synthesised(tmp_path, code={function: "other"}))
    changed = [stack for stack, body in templates(before).items() if body != after[stack]]
    assert changed == [OWNER[function]]


def test_results_are_named_by_the_package_that_made_them(
    before: dict[str, Any], tmp_path: Path
) -> None:
    def names(files: Mapping[str, Any]) -> set[str]:
        resources = templates(files)["Preprocessing"]["Resources"].values()
        functions = [r["Properties"] for r in resources if r["Type"] == "AWS::Lambda::Function"]
        assert len(functions) == 4
        return {f["Environment"]["Variables"]["CODE_VERSION"] for f in functions}

    other = synthesised(tmp_path, code={"preprocess": "other"})
    [one], [two] = names(before), names(other)
    assert one != two == Packages(tmp_path / "zips").digest("preprocess")
