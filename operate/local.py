"""The local cloud as a process of this one: started, awaited, stopped, never left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from operate.errors import OperateError

EMULATOR = Path(".local/venvs/emulator/bin/python")
START_SECONDS = 60
STOP_SECONDS = 30


class LocalCloud:
    """Start the supervisor of `local_cloud/` and stop it when the block ends, however it ends."""

    def __init__(self, home: Path, port: int, tracking_port: int) -> None:
        self.home = home
        self.port = port
        self.tracking_port = tracking_port
        self.log = home / "cloud.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def tracking_url(self) -> str:
        """Where MLflow listens."""
        return f"http://127.0.0.1:{self.tracking_port}"

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises OperateError with the supervisor's own last words where it does not.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        argv = [str(EMULATOR), "-m", "local_cloud", "up"]
        argv += ["--home", str(self.home), "--port", str(self.port)]
        argv += ["--tracking-port", str(self.tracking_port)]
        with self.log.open("wb") as sink:
            # Its own session: Ctrl-C reaches us alone, and we stop it in order.
            self._process = subprocess.Popen(
                argv, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise OperateError(f"the local cloud did not start: {self._last_log_line()}")
            if b"\nready " in b"\n" + self.log.read_bytes():
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

    def alive(self) -> bool:
        """Whether the supervisor still runs."""
        return self._process is not None and self._process.poll() is None

    def _last_log_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"see {self.log}"
