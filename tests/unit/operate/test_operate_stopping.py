"""A signal ends a command, all that it started, and with the status that a shell expects."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from operate import processes, signals
from operate.__main__ import main
from operate.errors import OperateError

ROOT = Path(__file__).parents[3]
SLEEPER = "import time; time.sleep(60)"


@pytest.fixture(autouse=True)
def reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_is_closed", False)


def send(number: signal.Signals) -> None:
    """A signal to this process, which has come when this returns."""
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_command_that_is_stopped_says_so(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    status: int,
) -> None:
    from lambdas.ports import identity

    monkeypatch.setattr(identity, "caller", lambda: os.kill(os.getpid(), number))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert main(["status", "--stage", "dev"]) == status
    assert f"status: stopped by {number.name}" in capsys.readouterr().err


def test_a_signal_waits_until_a_start_is_written_down() -> None:
    signals.install()
    written = False
    with pytest.raises(signals.Stopped), signals.deferred():  # noqa: PT012
        send(signal.SIGTERM)
        written = True
    assert written


def test_nohup_is_obeyed_and_a_background_job_can_be_interrupted() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signals.install()
    send(signal.SIGHUP)
    with pytest.raises(signals.Stopped):
        send(signal.SIGINT)


def test_a_second_signal_does_not_disturb_the_stopping() -> None:
    signals.install()
    with signals.ignored():
        send(signal.SIGINT)
    with pytest.raises(signals.Stopped):
        send(signal.SIGINT)


def test_a_program_ends_with_all_that_it_started(tmp_path: Path) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"
    signals.install()
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    mark = {"PATH": os.environ["PATH"], "MARK": str(tmp_path)}
    with pytest.raises(signals.Stopped):
        processes.run_logged([sys.executable, "-c", child], env=mark, log=tmp_path / "log")
    deadline = time.monotonic() + 5  # what was killed takes a moment to be gone
    while marked(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked(tmp_path) == []


def marked(mark: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MARK={mark}".encode() in entry.read_bytes().split(b"\0"):
                found.append(entry.parent.name)
        except OSError:
            continue
    return found


def test_what_another_thread_runs_ends_too_and_it_starts_no_more(tmp_path: Path) -> None:
    statuses: list[int] = []
    failures: list[OperateError] = []

    def work() -> None:
        env = {"PATH": os.environ["PATH"]}
        argv = [sys.executable, "-c", SLEEPER]
        statuses.append(processes.run_logged(argv, env=env, log=tmp_path / "log"))
        try:
            processes.run_logged(argv, env=env, log=tmp_path / "log")
        except OperateError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not processes._running:
        time.sleep(0.01)
    processes.stop_all()
    thread.join(20)
    assert statuses == [-signal.SIGTERM]
    assert "was not started" in str(failures[0])


def test_the_output_of_a_program_is_in_its_log(tmp_path: Path) -> None:
    argv = [
        sys.executable,
        "-c",
        "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)",
    ]
    log = tmp_path / "folder" / "a log"
    assert processes.run_logged(argv, env={}, log=log) == 3
    assert sorted(log.read_text().split()) == ["err", "out"]


def test_a_program_on_this_terminal_gives_its_status() -> None:
    env = {"PATH": os.environ["PATH"]}
    assert processes.run_attached([sys.executable, "-c", "raise SystemExit(4)"], env=env) == 4


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_a_run_that_is_stopped_before_a_model_does_not_exit_0(tmp_path: Path, name: str) -> None:
    """While it waits for a cloud that never answers: a supervisor of ours that only sleeps."""
    number = getattr(signal, f"SIG{name}")
    program = f"""
import sys
from operate import local, run, source
from operate.__main__ import main
source.SAMPLE_ROWS = 100
run._Packaging.run = lambda self: None
class Cloud(local.LocalCloud):
    def start(self, env):
        (self.home / "waits").touch()
        import time
        time.sleep(60)
local.LocalCloud = Cloud
sys.exit(main(["run", "--once", "--home", {str(tmp_path)!r}]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "waits").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert f"run: stopped by SIG{name}: no model was released" in said
