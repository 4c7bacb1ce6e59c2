"""What a change does to a stage: the templates before against those of this checkout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from operate import assembly, difference
from operate.cost import Usage
from operate.place import Place

pytestmark = pytest.mark.slow
PLACE = Place("local")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (assembly.ROOT / ".build" / "lambdas" / "local").is_dir():
        pytest.skip("no packages of the local stage: run `make package`")
    return assembly.synthesise(PLACE, tmp_path_factory.mktemp("after"))


def test_resources_rights_and_cost_stand_in_one_text(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tmp_path / "before"
    shutil.copytree(made, before)
    (before / "Operations.template.json").unlink()  # a stack that comes
    (before / "Gone.template.json").write_text('{"Resources": {}}')  # and one that goes
    path = before / "Foundation.template.json"
    template = json.loads(path.read_text())
    bucket = next(i for i, r in template["Resources"].items() if r["Type"] == "AWS::S3::Bucket")
    del template["Resources"][bucket]
    path.write_text(json.dumps(template))
    path = before / "Learning.template.json"
    template = json.loads(path.read_text())
    policy = next(r for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Policy")
    policy["Properties"]["PolicyDocument"]["Statement"][0]["Action"] = "s3:DeleteBucket"
    path.write_text(json.dumps(template))
    monkeypatch.setattr(difference, "synthesise", lambda place, folder: made)
    text = difference.difference(PLACE, str(before), Usage())
    assert "### What a deploy of stage local would change" in text
    assert "[+] AWS::S3::Bucket" in text
    assert "IAM Statement Changes" in text
    assert "s3:DeleteBucket" in text
    assert "**Gone** goes, with everything in it." in text
    assert "<b>Operations</b>" in text
    assert "<b>Serving</b>" not in text
    assert "| **all** |" in text


def test_nothing_that_changes_is_said(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difference, "synthesise", lambda place, folder: made)
    assert "No stack changes." in difference.difference(PLACE, str(made), Usage())
