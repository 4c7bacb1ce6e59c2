"""What goes into a package, without installing anything."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from infra.packaging import build
from infra.packaging.build import HERE, ROOT, Target, main
from infra.packaging.contents import FUNCTIONS, Uses, is_useless, modules
from infra.packaging.packages import Packages
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
    for function, needed in {
        "ratings": {
            *("__init__.py", "almost_json.py", "body.py", "clean.py", "errors.py", "limits.py"),
        },
        "learn": {"__init__.py", "errors.py"},
        "release": {"__init__.py", "errors.py", "golden.py"},
    }.items():
        found = {n.removeprefix("reviews/") for n in names(function) if n.startswith("reviews/")}
        assert found == needed
        assert not [n for n in names(function) if n.startswith("monitoring/")]


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
    assert Target.of(Stage.read("local")).python == HERE
    wanted = Target.of(Stage.read("prod"))
    assert not wanted.native
    flags = wanted.uv_flags()
    assert flags[flags.index("--python-version") + 1] == wanted.python
    assert "x86_64-manylinux_2_28" in flags


def test_byte_code_is_made_by_the_same_version_or_not_at_all() -> None:
    ours = Target.of(Stage.read("prod"))
    assert replace(ours, python="3.99").compiler() is None
    assert replace(ours, python=HERE).compiler()


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
