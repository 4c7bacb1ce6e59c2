"""The part of GitHub's REST API that workflows use: issues, comments, deployments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.delivery import stand_in
from tests.delivery.stand_in import Answered, Asked

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
    prefix = f"/repos/{repository.name}"

    def answer(asked: Asked) -> Answered:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answered(401, {"message": "Bad credentials"})
        if not asked.path.startswith(f"{prefix}/"):
            return Answered(404, {"message": "Not Found"})
        path, query = asked.path.removeprefix(prefix), dict(asked.query)
        return Answered(*repository.answer(asked.method, path, query, asked.json()))

    with stand_in.serving(answer) as address:
        yield address
