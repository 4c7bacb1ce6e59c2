"""The JSON body of a request, decoded into a msgspec struct or refused with the field's pointer.

No message repeats a value or a name that was sent: only our own field names.
"""

import re
from typing import TypeVar

import msgspec

from reviews.almost_json import BOM, find_half_surrogate, find_nan
from reviews.errors import RequestError, TooLargeError

T = TypeVar("T")

# msgspec's messages: `Expected …, got … - at `$.reviews[0].text``.
LOCATION = re.compile(r" - at `\$([^`]*)`$")
STEP = re.compile(r"\.([a-z_]+)|\[([0-9]+)\]")
UNKNOWN_FIELD = "Object contains unknown field"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # its byte order marks
BYTE = re.compile(r"\(byte ([0-9]+)\)$")
MISSING_FIELD = re.compile(r"Object missing required field `([a-z_]+)`")


def decode_body(decoder: msgspec.json.Decoder[T], body: bytes, *, max_bytes: int) -> T:
    """Decode a body, with or without a byte order mark.

    Raises RequestError with the pointer to the field, TooLargeError by size.
    """
    if len(body) > max_bytes:
        raise TooLargeError(f"the body may have {max_bytes:,} bytes")
    try:
        return decoder.decode(body.removeprefix(BOM))
    except msgspec.ValidationError as error:
        raise field_error(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(_unreadable(body)) from None


def field_error(message: str) -> RequestError:
    """What a msgspec message says of types and limits, without the name of an unknown field."""
    location = LOCATION.search(message)
    description = message[: location.start()] if location else message
    steps = STEP.findall(location.group(1)) if location else []
    pointer = "".join(f"/{name or index}" for name, index in steps)
    if message.startswith(UNKNOWN_FIELD):
        return RequestError("holds a field that this API does not know", pointer=pointer)
    if missing := MISSING_FIELD.fullmatch(description):
        return RequestError("is required", pointer=f"{pointer}/{missing.group(1)}")
    return RequestError(description, pointer=pointer)


def _unreadable(body: bytes) -> str:
    """Why a body cannot be read, and at which byte, counted from 0."""
    if body.startswith(UTF_16) or b"\0" in body[:4]:
        return "the body is UTF-16 or UTF-32: send JSON in UTF-8"
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"the body is not JSON in UTF-8: byte {error.start:,} cannot be decoded"
    if (place := find_half_surrogate(body)) is not None:
        return f"the body holds half a surrogate pair (a cut emoji) at byte {place:,}"
    if (place := find_nan(body)) is not None:
        return f"the body is not JSON: there is no NaN or Infinity in JSON (byte {place:,})"
    try:
        msgspec.json.decode(body.removeprefix(BOM), type=msgspec.Raw)
    except msgspec.DecodeError as error:
        if found := BYTE.search(str(error)):
            place = int(found.group(1)) + len(body) - len(body.removeprefix(BOM))
            return f"the body is not JSON: see byte {place:,}"
        return f"the body is not JSON: it ends too early, after {len(body):,} bytes"
    except RecursionError:
        return "the body is not JSON that can be read: it is nested too deep"
    return "the body is not JSON"
