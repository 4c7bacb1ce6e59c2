"""The part of GitHub's REST API that workflows use: issues, comments, deployments."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "made-up-token"
Json = dict[str, Any]
Answer = tuple[int, Any]


@dataclass
class Repository:
    """What one repository keeps. is_read_only: its token is one of a fork's pull request."""

    name: str = "octo/stars"
    issues: list[Json] = field(default_factory=list)
    comments: list[Json] = field(default_factory=list)
    deployments: list[Json] = field(default_factory=list)
    states: dict[int, list[str]] = field(default_factory=dict)
    is_read_only: bool = False

    def begin_deployment(self, sha: str, environment: str) -> int:
        """What GitHub records when a job of an environment starts; returns its id."""
        number = len(self.deployments) + 1
        self.deployments.insert(0, {"id": number, "sha": sha, "environment": environment})
        self.states[number] = ["in_progress"]
        return number

    def end_deployment(self, number: int, state: str) -> None:
        """What GitHub records when that job has ended."""
        self.states[number].insert(0, state)

    def answer(self, method: str, path: str, query: dict[str, str], body: Json) -> Answer:
        """One request: its status and content."""
        if method != "GET" and self.is_read_only:
            return 403, {"message": "Resource not accessible by integration"}
        for verb, pattern, act in self._routes():
            if verb == method and (found := re.fullmatch(pattern, path)):
                return act(found, query, body)
        return 404, {"message": "Not Found"}

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("GET", "/issues", self._list_issues),
            ("POST", "/issues", self._open),
            ("PATCH", r"/issues/(\d+)", self._edit),
            ("GET", r"/issues/(\d+)/comments", self._list_comments),
            ("POST", r"/issues/(\d+)/comments", self._comment),
            ("PATCH", r"/issues/comments/(\d+)", self._edit_comment),
            ("GET", "/deployments", self._list_deployments),
            ("GET", r"/deployments/(\d+)/statuses", self._list_states),
        ]

    def _list_issues(self, _found: re.Match[str], query: dict[str, str], _body: Json) -> Answer:
        return 200, page([i for i in self.issues if i["state"] == query["state"]], query)

    def _open(self, _found: re.Match[str], _query: dict[str, str], body: Json) -> Answer:
        number = len(self.issues) + 1
        made = {"number": number, "state": "open", "user": {"type": "Bot"}, **body}
        self.issues.append(made)
        return 201, made

    def _edit(self, found: re.Match[str], _query: dict[str, str], body: Json) -> Answer:
        kept = self.issues[int(found[1]) - 1]
        kept.update(body)
        return 200, kept

    def _list_comments(self, found: re.Match[str], query: dict[str, str], _body: Json) -> Answer:
        return 200, page([c for c in self.comments if c["issue"] == int(found[1])], query)

    def _comment(self, found: re.Match[str], _query: dict[str, str], body: Json) -> Answer:
        number = len(self.comments) + 1
        made = {"id": number, "issue": int(found[1]), "user": {"type": "Bot"}, **body}
        self.comments.append(made)
        return 201, made

    def _edit_comment(self, found: re.Match[str], _query: dict[str, str], body: Json) -> Answer:
        kept = self.comments[int(found[1]) - 1]
        kept.update(body)
        return 200, kept

    def _list_deployments(self, _found: re.Match[str], query: dict[str, str], _: Json) -> Answer:
        kept = [d for d in self.deployments if d["environment"] == query["environment"]]
        return 200, page(kept, query)

    def _list_states(self, found: re.Match[str], query: dict[str, str], _body: Json) -> Answer:
        return 200, page([{"state": s} for s in self.states[int(found[1])]], query)


def page(items: list[Json], query: dict[str, str]) -> list[Json]:
    """One page of a listing."""
    size, number = int(query["per_page"]), int(query["page"])
    return items[(number - 1) * size : number * size]


@contextmanager
def serving(repository: Repository) -> Iterator[str]:
    """Serve it on a free port of this machine -> its address, for GITHUB_API_URL."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            asked = urlsplit(self.path)
            query = {name: texts[0] for name, texts in parse_qs(asked.query).items()}
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            prefix = f"/repos/{repository.name}"
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                status, content = 401, {"message": "Bad credentials"}
            elif not asked.path.startswith(f"{prefix}/"):
                status, content = 404, {"message": "Not Found"}
            else:
                path = asked.path.removeprefix(prefix)
                status, content = repository.answer(self.command, path, query, body)
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _do  # noqa: N815 (http.server's names)

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
