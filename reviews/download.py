"""Downloads raw categories of Amazon Reviews 2023 from the server of the data set's authors.

OUT/NAME.jsonl.gz          exists when it is whole and was checked
OUT/NAME.jsonl.gz.sha256   for `sha256sum -c`, and to recognise the file
OUT/NAME.jsonl.gz.part     what came so far, with the server's promise of the whole beside it
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import msgspec

from reviews.errors import ConfigurationError, DownloadError, UnreadableSourceError
from reviews.gunzip import gunzip

# The authors' server, which the data set's page (amazon-reviews-2023.github.io) links to.
BASE = "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_2023"
CATEGORIES = (
    "All_Beauty", "Amazon_Fashion", "Appliances", "Arts_Crafts_and_Sewing", "Automotive",
    "Baby_Products", "Beauty_and_Personal_Care", "Books", "CDs_and_Vinyl",
    "Cell_Phones_and_Accessories", "Clothing_Shoes_and_Jewelry", "Digital_Music",
    "Electronics", "Gift_Cards", "Grocery_and_Gourmet_Food", "Handmade_Products",
    "Health_and_Household", "Health_and_Personal_Care", "Home_and_Kitchen",
    "Industrial_and_Scientific", "Kindle_Store", "Magazine_Subscriptions", "Movies_and_TV",
    "Musical_Instruments", "Office_Products", "Patio_Lawn_and_Garden", "Pet_Supplies",
    "Software", "Sports_and_Outdoors", "Subscription_Boxes", "Tools_and_Home_Improvement",
    "Toys_and_Games", "Unknown", "Video_Games",
)  # fmt: skip
PIECE_BYTES = 1 << 18
TIMEOUT_SECONDS = 60.0  # without a byte
TRIES = 5  # in a row that bring nothing new
MAX_WAIT_SECONDS = 120.0  # that a server may ask for
PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers that may be others a moment later
MD5 = re.compile(r'"([0-9a-f]{32})"')  # an ETag that is one; others are the server's own affair

OnProgress = Callable[[int, int | None], None]  # bytes so far, and of the whole where it is known


class Promise(msgspec.Struct):
    """What the server said of a file. version: ETag or time, which another file does not have."""

    total: int | None = None
    version: str | None = None
    md5: str | None = None


def download(
    category: str,
    folder: Path,
    *,
    base: str = BASE,
    on_progress: OnProgress = lambda done, total: None,
    pause: Callable[[float], None] = lambda seconds: None,
) -> Path:
    """Fetch one category; go on where an earlier try stopped, and keep a file that is whole.

    pause: waits so many seconds before the next try.
    Raises DownloadError where trying again may help: what came so far is kept, but for what
    turned out to be damaged. Raises UnreadableSourceError where the server has no such file.
    """
    if category not in CATEGORIES:
        raise ConfigurationError(
            f"no category is called {category!r}; there are {', '.join(CATEGORIES)}"
        )
    if urlsplit(base).scheme not in ("http", "https"):
        raise ConfigurationError(f"{base!r} is no http or https address")
    target = folder / f"{category}.jsonl.gz"
    folder.mkdir(parents=True, exist_ok=True)
    if not is_known(target):
        part = _Part(target)
        _fetch(f"{base}/raw/review_categories/{target.name}", part, on_progress, pause)
        part.finish()
    return target


def is_known(target: Path) -> bool:
    """Whether a file is there, and is the one whose sha256 was written beside it."""
    try:
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return _checksum(target).read_text().split() == [digest, target.name]
    except FileNotFoundError:
        return False


class _Part:
    """What came so far of a file, and what the server promised."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")
        self.promise = Promise()
        try:
            self._path.stat()
            self.promise = msgspec.json.decode(self._note.read_bytes(), type=Promise)
        except (FileNotFoundError, msgspec.DecodeError):
            self.start_over()  # nobody knows of which file the bytes are

    @property
    def size(self) -> int:
        """Bytes that came."""
        return self._path.stat().st_size

    def is_whole(self) -> bool:
        """Whether all came that was promised."""
        return self.size == self.promise.total

    def start_over(self) -> None:
        """Forget what came."""
        self.expect(Promise())
        with self._writing():
            self._path.write_bytes(b"")

    def expect(self, promise: Promise) -> None:
        """Keep what the server says, for this try and the next."""
        self.promise = promise
        with self._writing():
            whole = self._note.with_suffix(".new")  # half a note would cost all that came
            whole.write_bytes(msgspec.json.encode(promise))
            whole.replace(self._note)

    def append(self, answer: HTTPResponse, on_size: Callable[[int], None]) -> None:
        """Add what an answer brings, to its end or to where it breaks off."""
        while piece := answer.read1(PIECE_BYTES):  # what is there: it may be the last to come
            with self._writing(), self._path.open("ab") as file:
                file.write(piece)
                size = file.tell()
            on_size(size)

    def finish(self) -> None:
        """Check the whole and give it its name.

        Raises DownloadError, and throws it away, where it is damaged.
        """
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        trailing: list[int] = []
        try:
            with self._path.open("rb") as file:
                for _ in gunzip(_hashed(file, sha256, md5), trailing.append):
                    pass
        except UnreadableSourceError as error:
            self._refuse(str(error))
        if trailing:
            self._refuse(f"{trailing[0]:,} bytes at its end are not gzip")
        if self.promise.md5 not in (None, md5.hexdigest()):
            self._refuse(f"its MD5 is {md5.hexdigest()}, the server promised {self.promise.md5}")
        with self._writing():
            _checksum(self._target).write_text(f"{sha256.hexdigest()}  {self._target.name}\n")
            self._path.replace(self._target)
            self._note.unlink()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The disk's errors are not the server's: asking again would not help."""
        try:
            yield
        except OSError as error:
            raise DownloadError(
                f"{self._target.name} cannot be written: {error.strerror}. What came is kept; make "
                "room, then the same command goes on from there"
            ) from None

    def _refuse(self, reason: str) -> None:
        size = self.size
        self._path.unlink()
        self._note.unlink()
        raise DownloadError(
            f"{self._target.name} came with {size:,} bytes, but damaged: {reason}. "
            "It was thrown away; the same command begins anew"
        )


def _fetch(url: str, part: _Part, on_progress: OnProgress, pause: Callable[[float], None]) -> None:
    """Ask until all is there. Raises DownloadError after TRIES that brought nothing new."""
    best, failures = part.size, 0
    while not part.is_whole():
        reason, wait = "it broke off", 0.0
        try:
            _ask(url, part, on_progress)
        except (OSError, HTTPException) as error:
            reason, wait = _reason(error), _asked_to_wait(error)
        if part.is_whole():
            return
        failures = 0 if part.size > best else failures + 1
        best = max(best, part.size)
        total = _size(part.promise.total)
        kept = f"{part.size:,} bytes of {total} are kept; the same command goes on from there"
        if wait > MAX_WAIT_SECONDS:
            raise DownloadError(f"{url}: the server asks to wait {wait:,.0f} s ({reason}). {kept}")
        if failures == TRIES:
            raise DownloadError(f"{url} did not come whole in {TRIES} tries ({reason}). {kept}")
        pause(max(2.0**failures, wait))


def _ask(url: str, part: _Part, on_progress: OnProgress) -> None:
    """One request, for what is missing."""
    size = part.size
    request = Request(url, headers=_headers(part, size))  # noqa: S310, the scheme was looked at
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            if not _goes_on(answer, part, size):
                part.start_over()
                if answer.status == 206:  # not the part that was asked for
                    return
                part.expect(_promise(answer))
            part.append(answer, lambda done: on_progress(done, part.promise.total))
    except HTTPError as error:
        with error:
            _refused(url, error, part, size)
        return
    if part.promise.total is None:  # no length was promised: the end is where the answer ended
        part.expect(msgspec.structs.replace(part.promise, total=part.size))


def _headers(part: _Part, size: int) -> dict[str, str]:
    headers = {"User-Agent": "review-stars"}
    if size:
        headers["Range"] = f"bytes={size}-"
        if part.promise.version:
            headers["If-Range"] = part.promise.version  # another version: all of it, please
    return headers


def _goes_on(answer: Any, part: _Part, size: int) -> bool:
    """Whether an answer is the rest of what is there: right place, length and version as before."""
    if answer.status != 206 or not size:
        return False
    begin, total = _content_range(answer)
    version = part.promise.version or ""
    stated = answer.headers["ETag" if version.startswith('"') else "Last-Modified"]
    return (
        begin == size
        and total is not None
        and part.promise.total in (None, total)
        and (not version or stated in (None, version))
    )


def _promise(answer: Any) -> Promise:
    length, etag = answer.headers["Content-Length"], answer.headers["ETag"] or ""
    md5 = MD5.fullmatch(etag)
    strong = etag if etag.startswith('"') else None  # If-Range takes no weak ones
    return Promise(
        total=int(length) if length and length.isdecimal() else None,
        version=strong or answer.headers["Last-Modified"],
        md5=md5[1] if md5 else None,
    )


def _refused(url: str, error: HTTPError, part: _Part, size: int) -> None:
    """What an answer without the file means."""
    if error.code == 416 and size:
        if _content_range(error) == (None, size):
            part.expect(msgspec.structs.replace(part.promise, total=size))
        else:
            part.start_over()
        return
    if error.code not in PASSING:
        raise UnreadableSourceError(f"the server refuses {url}: {error.code} {error.reason}")
    raise error


def _content_range(answer: Any) -> tuple[int | None, int | None]:
    """-> (first byte, bytes of the whole) of `bytes 100-199/200` or `bytes */200`."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", answer.headers["Content-Range"] or "")
    if not found:
        return None, None
    begin, total = found.groups()
    return int(begin) if begin else None, int(total) if total != "*" else None


def _hashed(file: IO[bytes], *digests: Any) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        for digest in digests:
            digest.update(piece)
        yield piece


def _checksum(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _asked_to_wait(error: Exception) -> float:
    """Seconds that the server asks to wait; 0 where it does not say."""
    if not isinstance(error, HTTPError):
        return 0.0
    header = error.headers["Retry-After"] or ""
    if header.isdecimal():
        return float(header)
    try:  # a date: by the server's own clock
        until, now = map(parsedate_to_datetime, (header, error.headers["Date"] or ""))
        return max((until - now) / timedelta(seconds=1), 0.0)
    except (TypeError, ValueError):
        return 0.0


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"{error.code} {error.reason}"
    reason = error.reason if isinstance(error, URLError) else error
    text = f"{type(reason).__name__}: {reason}" if isinstance(reason, Exception) else str(reason)
    return f"{text}; is this machine offline?" if isinstance(error, URLError) else text


def _size(total: int | None) -> str:
    return "an unknown number" if total is None else f"{total:,}"
