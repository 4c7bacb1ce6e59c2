"""What a run leaves: `.local/summary.json`, and the same in words."""

from __future__ import annotations

from pathlib import Path

import msgspec
from rich.console import Console

from operate.progress import show_rows


class Reviews(msgspec.Struct):
    """Counts of preprocessing; read = kept + duplicates + the sum of rejected.

    schemas: kept rows by the year of their schema.
    """

    read: int
    kept: int
    duplicates: int
    rejected: dict[str, int]
    blank: int = 0
    schemas: dict[str, int] = {}


class Model(msgspec.Struct):
    """The package that was registered, its metrics by the names of evaluation.json, its gate."""

    version: int
    metrics: dict[str, float]
    gate: str


class EndpointSummary(msgspec.Struct):
    """What serves: the status SageMaker gives and the version behind it."""

    status: str
    model_version: int


class ApiSummary(msgspec.Struct):
    """What the API answered to a few signed questions; stars are those of the first."""

    url: str
    status: int
    stars: int | None
    p50_milliseconds: float


class Drift(msgspec.Struct):
    """The verdict of one monitor check and the rows it saw."""

    verdict: str
    n: int


class AlertSummary(msgspec.Struct):
    """Notifications that reached the inbox."""

    delivered: int


class Summary(msgspec.Struct):
    """One run of the loop."""

    reviews: Reviews
    model: Model
    endpoint: EndpointSummary
    api: ApiSummary
    drift: Drift
    alerts: AlertSummary
    seconds: dict[str, float]

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        draft = path.with_suffix(".part")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
        draft.replace(path)


HEADLINES = ("accuracy", "macro_f1", "mae", "qwk", "within_one", "ece", "majority")


def show(summary: Summary, console: Console, addresses: dict[str, str]) -> None:
    """Print the summary as a person reads it."""
    reviews, model, api = summary.reviews, summary.model, summary.api
    rejected = sum(reviews.rejected.values())
    figures = [f"{name} {model.metrics[name]:.3f}" for name in HEADLINES if name in model.metrics]
    reasons = sorted(reviews.rejected.items(), key=lambda item: -item[1])
    rows = [
        (
            "reviews",
            f"{reviews.read:,} read = {reviews.kept:,} kept + {reviews.duplicates:,} duplicates "
            f"+ {rejected:,} rejected",
        ),
        *(
            [("", ", ".join(f"{reason} {count:,}" for reason, count in reasons))]
            if rejected
            else []
        ),
        ("model", f"version {model.version}, gate {model.gate}"),
        ("", ", ".join(figures)),
        ("endpoint", f"{summary.endpoint.status}, version {summary.endpoint.model_version}"),
        (
            "API",
            f"{api.status}, {api.stars} stars, half of the answers within "
            f"{api.p50_milliseconds:.0f} ms",
        ),
        ("drift", f"{summary.drift.verdict} ({summary.drift.n:,} reviews)"),
        ("alerts", f"{summary.alerts.delivered} delivered to the inbox"),
        ("time", f"{summary.seconds['total']:.0f} s"),
        *addresses.items(),
    ]
    console.print()
    show_rows(console, rows)
    console.print()
