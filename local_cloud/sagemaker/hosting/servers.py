"""A model server: the training program's `serve`, its health, its connections, its one restart."""

import contextlib
import http.client
import os
import queue
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from local_cloud.sagemaker.hosting import models
from local_cloud.sagemaker.registry import packages
from local_cloud.sagemaker.runtime import archives, containers, emulator, roles
from local_cloud.sagemaker.runtime.store import JsonObject

INVOCATION_SECONDS = 60.0
_HEALTH_SECONDS = 60.0
_RESTART_SECONDS = 60.0  # one crash in this time is healed, the next one is not
_POLL_SECONDS = 0.1
_HOST = "127.0.0.1"


class ModelServerError(Exception):
    """A model server that does not start, or does not answer; the text is the reason."""


class _StaleConnectionError(Exception):
    """A connection that was kept is no longer good."""


@dataclass(frozen=True)
class ContainerResponse:
    """What the model's container answered."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class ModelSource:
    """What a server serves: the one container of a SageMaker model."""

    image: str
    data_uri: str
    environment: dict[str, str]
    role_arn: str
    isolated: bool


def model_source(model_name: str) -> ModelSource:
    """Image, data and role of a model; a model package's are those of its first container."""
    model = models.model(model_name)
    container = models.containers(model)[0]
    package_arn = container.get("ModelPackageName")
    inner: JsonObject = container
    if package_arn:
        inner = packages.package(package_arn)["InferenceSpecification"]["Containers"][0]
    return ModelSource(
        image=inner.get("Image", ""),
        data_uri=inner.get("ModelDataUrl", ""),
        environment={**inner.get("Environment", {}), **container.get("Environment", {})},
        role_arn=model.get("ExecutionRoleArn", ""),
        isolated=bool(model.get("EnableNetworkIsolation")),
    )


