"""A short rehearsal, one that is interrupted, and two at once: in a cloud of their own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, our_processes

pytestmark = pytest.mark.e2e
SECONDS = 420
SHORT = ("bootstrap", "first-deploy", "strangers", "same-deploy")


def rehearsal(home: Path, *words: str) -> subprocess.Popen[str]:
    """`make rehearse` with a home of its own; its output stands in `said` beside the home."""
    with home.with_name("said").open("a") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "rehearsal", "--home", str(home), *words],
            cwd=ROOT,
            stdout=said,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )


def said(home: Path) -> str:
    return home.with_name("said").read_text()


def await_words(home: Path, words: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + SECONDS
    while words not in said(home):
        assert process.poll() is None, said(home)
        assert time.monotonic() < deadline, said(home)
        time.sleep(0.2)


def test_the_short_form_passes_in_a_cloud_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = rehearsal(home, "--scenes", ",".join(SHORT))
    assert process.wait(SECONDS) == 0, said(home)
    result = json.loads((home / "rehearsal.json").read_text())
    assert [(one["scene"], one["outcome"]) for one in result["scenes"]] == [
        (name, "passed") for name in SHORT
    ]
    assert "Rehearsal of prod" in (home / "index.html").read_text()
    assert our_processes(home) == []


@pytest.mark.parametrize(
    ("number", "moment", "status"),
    [
        (signal.SIGTERM, "made up", 143),  # the cloud has begun, the packages are being built
        (signal.SIGINT, "The account is prepared", 130),  # a person's command is under way
    ],
)
def test_an_interrupted_rehearsal_leaves_nothing_running(
    tmp_path: Path, number: signal.Signals, moment: str, status: int
) -> None:
    home = tmp_path / "home"
    process = rehearsal(home, "--scenes", "first-deploy")
    await_words(home, moment, process)
    second = rehearsal(home, "--scenes", "bootstrap")
    assert second.wait(SECONDS) == 1
    assert f"another run is going in {home}" in said(home)
    process.send_signal(number)
    assert process.wait(SECONDS) == status, said(home)
    assert f"stopped by {number.name}: nothing of it is left running" in said(home)
    assert our_processes(home) == []
    assert not (home / "cloud.json").exists()
