"""What a rehearsal does before and beside its scenes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import msgspec
import pytest

from infra.stage import CONFIGS, Stage
from operate.errors import InputError
from operate.outages import MATRIX, RowResult
from rehearsal import docker, page, stage_files, tables
from rehearsal.__main__ import choose, choose_rows, main
from rehearsal.copies import spoiled
from rehearsal.programme import CHAPTERS, SCENES
from rehearsal.scene import Played
from reviews.digest import digest_manifest


def test_only_what_the_file_leaves_to_its_owner_is_made_up(tmp_path: Path) -> None:
    made_up = stage_files.write("prod", tmp_path)
    before, after = Stage.read("prod"), Stage.read("prod", tmp_path)
    assert {line.partition(":")[0] for line in made_up} == {
        "alerts.emails",
        "learning.approver_principals",
        "learning.promoter_principals",
        "api.client_principals",
        "delivery.deployer_principals",
    }
    there, here = msgspec.to_builtins(before), msgspec.to_builtins(after)
    for line in made_up:
        part, key = line.partition(":")[0].split(".")
        there[part].pop(key)
        here[part].pop(key)
    assert here == there


def test_a_stage_file_that_does_not_parse_ends_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (CONFIGS / "prod.yaml").read_text()
    (tmp_path / "prod.yaml").write_text(text.replace("region:", "regoin:"))
    home = tmp_path / "home"
    assert main(["--home", str(home), "--stage-files", str(tmp_path)]) == 2
    assert "prod.yaml: " in capsys.readouterr().err
    assert not home.exists()


def test_an_unknown_scene_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no scene first-relase: known are bootstrap, "):
        choose("first-relase")


def test_a_scene_brings_what_it_needs() -> None:
    found = [scene.name for scene in choose("rollback")]
    assert found == [
        "bootstrap",
        "first-deploy",
        "data",
        "first-release",
        "release-under-load",
        "rollback",
    ]


def test_onto_a_cloud_that_is_held_a_scene_is_played_alone() -> None:
    found = choose("signals,share", alone=True)
    assert [(scene.name, scene.needs) for scene in found] == [("share", ()), ("signals", ())]


def test_an_unknown_outage_is_refused_with_those_that_there_are() -> None:
    [row] = choose_rows("the probe is silent")
    assert row.cause is not None
    assert choose_rows("") == list(MATRIX)
    with pytest.raises(InputError, match="no outage the moon: known are "):
        choose_rows("the moon")


def test_every_need_is_a_scene_before() -> None:
    names = [scene.name for scene in SCENES]
    assert len(set(names)) == len(names)
    for place, scene in enumerate(SCENES):
        assert set(scene.needs) <= set(names[:place])


def test_what_only_aws_can_prove_is_no_green_tick(tmp_path: Path) -> None:
    quotas = next(scene for scene in SCENES if scene.play is None)
    played = [Played(quotas, "only AWS", "cannot be played on this machine", 0.0)]
    [hangs] = [row for row in MATRIX if row.fault == "the pipeline hangs"]
    matrix = [RowResult(hangs, is_proven=False)]
    written = page.write(
        tmp_path, Stage.read("prod"), played, matrix=matrix, made_up=[], seconds=1.0
    )
    text = written.read_text()
    assert "✓" not in text
    assert "0 scenes passed, 0 did not, 1 can be played on AWS alone" in text
    result = json.loads((tmp_path / page.RESULT).read_text())
    assert result["scenes"][0]["outcome"] == "only AWS"
    assert result["outages"][0] == {
        "outage": "the pipeline hangs",
        "is_caused": False,
        "has_rung": False,
        "aws_seconds": None,
    }


@pytest.mark.parametrize(
    ("words", "wanted"),
    [(["--output=type=docker", "."], docker.DOCKER), (["--file", "Dockerfile", "."], docker.OCI)],
)
def test_a_build_that_names_no_form_makes_the_one_that_sagemaker_refuses(
    words: list[str], wanted: str
) -> None:
    assert docker.form(["build", *words]) == wanted


def test_a_spoiled_model_differs_in_its_golden_answers_alone() -> None:
    made = io.BytesIO()
    files = {"model.json": b'{"files": {}}', "golden.jsonl": b'{"stars": 5}\n{"stars": 1}\n'}
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    with tarfile.open(fileobj=io.BytesIO(spoiled(made.getvalue())), mode="r:gz") as archive:
        found = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    assert found["golden.jsonl"] == b'{"stars": 1}\n{"stars": 2}\n'
    content = json.loads(found["model.json"])
    golden = hashlib.sha256(found["golden.jsonl"]).hexdigest()
    assert content["files"]["golden.jsonl"] == {"bytes": 26, "sha256": golden}
    assert content["sha256"] == digest_manifest(content)  # or the model would not start


def test_the_documents_hold_the_figures_of_the_rehearsal_that_is_kept() -> None:
    result = json.loads(tables.KEPT.read_text())
    for path, blocks in tables.blocks(result).items():
        for name, wanted in blocks.items():
            assert tables.within(path.read_text(), name) == wanted, path.name


def test_the_rehearsal_that_is_kept_was_a_whole_one() -> None:
    result = json.loads(tables.KEPT.read_text())
    wanted = [scene.name for scene in SCENES if scene.name not in tables.SINCE]
    assert [one["scene"] for one in result["scenes"]] == wanted
    assert [one["outage"] for one in result["outages"]] == [row.fault for row in MATRIX]


def test_every_scene_stands_in_one_chapter() -> None:
    found = [name for members, _ in CHAPTERS.values() for name in members]
    assert sorted(found) == sorted(scene.name for scene in SCENES)
