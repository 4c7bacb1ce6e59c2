"""`make push-image` outside of a workflow, or without a tag of a version, pushes nothing."""

from __future__ import annotations

import base64
import importlib.util
import json
import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

CI = Path(__file__).parents[2] / ".ci"
RUN = {
    "GITHUB_REPOSITORY": "Octo/Stars",
    "GITHUB_ACTOR": "octo",
    "GITHUB_TOKEN": "made-up",
}


@pytest.fixture
def push_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(CI))
    spec = importlib.util.spec_from_file_location("push_image", CI / "push_image.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "push_image", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HOME", tmp_path / "image")
    for name, value in {**RUN, "GITHUB_OUTPUT": str(tmp_path / "output")}.items():
        monkeypatch.setenv(name, value)
    return module


@pytest.mark.parametrize("words", [[], ["main"], ["v1"], ["v1.2.3 --all"]])
def test_only_a_tag_of_a_version_is_pushed(
    push_image: ModuleType, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert push_image.main(words) == 2
    assert "is no tag of a version: NAME=v1.2.3" in capsys.readouterr().out


@pytest.mark.parametrize("name", RUN)
def test_outside_of_a_workflow_it_says_so(
    push_image: ModuleType,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(name)
    assert push_image.main(["v1.2.3"]) == 2
    assert f"{name} is not set" in capsys.readouterr().out


def test_the_token_is_in_a_file_of_this_user_alone_and_gone_afterwards(
    push_image: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, ...]] = []

    def buildah(*words: str) -> str:
        said.append(words)
        auth = Path(words[words.index("--authfile") + 1])
        assert stat.S_IMODE(auth.stat().st_mode) == 0o600
        kept = json.loads(auth.read_text())["auths"]["ghcr.io"]["auth"]
        assert base64.b64decode(kept) == b"octo:made-up"
        Path(words[words.index("--digestfile") + 1]).write_text("sha256:abc\n")
        return ""

    monkeypatch.setattr(push_image, "buildah", buildah)
    assert push_image.main(["v1.2.3"]) == 0
    assert said[0][-1] == "docker://ghcr.io/octo/stars:v1.2.3"
    assert "made-up" not in " ".join(said[0])
    assert (tmp_path / "output").read_text() == "name=ghcr.io/octo/stars\ndigest=sha256:abc\n"
    assert not (tmp_path / "image" / "auth.json").exists()


def test_another_registry_than_github_s_may_be_named(
    push_image: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE_REGISTRY", "containers.octo.internal")

    def buildah(*words: str) -> str:
        auth = Path(words[words.index("--authfile") + 1])
        assert list(json.loads(auth.read_text())["auths"]) == ["containers.octo.internal"]
        assert words[-1] == "docker://containers.octo.internal/octo/stars:v1.2.3"
        Path(words[words.index("--digestfile") + 1]).write_text("sha256:abc\n")
        return ""

    monkeypatch.setattr(push_image, "buildah", buildah)
    assert push_image.main(["v1.2.3"]) == 0


def test_a_push_that_is_refused_is_a_sentence_and_leaves_no_token(
    push_image: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*words: str) -> str:
        raise push_image.ImageError("buildah push failed:\ndenied")

    monkeypatch.setattr(push_image, "buildah", refuse)
    assert push_image.main(["v1.2.3"]) == 1
    assert "buildah push failed" in capsys.readouterr().err
    assert not (tmp_path / "image" / "auth.json").exists()
    assert not (tmp_path / "output").exists()
