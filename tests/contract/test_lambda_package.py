"""The packages as Lambda gets them: made by uv, opened by a bare interpreter."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.packaging.build import ROOT, Target, build, main, size_bytes
from infra.packaging.contents import FUNCTIONS, Uses, modules
from infra.stage import Stage
from lambdas.settings import (
    LearnSettings,
    MonitorSettings,
    PreprocessSettings,
    ProbeSettings,
    RatingsSettings,
    ReleaseSettings,
    Settings,
)
from reviews.language import DEFAULT

pytestmark = pytest.mark.slow
DRIFT = (
    '{"window":{"min_rows":2,"max_rows":9,"max_age_days":7},'
    '"tests":{"false_alarm_rate":0.01,"min_baseline_rows":2,"cell_correction":0.5,'
    '"exact_below_rows":20},"feedback":{"min_pairs":2,"confidence":0.99}}'
)
KINDS: dict[str, type[Settings]] = {
    "preprocess": PreprocessSettings,
    "learn": LearnSettings,
    "ratings": RatingsSettings,
    "release": ReleaseSettings,
    "monitor": MonitorSettings,
    "probe": ProbeSettings,
}
HANDLERS = {
    "preprocess": ("plan", "worker", "finish", "remove"),
    "learn": ("prepare", "conclude"),
    "ratings": ("rate",),
    "release": ("validate", "verify", "golden", "record"),
    "monitor": ("check",),
    "probe": ("ask",),
}
# What a handler loads only when it works, so that its absence would not be seen at import.
LATER = {
    "preprocess": """
import io, json
from reviews import parquet
from reviews.language import DEFAULT
from reviews.refine import refine_stream
texts = ["It works and I like it a lot", "Das Kabel ist leider viel zu kurz", "Ça marche, merci"]
rows = [{"rating": 5, "title": None, "text": text, "user_id": "u"} for text in texts * 2]
stream = io.BytesIO(b"\\n".join([*(json.dumps(row).encode() for row in rows), b"{", b"\\xff"]))
file = io.BytesIO()
refined = refine_stream(stream)
parquet.write(refined, file)
counts = refined.counts.to_dict()
assert counts["languages"] == {"de": 1, "en": 1, "fr": 1}, counts
assert counts["duplicates"] == 3 and sum(counts["rejected"].values()) == 2, counts
assert file.getvalue().startswith(b"PAR1")
""",
    "monitor": """
import json
import numpy as np
from lambdas.monitor import check
from monitoring import drift, report
from monitoring.baseline import Baseline
from monitoring.observations import Observations
def some(seed):
    r = np.random.default_rng(seed)
    return Observations(stars=r.integers(1, 6, 50), expected_stars=r.uniform(1, 5, 50),
        confidence=r.uniform(0, 1, 50), language=["en"] * 49 + ["de"], supported=[True] * 50,
        length=r.integers(1, 99, 50), oov_share=r.uniform(0, 1, 50), markup=[False] * 49 + [True],
        topics=r.normal(size=(50, 3)), verified_purchase=r.integers(-1, 2, 50))
baseline = Baseline.from_observations(some(1), ["en"])
verdict = drift.check(baseline, some(2), check.rules)
assert len(verdict.tests) == len(drift.TESTS), verdict
assert "<svg" in report.html(verdict, baseline=baseline, window=some(2))
""",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All packages of the local stage."""
    here = (os.environ.get("UV", ""), str(ROOT / ".local/venvs/uv/bin/uv"))
    if not any(Path(uv).is_file() for uv in here) and shutil.which("uv") is None:
        pytest.skip("uv is not here: run `make setup`")
    out = tmp_path_factory.mktemp("lambdas")
    assert main(["--stage", "local", "--out", str(out)]) == 0
    return out


def environment(kind: type[Settings]) -> dict[str, str]:
    examples = {"str": "words", "int": "1", "bool": "true"}
    fields = kind.__dataclass_fields__.values()
    found = {field.name.upper(): examples[str(field.type)] for field in fields}
    return {**found, "KEEP_COLUMNS": "", "DETECTOR": DEFAULT, "DRIFT_CONFIG": DRIFT}


def bare(folder: Path, words: str, variables: dict[str, str]) -> None:
    """Run a few words with nothing but the package and the standard library."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{words}"
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}"
    done = subprocess.run(
        [str(base), "-I", "-S", "-W", "error", "-c", code],
        env={"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_handler_starts_from_its_package_alone(built: Path, function: str) -> None:
    names = [f"lambdas.{function}.{handler}" for handler in HANDLERS[function]]
    words = "\n".join(f"import {name}; {name}.handler" for name in names)
    bare(built / function, f"{words}\n{LATER.get(function, '')}", environment(KINDS[function]))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_client_of_a_port_can_be_made_from_the_package(built: Path, function: str) -> None:
    found = sorted(Uses.of(modules(function, ROOT), ROOT, scipy=False).services)
    assert found
    bare(built / function, f"import boto3\nfor name in {found}: boto3.client(name)", {})


def test_packages_are_as_small_as_we_say(built: Path) -> None:
    assert size_bytes(built / "preprocess") <= 100_000_000
    assert size_bytes(built / "ratings") <= 12_000_000
    assert size_bytes(built / "monitor") <= 180_000_000


def test_the_same_inputs_give_the_same_bytes_and_are_not_built_twice(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--stage", "local", "--out", str(built)]) == 0
    assert capsys.readouterr().out.count("up to date") == len(FUNCTIONS)
    target = Target.of(Stage.read("local"))
    files = modules("preprocess", ROOT)
    assert build("preprocess", files, target, tmp_path).fresh
    assert digests(tmp_path / "preprocess") == digests(built / "preprocess")
    assert not list(tmp_path.rglob("*.pyc"))


def digests(out: Path) -> dict[str, tuple[str, float]]:
    """Every file's digest and time, by its place, but for what imports left there."""
    return {
        str(path.relative_to(out)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime,
        )
        for path in out.rglob("*")
        if path.is_file() and path.suffix not in (".stamp", ".pyc")
    }
