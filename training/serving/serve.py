"""`serve`: the model behind SageMaker's contract, `GET /ping` and `POST /invocations`.

One process, one event loop: an answer takes less time than handing it to a thread would.
"""

import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reviews.body import decode_body
from reviews.errors import RequestError, TooLargeError
from reviews.language import find_detector, identifier
from training.errors import AddressError
from training.model.answer import Rating, RawReview, rate_raw
from training.model.star_model import StarModel
from training.serving import signed

logger = logging.getLogger("training.serving.serve")

MAX_INVOCATION_REVIEWS = 1_000  # in one request
MAX_INVOCATION_BYTES = 6 * 1024 * 1024  # what InvokeEndpoint takes
MAX_PORT = 65_535
BACKLOG = 2048  # connections that wait, as uvicorn has it
DETECTOR_SECONDS = 0.5  # after the start
JSON = "application/json"


class InvocationRequest(msgspec.Struct, frozen=True):
    """The body of a request."""

    reviews: Annotated[
        list[RawReview], msgspec.Meta(min_length=1, max_length=MAX_INVOCATION_REVIEWS)
    ]
    explain: bool = False


class Answer(msgspec.Struct, frozen=True):
    """The body of an answer: ratings in the order of the reviews."""

    model_version: str
    ratings: list[Rating]


_questions = msgspec.json.Decoder(InvocationRequest)


def parse(body: bytes) -> InvocationRequest:
    """Read a request. Raises RequestError with the pointer to the field, never with its value."""
    return decode_body(_questions, body, max_bytes=MAX_INVOCATION_BYTES)


def answer(model: StarModel, question: InvocationRequest) -> Answer:
    """Answer a request. Raises RequestError where a review holds nothing to judge."""
    return Answer(model.version, rate_raw(model, question.reviews, question.explain))


def application(model: StarModel) -> Starlette:
    """The web application around a loaded model."""
    encoder = msgspec.json.Encoder()

    async def ping(_: Request) -> Response:
        return Response(b"{}", media_type=JSON)

    async def invocations(request: Request) -> Response:
        found = answer(model, parse(await request.body()))
        return Response(encoder.encode(found), media_type=JSON)

    async def unknown(_: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        return _problem(status, "ask GET /ping or POST /invocations", "")

    routes = [Route("/ping", ping), Route("/invocations", guarded(invocations), methods=["POST"])]
    return Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})


def guarded(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Turn errors into answers. Nothing that a customer wrote is logged or sent back."""

    async def run(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RequestError as error:
            status = 413 if isinstance(error, TooLargeError) else 400
            return _problem(status, str(error), error.pointer)
        except Exception as error:
            logger.error("no answer: %s", type(error).__name__)
            return _problem(500, "the model could not answer", "")

    return run


def serve(folder: Path, port: int, host: str = "127.0.0.1") -> None:
    """Load the model, then listen until a signal stops it. port: 0 for any free one.

    Raises ArtefactError for an unsound model or one that lacks the signature that its stage asks
    for (`training.serving.signed`), ConfigurationError where its language detector is
    not installed, AddressError where the address cannot be listened on.
    """
    with bind(host, port) as listener:
        with signed.opened(folder) as place:
            model = StarModel.load(place)
        find_detector(model.detector)  # a missing package fails the start, not a request
        # The detector takes as long to load as the model, and few reviews need it: once we listen.
        background = threading.Timer(DETECTOR_SECONDS, identifier, [model.detector])
        background.daemon = True
        background.start()
        logger.warning("model %s on http://%s:%d", model.version, host, listener.getsockname()[1])
        _listen(application(model), listener)


def _listen(app: Starlette, listener: socket.socket) -> None:
    import uvicorn

    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
    )
    uvicorn.Server(config).run(sockets=[listener])


def bind(host: str, port: int) -> socket.socket:
    """Take an address. Raises AddressError where it is taken, or not ours to take."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not 0 <= port <= MAX_PORT:
        raise AddressError(f"{host}:{port} cannot be listened on: ports are 0 to {MAX_PORT}")
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise AddressError(
            f"{host}:{port} cannot be listened on: {reason}; name another by --host and --port, "
            "--port 0 is any free one"
        ) from None


def _problem(status: int, detail: str, pointer: str) -> Response:
    content = {"status": status, "detail": detail, "pointer": pointer}
    return Response(msgspec.json.encode(content), status_code=status, media_type=JSON)
