"""Whether a model is the one that an evaluation let pass its gate. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from reviews.errors import SignatureError


class Gate(msgspec.Struct, frozen=True):
    """Of evaluation.json."""

    passed: bool
    message: str


class Judged(msgspec.Struct, frozen=True):
    """Of evaluation.json: the verdict, and which model it is about."""

    gate: Gate
    provenance: dict[str, str]


class Model(msgspec.Struct, frozen=True):
    """Of model.json."""

    version: str
    provenance: dict[str, str]


def check_passed(files: Mapping[str, bytes], evaluation: bytes) -> str:
    """The version of the model in these files, of which the evaluation is, and which passed.

    Raises SignatureError: nothing else is signed.
    """
    try:
        model = msgspec.json.decode(files.get("model.json", b""), type=Model)
        judged = msgspec.json.decode(evaluation, type=Judged)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SignatureError("there is no model.json or no evaluation.json to be read") from None
    if not judged.gate.passed:
        raise SignatureError(f"the model did not pass its gate: {judged.gate.message}")
    if judged.provenance != model.provenance:
        raise SignatureError(f"the evaluation is of another model than {model.version}")
    return model.version
