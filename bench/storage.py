"""An S3 on this machine in a process of its own: the emulator's, on a free port of 127.0.0.1.

`running` starts it; the file itself is the process, under the emulator's Python.
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.places import EMULATOR_PYTHON, ROOT

START_SECONDS = 30.0


@contextlib.contextmanager
def running(log: Path) -> Iterator[str]:
    """-> its address, until the block ends. log: what it says."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words: list[str | Path] = [EMULATOR_PYTHON, "-m", "bench.storage", str(port)]
    environment = {"PATH": os.environ["PATH"], "LOG_LEVEL": "CRITICAL"}
    with log.open("wb") as said:
        process = subprocess.Popen(
            words, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def variables(address: str) -> dict[str, str]:
    """What an AWS client must be told in its environment."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def make_buckets(*names: str) -> None:
    """Make buckets without versions, with what the environment says."""
    from lambdas.ports.clients import client  # not above: the emulator's Python has none of it

    for name in names:
        client("s3").create_bucket(Bucket=name)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise OSError(f"the local S3 did not start: {log.read_text(errors='replace')[-2000:]}")


def main(port: str) -> None:
    """Serve until SIGTERM."""
    import ministack.app
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from local_cloud.extension import object_reads

    object_reads.install()  # without it a range of a named version is the whole object
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.loglevel = "CRITICAL"
    asyncio.run(serve(ministack.app.app, config))


if __name__ == "__main__":
    main(sys.argv[1])
