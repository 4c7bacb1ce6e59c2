"""A server of this machine that stands for one of the internet's: a function answers for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request. path: without its query; headers: by lower-case name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Its body, or {} where it has none."""
        return json.loads(self.body or b"{}")


@dataclass(frozen=True)
class Answered:
    """What comes back. content: bytes as they are, anything else as JSON."""

    status: int
    content: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def serving(answer: Callable[[Asked], Answered]) -> Iterator[str]:
    """Serve on a free port of this machine -> its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            asked = urlsplit(self.path)
            query = {name: texts[0] for name, texts in parse_qs(asked.query).items()}
            headers = {name.lower(): text for name, text in self.headers.items()}
            said = answer(Asked(self.command, asked.path, query, headers, self._body(headers)))
            is_plain = isinstance(said.content, bytes)
            content = said.content if is_plain else json.dumps(said.content).encode()
            self.send_response(said.status)
            kind = {} if is_plain else {"content-type": "application/json"}
            length = {"content-length": str(len(content))}
            for name, text in {**kind, **length, **said.headers}.items():
                self.send_header(name, text)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _body(self, headers: Mapping[str, str]) -> bytes:
            if headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(headers.get("content-length") or 0))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _do  # noqa: N815 (http.server's names)

        def log_message(self, format: str, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
