"""Start the emulator and the tracking server, stay with them, and leave nothing behind."""

import os
import shutil
import signal
import ssl
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from local_cloud import processes
from local_cloud.home import (
    ACCOUNT,
    OPERATIONS_LOG,
    REGION,
    BrokenError,
    RunningCloud,
    held,
    require_free,
)

PROJECT = Path(__file__).resolve().parents[1]
TRACKING = Path(__file__).with_name("tracking.py")
START_SECONDS = 180.0  # the emulator needs 1 to 3 on an idle machine, 70 where six others work
WAIT_SCALE = "0.05"  # of a state machine's waits and retries: jobs take seconds here, not minutes
TRACKING_SECONDS = 120.0  # MLflow imports for several and makes its tables


@dataclass(frozen=True)
class StartOptions:
    """What to start, and where."""

    home: Path
    port: int = 4566
    tracking_port: int = 5566
    tracking: bool = True
    account: str = ACCOUNT
    region: str = REGION

    @property
    def endpoint_url(self) -> str:
        """Where the emulator listens."""
        return f"https://localhost:{self.port}"

    @property
    def tracking_url(self) -> str:
        """Where MLflow listens; empty where it is not wanted."""
        return f"http://127.0.0.1:{self.tracking_port}" if self.tracking else ""

    @property
    def authority(self) -> Path:
        """The certificate that clients trust."""
        return self.home / "tls" / "ca.crt"

    @property
    def authorization_log(self) -> Path:
        """One decision a line."""
        return self.home / "authorization.jsonl"

    @property
    def operations_log(self) -> Path:
        """One operation with parameters that were not asked for before, a line."""
        return self.home / OPERATIONS_LOG


def up(options: StartOptions) -> int:
    """Run the local cloud until a signal, our parent's death, or the end of a child.

    Gives the exit status: 0 after a wanted stop, 1 when the emulator broke.
    Raises CannotStartError where another run or another program is in the way.
    """
    stop = threading.Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.set()

    with held(options.home):
        processes.sweep(options.home, patience_seconds=0)
        require_free(options.port, what="the local cloud", option="--port")
        if options.tracking:
            require_free(options.tracking_port, what="MLflow", option="--tracking-port")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, ask)
        processes.watch_parent(stop)
        try:
            return _serve(options, stop)
        finally:
            (options.home / "cloud.json").unlink(missing_ok=True)
            processes.stop_all()
            processes.sweep(options.home)


def _serve(options: StartOptions, stop: threading.Event) -> int:
    _clear(options.home)
    os.environ[processes.MARK] = str(options.home)
    emulator = _start_emulator(options)
    tracking = _start_tracking(options)
    _await_emulator(options, emulator, stop)
    if stop.is_set():
        return 0
    RunningCloud(
        endpoint_url=options.endpoint_url,
        ca_bundle=str(options.authority),
        account=options.account,
        region=options.region,
        tracking_url=options.tracking_url,
        pid=os.getpid(),
        authorization_log=str(options.authorization_log),
    ).write(options.home)
    print(f"ready {options.endpoint_url}", flush=True)
    if tracking is not None:
        threading.Thread(
            target=_follow_tracking, args=(options, tracking, stop), daemon=True
        ).start()
    while not stop.wait(0.25):
        if emulator.poll() is not None:
            log, end = emulator.log, emulator.last_lines()
            _report(f"the emulator ended by itself; see {log}, which ends with:\n{end}")
            return 1
    return 0


def _clear(home: Path) -> None:
    """Every run starts from an empty cloud."""
    for folder in ("tmp", "logs", "tracking", "jobs", "endpoints"):
        shutil.rmtree(home / folder, ignore_errors=True)
        (home / folder).mkdir(parents=True)
    for name in ("authorization.jsonl", OPERATIONS_LOG, "cloud.json"):
        (home / name).unlink(missing_ok=True)


def _start_emulator(options: StartOptions) -> processes.Process:
    return processes.start(
        [sys.executable, "-m", "local_cloud.emulator"],
        env=emulator_environment(options, os.environ),
        cwd=PROJECT,
        log=options.home / "logs" / "emulator.log",
        grace_seconds=8,
    )


