"""One local cloud for all end-to-end tests: `make run`'s own command, serving while they ask."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ROOT = Path(__file__).parents[2]
PREFIX = "review-stars-local"
SUMMARY_SECONDS = 420
STOP_SECONDS = 60


@dataclass
class Running:
    """A loop that serves: its folder, its summary, the variables of a client."""

    home: Path
    process: subprocess.Popen[str]
    summary: dict[str, Any]
    client: dict[str, str]

    def log(self) -> str:
        """What `make run` has printed so far."""
        return (self.home / "run.log").read_text(errors="replace")


def operate(*words: str) -> list[str]:
    """The words that start one command of ours."""
    return [sys.executable, "-m", "operate", *words]


def aws(running: Running, service: str) -> Any:
    """A client of the account's root."""
    cloud = json.loads((running.home / "cloud.json").read_text())
    session = boto3.Session(cloud["account"], "local", region_name=cloud["region"])
    return session.client(
        service,
        endpoint_url=cloud["endpoint_url"],
        verify=cloud["ca_bundle"],
        config=Config(user_agent="tests"),  # what the tests ask is no part of the app
    )


def our_processes(home: Path) -> list[str]:
    """Command lines of the processes that belong to the local cloud of this home."""
    mark = f"LOCAL_CLOUD_HOME={home}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes().split(b"\0"):
                words = entry.with_name("cmdline").read_bytes().replace(b"\0", b" ")
                found.append(f"{entry.parent.name} {words.decode(errors='replace')[:160]}")
        except OSError:
            continue
    return found


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`make run` with our sample, up to its summary, then serving until the tests are done."""
    home = tmp_path_factory.mktemp("home")
    log = (home / "run.log").open("w")
    process = subprocess.Popen(
        operate("run", "--home", str(home)),
        cwd=ROOT,
        stdout=log,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + SUMMARY_SECONDS
        while not (home / "summary.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"no summary:\n{(home / 'run.log').read_text()[-6000:]}")
            time.sleep(0.5)
        assignments = shlex.split((home / "client.env").read_text())
        client = dict(assignment.split("=", 1) for assignment in assignments)
        yield Running(home, process, json.loads((home / "summary.json").read_text()), client)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        log.close()
