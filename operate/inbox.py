"""The inbox queue: every alert that reached a subscriber, kept in a file as it is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lambdas.ports import queues


@dataclass(frozen=True)
class Alert:
    """One notification as it was delivered."""

    time: str
    subject: str
    message: str

    @property
    def line(self) -> str:
        """Subject and first line of the message; what an alarm sends is JSON, for machines."""
        first = self.message.strip().partition("\n")[0]
        adds = first and not first.startswith("{") and first != self.subject
        return f"{self.subject}: {first}" if adds else self.subject


@dataclass
class Inbox:
    """Alerts of a queue; what was read is taken off the queue and kept in `file`, a line each."""

    url: str
    file: Path
    alerts: list[Alert] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.file.exists():
            lines = self.file.read_text().splitlines()
            self.alerts = [Alert(**json.loads(line)) for line in lines]

    def collect(self) -> list[Alert]:
        """Take what is new; returns all alerts, old and new, oldest first."""
        for message in queues.receive_all(self.url):
            alert = _alert(message.body)
            with self.file.open("a") as sink:
                sink.write(json.dumps(asdict(alert)) + "\n")
            self.alerts.append(alert)
            queues.delete(self.url, message.receipt)
        return self.alerts


def _alert(body: str) -> Alert:
    """An SNS envelope, or a raw message where the subscription delivers raw."""
    try:
        envelope = json.loads(body)
    except ValueError:
        return Alert("", "alert", body)
    if not isinstance(envelope, dict) or "Message" not in envelope:
        return Alert("", "alert", body)
    message = str(envelope["Message"])
    subject = envelope.get("Subject") or message.splitlines()[0][:100]
    return Alert(str(envelope.get("Timestamp", "")), str(subject), message)
