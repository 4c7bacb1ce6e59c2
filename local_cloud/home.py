"""The folder of one local cloud: who holds it, and how others find what runs in it."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ACCOUNT = "000000000000"
REGION = "us-east-1"
OPERATIONS_LOG = "operations.jsonl"  # which operations were used


class CannotStartError(Exception):
    """Something stands in the way; the message says what to do."""

    exit_status = 2


class BrokenError(CannotStartError):
    """One of our own parts did not come up."""

    exit_status = 1


@dataclass(frozen=True)
class RunningCloud:
    """What `cloud.json` says of a running cloud."""

    endpoint_url: str
    ca_bundle: str
    account: str
    region: str
    tracking_url: str
    pid: int
    authorization_log: str

    def write(self, home: Path) -> None:
        """Replace `cloud.json` in one step."""
        draft = home / "cloud.json.new"
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(home / "cloud.json")

    @classmethod
    def read(cls, home: Path) -> "RunningCloud":
        """Find the cloud that runs in this home, or raise CannotStartError."""
        try:
            return cls(**json.loads((home / "cloud.json").read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise CannotStartError(f"no local cloud runs in {home}: start it first") from error

    def variables(self) -> dict[str, str]:
        """Give the environment that makes AWS tools talk to this cloud as its root user."""
        return {
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CA_BUNDLE": self.ca_bundle,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DEFAULT_ACCOUNT": self.account,
            "CDK_DEFAULT_REGION": self.region,
            "NODE_EXTRA_CA_CERTS": self.ca_bundle,
            "SSL_CERT_FILE": self.ca_bundle,
        }


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Hold the home for this process; raises CannotStartError where another one does."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise CannotStartError(
                f"another run is going in {home} (process {pid}): stop it, or use another --home"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def require_free(port: int, *, what: str, option: str) -> None:
    """Raise CannotStartError where something listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStartError(
                f"port {port}, wanted for {what}, is taken: end what listens there, "
                f"or choose another with {option}"
            ) from error
