"""The README's two commands, on the machines that people really have.

`make test` runs one loop on the worst of them, stopped twice on its way. `make newcomer` runs all:
every two values meet in a row, every interpreter of this machine is used, and a run is stopped in
each of its phases. What is missing here is skipped and named.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.newcomer.machines import (
    PYTHONS,
    VALUES,
    WORST,
    Machine,
    describe,
    interpreters,
    pairs,
    pairwise,
)
from tests.newcomer.newcomer import NOBODY, Newcomer
from tests.newcomer.proxy import Proxy

ROWS = pairwise()
# As printed when a phase begins, in order, each stopped by the next signal.
PHASES = (
    ("setup: uv", signal.SIGHUP),
    ("setup: .venv", signal.SIGINT),
    ("setup: node", signal.SIGTERM),
    ("setup: .local/venvs/training", signal.SIGHUP),
    ("Start the local cloud", signal.SIGINT),
    ("Deploy six stacks", signal.SIGTERM),
    ("Preprocess", signal.SIGHUP),
    ("Train, evaluate", signal.SIGINT),
    ("Release", signal.SIGTERM),
    ("Ask the API", signal.SIGHUP),
    ("Check drift", signal.SIGTERM),
)
LITTLE = 300_000_000
Make = Callable[[Machine, Path], Newcomer]


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = Proxy()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def ended_by_term() -> Iterator[None]:
    """Have TERM end a test as Ctrl-C does: what it started is stopped, what it made deleted."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, usual)


@pytest.fixture
def newcomer(proxy: Proxy) -> Iterator[Make]:
    """-> a machine with the project on it; all that was made is deleted afterwards.

    Not below pytest's folders: each session of pytest closes them to other users.
    """
    with tempfile.TemporaryDirectory(prefix="newcomer-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)

        def made(machine: Machine, python: Path) -> Newcomer:
            if os.geteuid() != 0:
                machine = replace(machine, user="same")
            return Newcomer(machine, python, Path(folder) / "n", proxy.address, free_ports())

        yield made


def free_ports() -> tuple[int, ...]:
    """Two ports of this machine that nobody listens on: other loops may run here."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def interpreter(number: int, user: str) -> Path:
    """The next of this machine's interpreters that this user may start."""
    found = list(interpreters())
    if not found:
        pytest.skip("no Python from 3.11 to 3.14 with venv here")
    for python in (*found[number % len(found) :], *found):
        if user == "same" or os.geteuid() != 0 or may_start(python):
            return python
    pytest.skip("no Python here that an ordinary user may start")


def interpreter_of(machine: Machine) -> Path:
    """They take turns among the rows of one kind of user."""
    alike = [row for row in ROWS if row.user == machine.user]
    return interpreter(alike.index(machine), machine.user)


def may_start(python: Path) -> bool:
    """Whether an ordinary user may."""
    try:
        return subprocess.run([python, "-c", ""], user=NOBODY, check=False).returncode == 0
    except OSError:
        return False


def stop(number: signal.Signals) -> Callable[[int], None]:
    """As a person stops: Ctrl-C and a closed terminal reach the whole group, kill reaches make."""

    def send(pid: int) -> None:
        if number == signal.SIGTERM:
            os.kill(pid, number)
        else:
            os.killpg(pid, number)

    return send


def the_proxy_saw_no_local_call(proxy: Proxy) -> None:
    assert not {host for host in proxy.hosts if "127.0.0.1" in host or "localhost" in host}


def is_stopped(at: Newcomer, phase: str, number: signal.Signals) -> None:
    """Stop a run when a phase begins: it leaves nothing, and does not call itself well."""
    status = at.run("run", "ONCE=1", until=phase, then=stop(number))
    assert phase in at.printed, at.printed[-2000:]
    assert status != 0, f"stopped by {number.name} in {phase}: exit status 0"
    assert "Traceback" not in at.printed, at.printed[-3000:]
    assert not (at.root / ".local" / "summary.json").exists()
    at.has_left_nothing()


def finishes(at: Newcomer, proxy: Proxy) -> None:
    status = at.run("run", "ONCE=1")
    assert status == 0, at.printed[-4000:]
    at.has_released()
    at.can_source_the_client()
    at.has_left_nothing()
    the_proxy_saw_no_local_call(proxy)
    commands_are_refused_in_a_sentence(at)


def commands_are_refused_in_a_sentence(at: Newcomer) -> None:
    """What cannot be done changes nothing: the last run's files still stand."""
    refused = {
        ("run", "ONCE=1", "DATA=my file é.jsonl"): "my file é.jsonl: there is no such file",
        ("run", "ONCE=perhaps"): "ONCE=perhaps is neither yes nor no",
        ("status",): "the local cloud is not running",
        ("drift",): "the local cloud is not running",
        ("deploy", "STAGE=nowhere"): "nowhere",
    }
    for words, sentence in refused.items():
        assert at.run(*words) == 2, words
        assert sentence in at.printed, at.printed
        assert "Traceback" not in at.printed, at.printed
    at.has_released()
    assert at.run("doctor") == 0
    at.has_left_nothing()


@pytest.mark.e2e
def test_the_worst_machine_is_stopped_twice_and_then_releases_a_model(
    newcomer: Make, proxy: Proxy
) -> None:
    at = newcomer(WORST, interpreter(0, WORST.user))
    is_stopped(at, "setup: .local/venvs", signal.SIGINT)
    is_stopped(at, "Deploy six stacks", signal.SIGTERM)
    finishes(at, proxy)


@pytest.mark.newcomer
@pytest.mark.parametrize("machine", ROWS, ids=str)
def test_a_newcomer_releases_a_model(newcomer: Make, proxy: Proxy, machine: Machine) -> None:
    finishes(newcomer(machine, interpreter_of(machine)), proxy)


@pytest.mark.newcomer
@pytest.mark.parametrize("version", PYTHONS)
def test_the_rows_use_every_interpreter_that_is_here(version: str) -> None:
    here = {describe(str(python))[0] for python in interpreters()}
    if not any(found.startswith(f"{version}.") for found in here):
        pytest.skip(f"no Python {version} here, or PY names another one")
    used = {describe(str(interpreter_of(row)))[0] for row in ROWS}
    assert any(found.startswith(f"{version}.") for found in used)


@pytest.mark.newcomer
def test_a_run_that_is_stopped_in_any_phase_leaves_nothing_and_the_next_one_goes(
    newcomer: Make, proxy: Proxy
) -> None:
    at = newcomer(Machine(), interpreter(0, "same"))
    for phase, number in PHASES:
        is_stopped(at, phase, number)
    finishes(at, proxy)


@pytest.mark.newcomer
def test_little_disk_is_said_before_it_fills(tmp_path: Path) -> None:
    (tmp_path / "n").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={LITTLE}", "tmpfs", str(tmp_path / "n")]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        place = tmp_path / "n" / "n"
        at = Newcomer(Machine(), interpreter(0, "same"), place, ports=free_ports())
        assert at.run("run", "ONCE=1") != 0
        assert "GB are free" in at.printed
        assert "make room" in at.printed
        assert not (at.root / ".venv").exists()
        at.has_left_nothing()
    finally:
        subprocess.run(["umount", str(tmp_path / "n")], check=True)


def test_every_two_values_meet_on_some_machine() -> None:
    met = set().union(*(pairs(vars(row)) for row in ROWS))
    names = itertools.combinations(sorted(VALUES), 2)
    wanted = {((a, x), (b, y)) for a, b in names for x in VALUES[a] for y in VALUES[b]}
    assert wanted - met == set()
    assert len(ROWS) <= 12
