"""The rehearsal passes, and fails with its reason where one of ten faults is put back.

One cloud is held for all of them. Faults of which none hides another are deployed together; each
has a scene and a sentence of its own. The tests stand in the order in which a stage lives.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest

from operate import environment
from rehearsal.trees import ROOT

from . import faults
from .faults import SILENT, Fault, tree_with

pytestmark = pytest.mark.faults
HOLD_SECONDS, PLAY_SECONDS, STOP_SECONDS = 300, 900, 60
MINUTE_SECONDS = "15"
TOGETHER = (
    (faults.BUCKETS,),
    (faults.DOCKER,),
    (faults.COMMIT, faults.SHARE, faults.APPROVAL),
    (faults.METRIC, faults.MISSING),
    (faults.LOG,),
    (faults.USER_AGENT, faults.SWEEP),  # without it nothing is released
)


@dataclass
class Held:
    """A cloud that is held, and what was said of the trees that were played in it."""

    home: Path
    place: Path
    said: dict[int, tuple[int, str]] = field(default_factory=dict)

    def play(self, tree: Path, *scenes: str) -> tuple[int, str]:
        """Deploy a tree and play scenes in it; the exit status, and all that was said."""
        words = ["rehearsal", "--onto", "--home", str(self.home), "--scenes", ",".join(scenes)]
        words += ["--outage", SILENT]
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tree,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PLAY_SECONDS,
            check=False,
        )
        print(f"--- {tree.name}: {' '.join(words)}\n{done.stdout}")
        return done.returncode, done.stdout

    def play_with(self, fault: Fault) -> tuple[int, str]:
        """Put a fault back with those that are deployed with it, and play their scenes, once."""
        number, together = next((i, g) for i, g in enumerate(TOGETHER) if fault in g)
        if number not in self.said:
            tree = tree_with(self.place / f"tree-{number}", *together)
            (tree / ".build").symlink_to(self.place / "build")
            first = ["first-deploy"] if fault == faults.DOCKER else []
            scenes = [fault.scene for fault in together]
            self.said[number] = self.play(tree, *first, *scenes)
        return self.said[number]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """An account that is bootstrapped and has no stage yet."""
    place = tmp_path_factory.mktemp("faults")
    (place / "build").mkdir()
    home, log = place / "home", place / "held.log"
    words = ["--hold", "--home", str(home), "--scenes", "bootstrap"]
    minute = {"LOCAL_CLOUD_MINUTE_SECONDS": MINUTE_SECONDS}
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "rehearsal", *words],
            cwd=ROOT,
            env={**os.environ, **minute},
            stdout=sink,
            stderr=sink,
        )
    try:
        deadline = time.monotonic() + HOLD_SECONDS
        while "the cloud is held" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(1)
        yield Held(home, place)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def fails_with(held: Held, fault: Fault) -> None:
    """Whether the rehearsal fails, and says why."""
    code, said = held.play_with(fault)
    assert code == 1, said
    assert re.search(fault.says, said), said


def passes(held: Held, *scenes: str) -> None:
    """Whether this folder, as it is, passes these scenes."""
    code, said = held.play(ROOT, *scenes)
    assert code == 0, said


def test_buckets_that_a_failed_deploy_retains(held: Held) -> None:
    fails_with(held, faults.BUCKETS)
    # What the next deploy would have stumbled over is taken away by hand.
    variables = environment.local(os.environ, held.home)
    s3 = boto3.client(
        "s3",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        verify=variables["AWS_CA_BUNDLE"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    for bucket in s3.list_buckets()["Buckets"]:
        if "review-stars-prod" in bucket["Name"]:
            s3.delete_bucket(Bucket=bucket["Name"])


def test_an_image_that_is_not_in_docker_s_form(held: Held) -> None:
    fails_with(held, faults.DOCKER)


def test_without_a_fault_a_stage_comes_to_a_package_that_waits(held: Held) -> None:
    passes(held, "strangers", "same-deploy", "share", "data", "automation")


def test_code_that_is_named_by_its_commit(held: Held) -> None:
    fails_with(held, faults.COMMIT)


def test_an_api_without_its_share_of_executions(held: Held) -> None:
    fails_with(held, faults.SHARE)


def test_roles_that_may_approve(held: Held) -> None:
    fails_with(held, faults.APPROVAL)


def test_without_a_fault_every_alarm_has_its_metric_and_a_silent_probe_rings(held: Held) -> None:
    """The model that automation has approved was released meanwhile."""
    passes(held, "signals", "outages")


def test_an_alarm_on_a_metric_that_nobody_emits(held: Held) -> None:
    fails_with(held, faults.METRIC)


def test_a_probe_whose_silence_is_good(held: Held) -> None:
    fails_with(held, faults.MISSING)


def test_a_log_group_that_is_named_too_short(held: Held) -> None:
    fails_with(held, faults.LOG)


def test_a_client_without_user_agent(held: Held) -> None:
    fails_with(held, faults.USER_AGENT)


def test_a_sweep_that_goes_by_a_prefix(held: Held) -> None:
    fails_with(held, faults.SWEEP)
