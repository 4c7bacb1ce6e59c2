"""What is kept of a prediction and of feedback: who and when, by default no words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from lambdas.contract.live import version
from lambdas.ratings.rating import Answered
from lambdas.ratings.request import FeedbackRequest, RatingsRequest


@dataclass(frozen=True)
class Caller:
    """Who asks: account and role (or user) as `account/name`, whatever its session."""

    id: str
    is_probe: bool

    @property
    def role(self) -> str:
        """The role's or user's name."""
        return self.id.partition("/")[2]

    @classmethod
    def of(cls, user_arn: str | None, probe_roles: Collection[str]) -> Caller:
        """From the ARN that the gateway names: `arn:aws:sts::1:assumed-role/name/session`."""
        parts = (user_arn or "").split(":", 5)
        if len(parts) < 6:
            return cls("", False)
        kind, _, name = parts[5].partition("/")
        name = name.split("/")[0] if kind == "assumed-role" else name or kind
        return cls(f"{parts[4]}/{name}", kind == "assumed-role" and name in probe_roles)


def of_ratings(
    question: RatingsRequest,
    answered: Answered,
    *,
    request_id: str,
    caller: Caller,
    time: datetime,
    with_text: bool,
) -> Iterator[bytes]:
    """One JSON line a review; `monitoring.observations` reads them. with_text: title and text."""
    for index, (review, rated) in enumerate(zip(question.reviews, answered.ratings, strict=True)):
        record: dict[str, Any] = {
            **rated.observation,
            "request_id": request_id,
            "index": index,
            "time": time,
            "caller": caller.id,
            "probe": caller.is_probe,
            "model_version": version(answered.model_version),
            "model_package_arn": answered.model_version,
        }
        if with_text:
            record |= {"title": review.title, "text": review.text}
        yield msgspec.json.encode(record) + b"\n"


def of_feedback(feedback: FeedbackRequest, caller: Caller, time: datetime) -> bytes:
    """One JSON line; `monitoring.feedback` joins it with its prediction."""
    record = {
        "request_id": feedback.request_id,
        "index": feedback.index,
        "stars": feedback.stars,
        "caller": caller.id,
        "time": time,
    }
    return msgspec.json.encode(record) + b"\n"
