"""S3: a range of any version of an object, and of its description.

Gap: MiniStack answers a GetObject that names a version with the whole object, whatever Range it
asks for; HeadObject never looks at Range; of several ranges it sends the first.
Delete when it keeps Range wherever S3 does.
Source: RFC 9110, 14; GetObject and HeadObject in the API reference of S3.
"""

import re
from collections.abc import Callable
from typing import Any

from ministack.services import s3

Response = tuple[int, dict[str, str], bytes]
Read = Callable[..., Response]
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_WHOLE_ONLY = "x-amz-checksum-"  # checksums of the whole object cannot check a part of it


def install() -> None:
    """Take the range out of the question, and cut the answer to it."""
    get: Read = s3._get_object
    head: Read = s3._head_object

    def get_object(
        bucket_name: str, key: str, headers: dict[str, str], query_params: Any = None
    ) -> Response:
        asked, others = _split(headers)
        return _cut(get(bucket_name, key, others, query_params), asked, bucket_name, key)

    def head_object(
        bucket_name: str, key: str, headers: Any = None, query_params: Any = None
    ) -> Response:
        asked, others = _split(headers or {})
        status, found, _ = _cut(
            head(bucket_name, key, others, query_params), asked, bucket_name, key
        )
        return status, found, b""

    s3._get_object = get_object
    s3._head_object = head_object


def _split(headers: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The range that is asked for, and the other headers."""
    others = {name: value for name, value in headers.items() if name.lower() != "range"}
    asked = next((value for name, value in headers.items() if name.lower() == "range"), "")
    return asked.strip(), others


def _cut(answer: Response, asked: str, bucket: str, key: str) -> Response:
    status, headers, body = answer
    if status != 200 or not asked:
        return answer
    size = int(headers["Content-Length"])
    found = byte_range(asked, size)
    if found is None:
        return answer
    start, end = found
    if start >= end:
        refusal = {"Content-Type": "application/xml", "Content-Range": f"bytes */{size}"}
        return 416, refusal, s3._xml_body(s3._range_error_xml(bucket, key))
    kept = {name: text for name, text in headers.items() if not name.startswith(_WHOLE_ONLY)}
    kept["Content-Length"] = str(end - start)
    kept["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return 206, kept, body[start:end]


def byte_range(asked: str, size: int) -> tuple[int, int] | None:
    """Where the asked bytes start and end (exclusive) in an object of `size` bytes.

    An empty range lies outside the object. None for what is not one range, which S3 ignores.
    """
    match = _ONE_RANGE.fullmatch(asked)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last so many bytes
        return max(0, size - int(match[2])), size
    start, end = int(match[1]), int(match[2]) + 1 if match[2] else size
    if match[2] and end <= start:
        return None
    return min(start, size), min(end, size)
