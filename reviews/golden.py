"""The golden set: hold-out reviews with a model's answers, asked again wherever it serves."""

import msgspec

GOLDEN_FILE = "golden.jsonl"  # in a model's folder, one GoldenLine a line
GOLDEN_TOLERANCE = 1e-5  # of a probability, between machines: they add float32 in other orders


class GoldenLine(msgspec.Struct, frozen=True):
    """One review that cleaning leaves as it is, and what the model said of it when it was made."""

    title: str
    text: str
    verified_purchase: bool | None
    stars: int
    probabilities: list[float]
