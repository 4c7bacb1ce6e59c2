"""The local cloud as a process of this one: started, awaited, stopped, never left behind."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from operate import signals
from operate.errors import InputError, OperateError

EMULATOR = Path(".local/venvs/emulator/bin/python")
PORT, TRACKING_PORT = 4566, 5566  # where nothing else listens there
START_SECONDS = 200  # the supervisor gives up first, and its reason is told
STOP_SECONDS = 30


class LocalCloud:
    """Start the supervisor of `local_cloud/` and stop it when the block ends, however it ends.

    account, region: whose cloud it is; empty: the local stage's.
    """

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        tracking_port: int | None = None,
        *,
        account: str = "",
        region: str = "",
    ):
        self.home = home
        self.port = port or PORT
        self.tracking_port = tracking_port or TRACKING_PORT
        self._named = (bool(port), bool(tracking_port))
        self._owner = [
            *(["--account", account] if account else []),
            *(["--region", region] if region else []),
        ]
        self.log = home / "cloud.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    @property
    def tracking_url(self) -> str:
        """Where MLflow listens."""
        return f"http://127.0.0.1:{self.tracking_port}"

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Hold the home for this run, and settle the ports, before anything is changed.

        Raises OperateError where another run holds the home, InputError where a port that was
        named is taken.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with _locked(self.home / "run.lock"):
            with _locked(self.home / "lock"):  # the supervisor's own, which may run without us
                self.port = _port(self.port, named=self._named[0], knob="PORT")
                self.tracking_port = _port(
                    self.tracking_port, self.port, named=self._named[1], knob="TRACKING_PORT"
                )
            yield

    def start(self, env: Mapping[str, str]) -> None:
        """Start it, and return when it answers.

        Raises OperateError with the supervisor's own reason where it does not.
        """
        argv = [str(EMULATOR), "-m", "local_cloud", "up"]
        argv += ["--home", str(self.home), "--port", str(self.port)]
        argv += ["--tracking-port", str(self.tracking_port), *self._owner]
        with self.log.open("wb") as sink, signals.deferred():
            # Its own session: Ctrl-C reaches us alone, and we stop it in order.
            self._process = subprocess.Popen(
                argv,
                stdout=sink,
                stderr=sink,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=dict(env),
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise OperateError(f"the local cloud did not start: {self._last_line()}")
            if b"\nready " in b"\n" + self.log.read_bytes():
                self._is_ready = True
                return
            time.sleep(0.1)
        self.stop()
        raise OperateError(f"the local cloud did not answer within {START_SECONDS} s: {self.log}")

    def stop(self) -> None:
        """Ask it to stop, wait, and only then insist."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            print("the local cloud had to be killed; see", self.log, file=sys.stderr)

    def unlisted(self) -> list[str]:
        """A sentence for each operation or parameter used here that its list of them lacks."""
        argv = [str(EMULATOR), "-m", "local_cloud", "operations", "--home", str(self.home)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise OperateError(f"the operations that were used are unknown: {done.stderr.strip()}")
        return done.stdout.splitlines()

    def is_alive(self) -> bool:
        """Whether it answers; `cloud.json` goes as soon as the emulator has ended."""
        runs = self._process is not None and self._process.poll() is None
        return runs and (self.home / "cloud.json").exists()

    @property
    def has_started(self) -> bool:
        """Whether it has answered, and was not stopped by us."""
        return self._process is not None and self._is_ready

    def has_died(self, within_seconds: float = 1.5) -> bool:
        """Whether it has ended by itself, which shows a moment after its first silence."""
        deadline = time.monotonic() + within_seconds
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        return not self.is_alive()

    def death(self) -> OperateError:
        """What to say of a local cloud that has ended by itself."""
        emulator = self.home / "logs" / "emulator.log"
        return OperateError(
            f"the local cloud has ended by itself, so everything was stopped: see {self.log} and "
            f"{emulator}, and start again with `make run`"
        )

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"see {self.log}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise OperateError(
                f"another run is going in {path.parent} (process {pid}), and was left as it is: "
                "stop it first, or start this one in another clone"
            ) from None
        if path.name == "run.lock":
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        yield


def _port(wanted: int, *reserved: int, named: bool, knob: str) -> int:
    """A port that nobody listens on, and that we have not given away: the wanted one if it can be.

    Raises InputError where it cannot, and was named.
    """
    if wanted not in reserved and _is_free(wanted):
        return wanted
    if named:
        raise InputError(
            f"{knob}={wanted} is taken: end what listens there, name another port, or leave "
            f"{knob}= out and a free one is taken"
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
