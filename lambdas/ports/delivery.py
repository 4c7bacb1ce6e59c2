"""Firehose delivery streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.ports.clients import client_within
from reviews.errors import NotReadyError

PUT_SECONDS, PUT_ATTEMPTS = 4.0, 3  # within the patience of a caller


class Offer:
    """Hands records to a stream once, and gives up after a time: for what may be dropped.

    The time is that of the whole call, names and handshakes included, which no setting of a
    client bounds; so the call runs beside us.
    """

    def __init__(self, stream: str, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="offer")
        self._put: Callable[..., dict[str, int]]
        self._put = client_within("firehose", seconds).put_record_batch

    def __call__(self, records: Sequence[bytes]) -> int:
        """Hand records over; returns how many were not taken, or not in time."""
        call = self._pool.submit(
            self._put,
            DeliveryStreamName=self._stream,
            Records=[{"Data": record} for record in records],
        )
        try:
            return int(call.result(self._seconds).get("FailedPutCount", 0))
        except (LateError, BotoCoreError, ClientError):
            call.cancel()
            return len(records)


def put(stream: str, record: bytes) -> None:
    """Hand one record over, trying again where that helps.

    Raises NotReadyError where it could not be stored.
    """
    try:
        client_within("firehose", PUT_SECONDS, PUT_ATTEMPTS).put_record(
            DeliveryStreamName=stream, Record={"Data": record}
        )
    except (BotoCoreError, ClientError) as error:
        raise NotReadyError(f"the stream did not take it: {type(error).__name__}") from None
