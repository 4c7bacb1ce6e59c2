"""What goes into a package, without installing anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from infra.packaging import build
from infra.packaging.build import ROOT, Target, main
from infra.packaging.contents import FUNCTIONS, Uses, is_useless, modules
from infra.stage import Stage

USES = Uses(frozenset({"s3"}), frozenset({"typing"}))


def names(function: str) -> set[str]:
    return {path.as_posix() for path in modules(function, ROOT)}


def test_a_function_carries_what_it_imports_and_no_other_function() -> None:
    for function in FUNCTIONS:
        found = names(function)
        assert {"lambdas/__init__.py", "lambdas/settings.py", "reviews/errors.py"} <= found
        others = [f"lambdas/{other}/" for other in FUNCTIONS if other != function]
        assert not [name for name in found if name.startswith(tuple(others))]
        assert not [name for name in found if "requirements" in name or "infra" in name]


def test_rooms_go_only_where_they_are_imported() -> None:
    assert "monitoring/drift.py" in names("monitor")
    assert "monitoring/page.py" in names("monitor")
    assert "reviews/bulk/refinery.py" in names("preprocess")
    assert "lambdas/ratings/openapi.json" in names("ratings")
    signed = {"model_archive.py", "signature.py"}
    for function, needed in {
        "ratings": {
            *("__init__.py", "almost_json.py", "body.py", "clean.py", "errors.py", "limits.py"),
        },
        "learn": {"__init__.py", "errors.py", *signed},
        "release": {"__init__.py", "errors.py", "golden.py", *signed},
    }.items():
        found = {n.removeprefix("reviews/") for n in names(function) if n.startswith("reviews/")}
        assert found == needed
        assert not [n for n in names(function) if n.startswith("monitoring/")]


def test_what_converts_files_and_its_reader_go_into_no_package() -> None:
    """The worker knows a table by its head, to say what to do with it, and reads none."""
    assert "reviews/tables/delimited.py" in names("preprocess")
    for function in FUNCTIONS:
        readers = ("tables/convert.py", "tables/parquet_table.py", "tables/json_table.py")
        assert not [name for name in names(function) if name.endswith(readers)]
        lock = (ROOT / "lambdas" / function / "requirements.txt").read_text()
        assert "pyarrow" not in lock
    assert "pyarrow==" in (ROOT / "requirements-dev.txt").read_text()


def test_a_package_has_the_services_that_its_ports_ask() -> None:
    def of(function: str) -> frozenset[str]:
        return Uses.of(modules(function, ROOT), ROOT, scipy=False).services

    assert of("preprocess") == {"s3", "events"}
    assert of("ratings") == {"sagemaker-runtime", "firehose", "ssm"}
    assert of("monitor") == {"s3", "sagemaker", "sns", "ssm", "stepfunctions"}


@pytest.mark.parametrize(
    ("path", "useless"),
    [
        ("botocore/data/s3/2006-03-01/service-2.json.gz", False),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", True),
        ("botocore/data/endpoints.json", False),
        ("numpy/_core/tests/test_umath.py", True),
        ("numpy/_core/tests/_natype.py", False),
        ("numpy/random/_generator.so", False),
        ("numpy/f2py/__init__.py", True),
        ("msgspec-0.22.0.dist-info/METADATA", False),
        ("msgspec-0.22.0.dist-info/RECORD", True),
        ("aws_lambda_powertools/event_handler/api_gateway.py", True),
        ("aws_lambda_powertools/utilities/typing/__init__.py", False),
        ("aws_lambda_powertools/utilities/parser/__init__.py", True),
        ("py3langid/data/model.npz.xz", False),
    ],
)
def test_of_libraries_only_what_runs_is_kept(path: str, useless: bool) -> None:
    assert is_useless(Path(path), USES) is useless


def test_scipy_needs_all_of_numpy() -> None:
    assert not is_useless(Path("numpy/f2py/__init__.py"), replace(USES, scipy=True))


def test_an_unknown_stage_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stage", "nowhere"]) == 2
    assert "known are dev, local, prod" in capsys.readouterr().err
    assert main(["--stage", "model"]) == 2


def test_going_to_another_stage_and_back_builds_nothing_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from infra.packaging.packages import Packages  # starts CDK: for this test alone

    """Without the registry, too: an installation is a fake here, and counted."""
    installed: list[str] = []

    def install(locks: list[Path], target: Target, folder: Path) -> None:
        installed.append(folder.name)
        data = folder / "botocore" / "data"
        data.mkdir(parents=True)
        (data / "endpoints.json").write_text("{}")

    monkeypatch.setattr(build, "OUT", tmp_path)
    monkeypatch.setattr(build, "_install", install)
    for stage in ("local", "prod"):
        assert main(["--stage", stage]) == 0
    assert len(installed) == 2 * len(FUNCTIONS)
    for stage in ("local", "prod"):
        assert main(["--stage", stage]) == 0
        packages = Packages(build.folder(stage))
        assert all(packages.code(function) for function in FUNCTIONS)
    assert len(installed) == 2 * len(FUNCTIONS)
    assert capsys.readouterr().out.count("up to date") == 2 * len(FUNCTIONS)


def test_what_the_cache_holds_is_installed_without_the_registry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cached = True
    asked: list[bool] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append("--offline" in command)
        code = 0 if cached or not asked[-1] else 1
        return subprocess.CompletedProcess(command, code, "", "")

    monkeypatch.setattr(build.subprocess, "run", run)
    monkeypatch.setattr(build, "_uv", lambda: "uv")
    lock, target = Path("requirements.txt"), Target.of(Stage.read("local"))
    build._install([lock], target, tmp_path / "made")
    assert asked == [True]
    cached = False
    build._install([lock], target, tmp_path / "made")
    assert asked == [True, True, False]


def test_a_stage_names_its_runtime_or_takes_ours() -> None:
    assert Target.of(Stage.read("local")).native
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert Target.of(Stage.read("local")).python == here
    wanted = Target.of(Stage.read("prod"))
    assert not wanted.native
    flags = wanted.uv_flags()
    assert flags[flags.index("--python-version") + 1] == wanted.python
    assert "x86_64-manylinux_2_28" in flags


def a_library(folder: Path, *, masked: int, order: int) -> None:
    """What an installation leaves, under one umask, in one order, at one time."""
    files = {
        "library/__init__.py": b"import this\n",
        "library/core.so": b"\x7fELF",
        "library/__pycache__/__init__.cpython-313.pyc": b"byte code of whoever installed it",
        "library-1.0.dist-info/METADATA": b"Name: library\n",
        "botocore/data/endpoints.json": b"{}",
    }
    before = os.umask(masked)
    try:
        for name in list(files)[::order]:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(files[name])
            os.utime(folder / name, (order, order))
    finally:
        os.umask(before)


def zipped(
    monkeypatch: pytest.MonkeyPatch, out: Path, *, masked: int = 0o022, order: int = 1
) -> bytes:
    """The zip of one function of prod, from one machine."""
    monkeypatch.setattr(
        build, "_install", lambda locks, target, to: a_library(to, masked=masked, order=order)
    )
    target = Target.of(Stage.read("prod"))
    build.build("release", modules("release", ROOT), target, out)
    return (out / "release.zip").read_bytes()


def test_a_zip_is_the_same_bytes_whoever_makes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours = zipped(monkeypatch, tmp_path / "ours")
    python = tmp_path / "bin" / "python3.13"  # the stage's own, which leaves byte code
    python.parent.mkdir()
    python.write_text('#!/bin/sh\nfor last; do :; done\n[ ! -d "$last" ] || date > "$last/a.pyc"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{python.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        theirs = zipped(monkeypatch, tmp_path / "theirs", masked=0o077, order=-1)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert theirs == ours


def test_a_zip_holds_nothing_that_depends_on_who_made_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No byte code, and no compression: libraries of zlib differ in their bytes."""
    zipped(monkeypatch, tmp_path)
    with zipfile.ZipFile(tmp_path / "release.zip") as made:
        entries = made.infolist()
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.create_system for entry in entries} == {3}
    assert {oct(entry.external_attr >> 16) for entry in entries} == {"0o100644", "0o100755"}
    names = [entry.filename for entry in entries]
    assert names == sorted(names)
    assert "library/core.so" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_what_an_editor_leaves_beside_the_code_is_not_shipped(tmp_path: Path) -> None:
    own = tmp_path / "lambdas" / "ratings"
    own.mkdir(parents=True)
    (own.parent / "__init__.py").write_text("")
    for name in ("__init__.py", "rate.py", "openapi.json", "rate.py~", ".DS_Store", "notes.txt"):
        (own / name).write_text("")
    found = [path.name for path in modules("ratings", tmp_path)]
    assert found == ["__init__.py", "__init__.py", "openapi.json", "rate.py"]


def test_a_detector_s_own_packages_go_where_languages_are_told() -> None:
    ours = Target.of(Stage.read("prod"))
    other = replace(ours, detector="fasttext-176")
    files = modules("preprocess", ROOT)
    assert [lock.name for lock in ours.locks("preprocess", files)] == ["requirements.txt"]
    assert [lock.name for lock in other.locks("preprocess", files)] == [
        "requirements.txt",
        "requirements-fasttext-176.txt",
    ]
    files = modules("ratings", ROOT)
    assert [lock.name for lock in other.locks("ratings", files)] == ["requirements.txt"]
