"""The emulator's process: MiniStack, our extension, our SageMaker, one port of 127.0.0.1.

Started by the supervisor, which gives every setting in the environment. MiniStack's own `main` is
left aside because it also takes port 443 when it runs as root, and leaves Lambda workers behind.
"""

import asyncio
import contextlib
import os
import signal
import threading
from pathlib import Path

import ministack.app as ministack
from hypercorn.asyncio import serve
from hypercorn.config import Config

from local_cloud import certificate, extension, processes, sagemaker

CLOSE_SECONDS = 2.0  # a client that keeps its TLS connection would hold us for half a minute


def main() -> None:
    """Serve until SIGTERM, SIGINT or the death of our parent."""
    authority = Path(os.environ["LOCAL_CLOUD_AUTHORITY"])
    tls = certificate.ensure(authority.parent)
    os.environ["MINISTACK_SSL_CERT"], os.environ["MINISTACK_SSL_KEY"] = str(tls.chain), str(tls.key)
    sagemaker.register()
    extension.install()
    try:
        asyncio.run(_serve(tls))
    finally:
        with contextlib.suppress(Exception):
            extension.drain()
        processes.stop_all()
        ministack._reset_all_state()  # ends the Lambda workers


async def _serve(tls: certificate.Certificate) -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{os.environ['GATEWAY_PORT']}"]
    config.certfile, config.keyfile = str(tls.chain), str(tls.key)
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    close = asyncio.Event()
    server = asyncio.create_task(serve(ministack.app, config, shutdown_trigger=close.wait))
    wanted = asyncio.create_task(_stop_wanted())
    await asyncio.wait({server, wanted}, return_when=asyncio.FIRST_COMPLETED)
    close.set()
    await asyncio.wait({server}, timeout=CLOSE_SECONDS)
    if server.done():
        server.result()  # raises what made it end by itself


async def _stop_wanted() -> None:
    loop, stop, orphaned = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    processes.watch_parent(orphaned)
    while not (stop.is_set() or orphaned.is_set()):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)


if __name__ == "__main__":
    main()
