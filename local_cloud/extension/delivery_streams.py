"""Firehose: records gathered into objects, written with the stream's own role.

Gap: MiniStack writes one object a record, and asks nothing of the role.
Delete when it buffers and asks. Buffers are emptied each second here, whatever the template's
buffering hints say: a person who looks does not want to wait a minute.
"""

import contextvars
import logging
import threading
from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch, firehose

from local_cloud.permissions import roles

logger = logging.getLogger(__name__)
FLUSH_SECONDS = 1.0
MAX_BYTES = 5_000_000

Deliver = Callable[..., None]
_role: contextvars.ContextVar[str] = contextvars.ContextVar("stream_role", default="")
_stream: contextvars.ContextVar[str] = contextvars.ContextVar("stream", default="")
_lock = threading.Lock()
_held: dict[str, "_Buffer"] = {}


class _Buffer:
    """Records of one stream that are not written yet."""

    def __init__(self, deliver: Deliver, stream: dict[str, Any], destination: dict[str, Any]):
        self.context = contextvars.copy_context()  # account and region of the request
        self.deliver, self.stream, self.destination = deliver, stream, destination
        self.records: list[bytes] = []
        self.size_bytes = 0

    def write(self) -> None:
        self.context.run(self.deliver, self.stream, self.destination, b"".join(self.records))


def install() -> None:
    """Gather, and ask before each object."""
    deliver: Deliver = firehose._deliver_to_s3
    put: Callable[[str, str, bytes], None] = firehose._put_s3_object

    def deliver_to_s3(
        stream: dict[str, Any], destination: dict[str, Any], data: bytes, keys: Any = None
    ) -> None:
        _role.set(destination["config"].get("RoleARN", ""))
        _stream.set(stream["arn"])
        deliver(stream, destination, data, keys)

    def gather(
        stream: dict[str, Any], destination: dict[str, Any], records: list[tuple[str, bytes]]
    ) -> None:
        with _lock:
            buffer = _held.setdefault(stream["arn"], _Buffer(deliver_to_s3, stream, destination))
            for _, data in records:
                buffer.records.append(data)
                buffer.size_bytes += len(data)
            is_full = buffer.size_bytes >= MAX_BYTES
        if is_full:
            drain()

    def put_s3_object(bucket: str, key: str, body: bytes) -> None:
        try:
            roles.require(
                _role.get(),
                "s3:PutObject",
                f"arn:aws:s3:::{bucket}/{key}",
                service="firehose",
                session="firehose",
                source_arn=_stream.get(),
            )
        except roles.DeniedError as error:
            _count(0)
            logger.error("a delivery stream lost %d bytes: %s", len(body), error)
            return
        put(bucket, key, body)
        _count(1)

    firehose._deliver_to_s3 = deliver_to_s3
    firehose._deliver_records_to_s3 = gather
    firehose._put_s3_object = put_s3_object
    threading.Thread(target=_flush_forever, daemon=True, name="firehose").start()


def _count(success: int) -> None:
    named = {"DeliveryStreamName": _stream.get().rpartition("/")[2]}
    cloudwatch.record_metric("AWS/Firehose", "DeliveryToS3.Success", success, "Count", named)


def _flush_forever() -> None:
    pause = threading.Event()
    while not pause.wait(FLUSH_SECONDS):
        drain()


def drain() -> None:
    """Write every buffer."""
    with _lock:
        full = list(_held.values())
        _held.clear()
    for buffer in full:
        try:
            buffer.write()
        except Exception:
            logger.exception("a delivery stream could not be written")