def emulator_environment(options: StartOptions, own: Mapping[str, str]) -> dict[str, str]:
    """Give the emulator's environment: ours without anything that points to a real account."""
    kept = {k: v for k, v in own.items() if not k.startswith(("AWS_", "CDK_", "MLFLOW_"))}
    version = f"{sys.version_info.major}_{sys.version_info.minor}"
    interpreter = getattr(sys, "_base_executable", sys.executable)
    training = PROJECT / ".local" / "venvs" / "training" / "bin" / "python"
    return {
        "TRAINING_PYTHON": str(training),
        f"LAMBDA_PYTHON{version}": interpreter,
        **kept,
        processes.MARK: str(options.home),
        "AUTH": "true",
        "USE_SSL": "1",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(options.port),
        "MINISTACK_HOST": "localhost",
        "MINISTACK_ACCOUNT_ID": options.account,
        "MINISTACK_REGION": options.region,
        "LAMBDA_ACCOUNT_CONCURRENCY": "1000",  # AWS's quota; MiniStack's goes by free memory
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "SFN_WAIT_SCALE": WAIT_SCALE,
        "LOG_LEVEL": kept.get("LOCAL_CLOUD_LOG_LEVEL", "WARNING"),
        "TMPDIR": str(options.home / "tmp"),
        "S3_DATA_DIR": str(options.home / "tmp" / "s3"),
        "AUTHORIZATION_LOG": str(options.authorization_log),
        "OPERATIONS_LOG": str(options.operations_log),
        "LOCAL_CLOUD_ENDPOINT": options.endpoint_url,
        "LOCAL_CLOUD_AUTHORITY": str(options.authority),
        "LOCAL_CLOUD_TRACKING": options.tracking_url,
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _start_tracking(options: StartOptions) -> processes.Process | None:
    python = PROJECT / ".local" / "venvs" / "tracking" / "bin" / "python"
    if not options.tracking:
        return None
    if not python.exists():
        _report(f"no MLflow at {python.relative_to(PROJECT)}: runs will not be tracked")
        return None
    folder = options.home / "tracking"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MLFLOW_"))}
    return processes.start(
        # -P: beside the program lies a folder `sagemaker`, which MLflow would take for the SDK.
        [str(python), "-P", str(TRACKING), str(folder), str(options.tracking_port)],
        env={
            **kept,
            processes.MARK: str(options.home),
            "TMPDIR": str(options.home / "tmp"),
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "GIT_PYTHON_REFRESH": "quiet",
        },
        cwd=folder,
        log=options.home / "logs" / "tracking.log",
        grace_seconds=3,
    )


def _await_emulator(
    options: StartOptions, emulator: processes.Process, stop: threading.Event
) -> None:
    url = f"{options.endpoint_url}/_ministack/health"
    end = time.monotonic() + START_SECONDS
    while not stop.wait(0.05):
        if emulator.poll() is not None:
            raise BrokenError(f"the emulator did not start:\n{emulator.last_lines()}")
        if options.authority.exists() and answers(url, authority=options.authority):
            return
        if time.monotonic() > end:
            raise BrokenError(
                f"the emulator did not answer within {START_SECONDS:.0f} s; see {emulator.log}"
            )


def _follow_tracking(
    options: StartOptions, tracking: processes.Process, stop: threading.Event
) -> None:
    """Report once whether MLflow started, and once more if it ends; nothing waits for it."""
    end = time.monotonic() + TRACKING_SECONDS
    while not answers(f"{options.tracking_url}/health"):
        if tracking.poll() is not None or time.monotonic() > end:
            _report(f"MLflow did not start, runs will not be tracked; see {tracking.log}")
            return
        if stop.wait(0.25):
            return
    _report(f"tracking {options.tracking_url}")
    while not stop.wait(1):
        if tracking.poll() is not None:
            _report(f"MLflow ended by itself, runs will not be tracked; see {tracking.log}")
            return


def answers(url: str, *, authority: Path | None = None) -> bool:
    """Tell whether a GET of this URL gives 200."""
    context = ssl.create_default_context(cafile=str(authority)) if authority else None
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, ValueError):
        return False


def _report(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
