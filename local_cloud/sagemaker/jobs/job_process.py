"""One job from start to end: data in, the process, data out, and a reason for every failure."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from local_cloud.sagemaker.jobs import channels
from local_cloud.sagemaker.jobs.job_spec import JobSpec
from local_cloud.sagemaker.runtime import containers, emulator, roles

_REASON_LENGTH = 1024
_POLL_SECONDS = 0.2

OnPhase = Callable[[str, str], None]


class JobFailedError(Exception):
    """How a job ended badly: its final status and the reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason[:_REASON_LENGTH]


class JobProcess:
    """A job while it runs.

    on_phase: called with (status, reason) at every phase; the last is Completed, Failed or Stopped.
    """

    def __init__(self, name: str, spec: JobSpec, on_phase: OnPhase) -> None:
        self.name = name
        self.done = threading.Event()
        self._spec = spec
        self._on_phase = on_phase
        self._stopping = threading.Event()
        self._root = emulator.home() / "jobs" / name / "ml"

    def start(self) -> None:
        """Run in a thread of its own."""
        emulator.in_background(f"job {self.name}", self._run, on_error=self._fail)

    def stop(self) -> None:
        """Ask the job to end; it ends Stopped."""
        self._stopping.set()

    def _run(self) -> None:
        try:
            self._on_phase("Downloading", "")
            self._prepare()
            self._on_phase("Running", "")
            self._execute()
            self._on_phase("Uploading", "")
            channels.deliver(self._spec.uploads, self._root, role_arn=self._spec.role_arn)
            self._on_phase("Completed", "")
        except JobFailedError as error:
            self._on_phase(error.status, error.reason)
        except channels.TransferError as error:
            self._on_phase("Failed", f"ClientError: {error}"[:_REASON_LENGTH])
        except containers.UnknownImageError as error:
            self._on_phase("Failed", f"ClientError: {error}"[:_REASON_LENGTH])
        finally:
            shutil.rmtree(self._root.parent, ignore_errors=True)
        self.done.set()  # after the last phase, also where that is written by `_fail`

    def _fail(self, reason: str) -> None:
        """End Failed by an error of our own."""
        try:
            self._on_phase("Failed", reason[:_REASON_LENGTH])
        finally:
            self.done.set()

    def _prepare(self) -> None:
        shutil.rmtree(self._root.parent, ignore_errors=True)
        for folder in self._spec.folders:
            (self._root / folder).mkdir(parents=True, exist_ok=True)
        for name, document in self._spec.documents.items():
            path = self._root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document), encoding="utf-8")
        (self._root / "output").mkdir(parents=True, exist_ok=True)
        for download in self._spec.downloads:
            self._refuse_if_stopped()
            channels.fetch(download, self._root, role_arn=self._spec.role_arn)

    def _execute(self) -> None:
        """The process, until it ends, is stopped or has run for too long."""
        container = containers.Container(self._container_spec())
        end = time.monotonic() + self._spec.max_seconds
        try:
            while (status := container.wait(_POLL_SECONDS)) is None:
                self._refuse_if_stopped()
                if time.monotonic() > end:
                    limit = self._spec.max_seconds
                    raise JobFailedError(
                        "Stopped", f"MaxRuntimeExceeded: ran longer than {limit} seconds"
                    )
        finally:
            container.stop()
        if status != 0:
            message = self._own_message() or container.last_line()
            raise JobFailedError("Failed", f"AlgorithmError: {message}, exit code: {status}")

    def _container_spec(self) -> containers.ContainerSpec:
        spec = self._spec
        stream = f"{self.name}/algo-1-{int(time.time() * 1000)}"
        return containers.ContainerSpec(
            image=spec.image,
            arguments=spec.arguments,
            root=self._root,
            log_group=spec.log_group,
            log_stream=stream,
            may_log=self._may_log(stream),
            environment=spec.environment,
            isolated=spec.isolated,
        )

    def _may_log(self, stream: str) -> bool:
        """Whether the job's role may write its log; without it a job writes no log, as on AWS."""
        account, region = emulator.current_scope()
        group = f"arn:aws:logs:{region}:{account}:log-group:{self._spec.log_group}"
        try:
            for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
                roles.require(self._spec.role_arn, action, f"{group}:log-stream:{stream}")
        except roles.AccessDeniedError:
            return False
        return True

    def _refuse_if_stopped(self) -> None:
        if self._stopping.is_set():
            raise JobFailedError("Stopped", "")

    def _own_message(self) -> str:
        """The failure message that the program itself left."""
        for name in ("output/failure", "output/message"):
            path: Path = self._root / name
            if path.is_file():
                return path.read_text(encoding="utf-8", errors="replace").strip()
        return ""