class ModelServer:
    """One process that answers for a variant; many threads may call it at once."""

    def __init__(self, source: ModelSource, *, endpoint: str, variant: str, name: str) -> None:
        self._source = source
        self._root = emulator.home() / "endpoints" / name / "ml"
        self._log = (f"/aws/sagemaker/Endpoints/{endpoint}", f"{variant}/{name}")
        self._pool: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()
        self._container: containers.Container | None = None
        self._port = 0
        self._ready = threading.Event()  # set too where it is over: nobody waits for it then
        self._is_over = False
        self._stopped = threading.Event()
        self._started_at = 0.0
        self._failure_reason = ""

    def start(self) -> None:
        """Fetch the model, start the process, wait until it is healthy. Raises ModelServerError."""
        try:
            self._fetch()
            self._launch()
        except (roles.AccessDeniedError, emulator.MissingObjectError) as error:
            raise ModelServerError(f"Failed to download model data: {error}") from None
        except (archives.ArchiveError, containers.UnknownImageError) as error:
            raise ModelServerError(str(error)) from None
        emulator.in_background(
            f"watch of {self._root.parent.name}", self._watch, on_error=self._give_up
        )

    def _fetch(self) -> None:
        shutil.rmtree(self._root.parent, ignore_errors=True)
        folder: Path = self._root / "model"
        folder.mkdir(parents=True)
        if self._source.data_uri:
            bucket, key = emulator.split_uri(self._source.data_uri)
            roles.may_read(self._source.role_arn, bucket, key)
            archives.unpack(emulator.read_object(bucket, key), folder)

    def _launch(self) -> None:
        self._port = _free_port()
        self._started_at = time.monotonic()
        spec = containers.ContainerSpec(
            image=self._source.image,
            arguments=["serve"],
            root=self._root,
            log_group=self._log[0],
            log_stream=self._log[1],
            environment={
                **self._source.environment,
                "SAGEMAKER_BIND_TO_PORT": str(self._port),
                "BIND_HOST": _HOST,
            },
            isolated=self._source.isolated,
        )
        self._container = containers.Container(spec)
        self._wait_until_healthy(self._container)
        self._ready.set()

    def _wait_until_healthy(self, container: containers.Container) -> None:
        limit = float(os.environ.get("HEALTH_SECONDS", _HEALTH_SECONDS))
        end = time.monotonic() + limit
        while time.monotonic() < end and not self._stopped.is_set():
            if not container.is_alive:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection(_HOST, self._port, timeout=2)
                with contextlib.closing(connection):
                    connection.request("GET", "/ping")
                    if connection.getresponse().status == 200:
                        return
            time.sleep(_POLL_SECONDS)
        container.stop()
        raise ModelServerError(
            f"The primary container for production variant {self._log[1].split('/')[0]} did not "
            "pass the ping health check. Please check CloudWatch logs for this endpoint. "
            f"The last line of its log: {container.last_line()}"
        )

    def _give_up(self, reason: str) -> None:
        """It is not started again; who waits for it is told so at once."""
        self._failure_reason, self._is_over = reason, True
        self._ready.set()

    def _watch(self) -> None:
        """Start the process again when it dies, but not twice in a short time."""
        while not self._stopped.is_set():
            container = self._container
            if container is None or container.wait_quietly(_POLL_SECONDS):
                continue
            if self._stopped.is_set():
                return
            self._ready.clear()
            last_line = container.last_line()
            if time.monotonic() - self._started_at < _RESTART_SECONDS and self._failure_reason:
                self._give_up(f"the model server died again: {last_line}")
                return
            emulator.logger.warning("%s died and is started again: %s", self._log[1], last_line)
            self._failure_reason = f"the model server died: {last_line}"
            try:
                self._launch()
            except ModelServerError as error:
                self._give_up(str(error))
                return

    def invoke(self, body: bytes, headers: dict[str, str]) -> ContainerResponse:
        """POST /invocations. Raises ModelServerError without an answer, TimeoutError after 60 s."""
        self._await_ready()
        connection, is_fresh = self._connection()
        try:
            return self._invoke_on(connection, is_fresh, body, headers)
        except _StaleConnectionError:  # the server had closed it in the meantime: on a new one
            self._await_ready()
            return self._invoke_on(self._new_connection(), True, body, headers)

    def _await_ready(self) -> None:
        if not self._ready.wait(15.0) or self._is_over:
            raise ModelServerError(self._failure_reason or "the model server is not ready")

    def _invoke_on(
        self,
        connection: http.client.HTTPConnection,
        is_fresh: bool,
        body: bytes,
        headers: dict[str, str],
    ) -> ContainerResponse:
        """Ask once. Raises _StaleConnectionError where a kept connection gave no answer."""
        try:
            return self._send(connection, body, headers)
        except TimeoutError:
            connection.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if is_fresh:
                raise ModelServerError(f"the model server did not answer: {error!r}") from None
            raise _StaleConnectionError from None

    def _send(
        self, connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]
    ) -> ContainerResponse:
        connection.request("POST", "/invocations", body, headers)
        response = connection.getresponse()
        content = response.read()
        if response.will_close or connection.port != self._port:
            connection.close()
        else:
            self._pool.put(connection)
        content_type = response.headers.get("Content-Type", "application/octet-stream")
        return ContainerResponse(response.status, content_type, content)

    def _connection(self) -> tuple[http.client.HTTPConnection, bool]:
        """A kept connection, or a new one; says which."""
        with contextlib.suppress(queue.Empty):
            while True:
                connection = self._pool.get_nowait()
                if connection.port == self._port:
                    return connection, False
                connection.close()  # to the process before a restart
        return self._new_connection(), True

    def _new_connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(_HOST, self._port, timeout=INVOCATION_SECONDS)

    def stop(self) -> None:
        """End the process and delete its folder."""
        self._stopped.set()
        self._ready.clear()
        if self._container is not None:
            self._container.stop()
        with contextlib.suppress(queue.Empty):
            while True:
                self._pool.get_nowait().close()
        shutil.rmtree(self._root.parent, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
