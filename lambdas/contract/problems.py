"""The types of problems that a client can tell apart, and act on, besides their status."""

from __future__ import annotations

from lambdas.contract.names import APP

NOT_DEPLOYED = "model_not_deployed"  # no model is released, or the stage sleeps
ENDPOINT_MISSING = "endpoint_missing"  # a model is released, and nothing serves it


def type_of(problem: str) -> str:
    """The `type` member of RFC 9457."""
    return f"urn:{APP}:{problem}"
