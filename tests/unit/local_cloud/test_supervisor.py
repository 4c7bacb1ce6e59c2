"""The supervisor: what stands in the way is named, and nothing is left behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud import processes, supervisor
from local_cloud.home import CannotStartError, RunningCloud, held, require_free
from tests.emulator import ROOT
from tests.unit.local_cloud.conftest import SupervisorRun, taken, until

pytestmark = pytest.mark.slow  # real processes, started and waited for

# A command that ignores the polite signal and has a child that does so too.
STUBBORN = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if len(sys.argv) < 2: subprocess.Popen([sys.executable, __file__, 'child'])\n"
    "print('up', flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose processes are known, and none of which outlives the test."""
    monkeypatch.setenv(processes.MARK, str(tmp_path))
    yield tmp_path
    processes.sweep(tmp_path, patience_seconds=0)


def stubborn(home: Path, grace_seconds: float = 0.3) -> processes.Process:
    program = home / "stubborn.py"
    program.write_text(STUBBORN)
    words = [sys.executable, str(program)]
    process = processes.start(words, cwd=home, log=home / "log", grace_seconds=grace_seconds)
    until(lambda: (home / "log").read_text().count("up") == 2)
    return process


def test_a_command_leaves_its_output_and_its_exit_status(marked: Path) -> None:
    words = [sys.executable, "-c", "print('hello'); raise SystemExit(7)"]
    process = processes.start(words, cwd=marked, log=marked / "log")
    assert process.wait(10) == 7
    assert process.last_lines() == "hello"


def test_a_command_that_is_not_there_says_so(marked: Path) -> None:
    process = processes.start(["/nowhere/program"], cwd=marked, log=marked / "log")
    assert process.wait(10) == 127
    assert "/nowhere/program: No such file or directory" in process.last_lines()


def test_stop_ends_a_command_that_will_not_and_its_child(marked: Path) -> None:
    process = stubborn(marked)
    assert len(processes.marked(marked)) == 3  # guard, command, child
    process.stop()
    until(lambda: processes.marked(marked) == [])


def test_a_killed_owner_leaves_nothing(marked: Path) -> None:
    """The owner is another process, which dies without a chance to clean up."""
    (marked / "stubborn.py").write_text(STUBBORN)
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from local_cloud import processes\n"
            "home = Path(sys.argv[1])\n"
            "processes.start([sys.executable, str(home / 'stubborn.py')], cwd=home,"
            " log=home / 'log', grace_seconds=0.3)\n"
            "time.sleep(600)",
            str(marked),
        ],
        cwd=ROOT,
    )
    log = marked / "log"
    until(lambda: log.exists() and log.read_text().count("up") == 2)
    owner.send_signal(signal.SIGKILL)
    owner.wait(5)
    until(lambda: processes.marked(marked) == [])


def test_a_sweep_ends_what_slipped_away_and_nothing_of_another_home(marked: Path) -> None:
    words = [sys.executable, "-c", "import time; time.sleep(600)"]
    other = marked / "other"
    strays = [
        subprocess.Popen(words, env={**os.environ, processes.MARK: str(home)})
        for home in (marked, other)
    ]
    until(lambda: processes.marked(marked) and processes.marked(other))
    assert processes.sweep(marked, patience_seconds=0) == 1
    assert strays[0].wait(5) == -signal.SIGKILL
    assert strays[1].poll() is None
    processes.sweep(other, patience_seconds=0)
    strays[1].wait(5)


def test_a_port_that_is_taken_is_named_with_the_option_that_helps() -> None:
    listening, port = taken()
    with listening, pytest.raises(CannotStartError, match=f"port {port}.*--tracking-port"):
        require_free(port, what="MLflow", option="--tracking-port")
    require_free(port, what="MLflow", option="--tracking-port")


def test_a_home_is_held_by_one_run(tmp_path: Path) -> None:
    with held(tmp_path):
        message = rf"another run is going in .* \(process {os.getpid()}\)"
        with pytest.raises(CannotStartError, match=message), held(tmp_path):
            pass
    with held(tmp_path):
        pass


def test_nobody_finds_a_cloud_that_does_not_run(tmp_path: Path) -> None:
    with pytest.raises(CannotStartError, match="no local cloud runs in"):
        RunningCloud.read(tmp_path)
    (tmp_path / "cloud.json").write_text('{"endpoint_url": "https://localhost:1"}')
    with pytest.raises(CannotStartError, match="no local cloud runs in"):
        RunningCloud.read(tmp_path)


def test_nothing_that_points_to_a_real_account_reaches_the_emulator(tmp_path: Path) -> None:
    own = {"AWS_PROFILE": "work", "CDK_DEFAULT_ACCOUNT": "1", "MLFLOW_RUN_ID": "x", "PATH": "/bin"}
    found = supervisor.emulator_environment(supervisor.StartOptions(home=tmp_path), own)
    assert not [name for name in found if name.startswith(("AWS_", "CDK_", "MLFLOW_"))]
    assert found["PATH"] == "/bin"
    assert (found["AUTH"], found["BIND_HOST"]) == ("true", "127.0.0.1")


def test_ctrl_c_leaves_nothing(up: SupervisorRun) -> None:
    up.ready()
    os.killpg(up.process.pid, signal.SIGINT)  # to the whole group, as a terminal does
    assert up.ended()[0] == 0
    assert processes.marked(up.home) == []
    assert not (up.home / "cloud.json").exists()


def test_a_second_run_in_one_home_is_refused_and_harms_nothing(up: SupervisorRun) -> None:
    up.ready()
    code, words = SupervisorRun(up.home, 1).ended()
    assert code == 2
    assert f"another run is going in {up.home} (process {up.process.pid})" in words
    assert (up.home / "cloud.json").exists()
    assert len(processes.marked(up.home)) == 2


def test_a_killed_supervisor_leaves_nothing(up: SupervisorRun) -> None:
    up.ready()
    assert len(processes.marked(up.home)) == 2  # the guard and the emulator
    up.process.send_signal(signal.SIGKILL)
    up.ended()
    until(lambda: processes.marked(up.home) == [])


def test_an_emulator_that_dies_ends_the_supervisor_with_the_end_of_its_log(
    up: SupervisorRun,
) -> None:
    up.ready()
    (emulator,) = [pid for pid in processes.marked(up.home) if "emulator" in command(pid)[-1]]
    os.kill(emulator, signal.SIGKILL)
    code, words = up.ended()
    assert code == 1
    assert "the emulator ended by itself" in words
    assert processes.marked(up.home) == []


def command(pid: int) -> list[str]:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().strip("\0").split("\0")
    return words if "guard.py" not in " ".join(words) else [""]


def test_a_taken_port_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    listening, port = taken()
    with listening:
        code, words = SupervisorRun(tmp_path, port).ended()
    assert code == 2
    assert words.startswith(f"port {port}, wanted for the local cloud, is taken")
    assert "Traceback" not in words
