"""What a workflow leaves on GitHub: one comment of a pull request, one issue; never a second."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from operate.errors import InputError, OperateError

MARK = "<!-- review-stars: {} -->"  # at the head of what is ours: the next run finds it by this
API = "https://api.github.com"
MAX_CHARACTERS = 65_536
PAGE = 100
SECONDS = 30


@dataclass(frozen=True)
class Workflow:
    """The run of a workflow, as GitHub's variables describe it."""

    repository: str
    token: str
    event: Mapping[str, Any]
    summary: Path | None
    commit: str = ""
    api: str = API

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Workflow:
        """From the environment. Raises InputError where this is no run of a workflow."""
        found = os.environ if variables is None else variables
        if not found.get("GITHUB_REPOSITORY"):
            raise InputError("GITHUB_REPOSITORY is not set: this command is for a workflow's run")
        event = found.get("GITHUB_EVENT_PATH", "")
        summary = found.get("GITHUB_STEP_SUMMARY", "")
        return cls(
            found["GITHUB_REPOSITORY"],
            found.get("GITHUB_TOKEN", ""),
            json.loads(Path(event).read_bytes()) if event else {},
            Path(summary) if summary else None,
            found.get("GITHUB_SHA", ""),
            found.get("GITHUB_API_URL") or API,
        )

    @property
    def is_of_a_fork(self) -> bool:
        """Whether the pull request comes from another repository: its token can only read."""
        head = self.event.get("pull_request", {}).get("head", {})
        return (head.get("repo") or {}).get("full_name") != self.repository


class GitHub:
    """The part of GitHub's REST API that is used, with the token of a workflow."""

    def __init__(self, run: Workflow, transport: httpx.BaseTransport | None = None) -> None:
        if not run.token:
            raise InputError("GITHUB_TOKEN is not set: hand the workflow's own to this step alone")
        self._client = httpx.Client(
            base_url=f"{run.api}/repos/{run.repository}",
            headers={
                "authorization": f"Bearer {run.token}",
                "accept": "application/vnd.github+json",
                "x-github-api-version": "2022-11-28",
            },
            timeout=SECONDS,
            transport=transport,
        )

    def call(self, method: str, path: str, **body: Any) -> Any:
        """One request. Raises OperateError where it is refused or does not arrive."""
        try:
            answer = self._client.request(method, path, json=body or None)
        except httpx.HTTPError as error:
            raise OperateError(f"GitHub cannot be reached: {error}") from error
        if answer.is_error:
            raise OperateError(
                f"GitHub answered {method} {path.split('?')[0]} with {answer.status_code}: the "
                "job's permissions must allow it"
            )
        return answer.json() if answer.content else {}

    def pages(self, path: str, **query: str) -> Iterator[Any]:
        """Every item of a listing."""
        number = 1
        while True:
            asked = "&".join(f"{k}={v}" for k, v in query.items())
            found = self.call("GET", f"{path}?per_page={PAGE}&page={number}&{asked}")
            yield from found
            if len(found) < PAGE:
                return
            number += 1


def comment(run: Workflow, body: str, transport: httpx.BaseTransport | None = None) -> str:
    """Leave a text as the one comment of the pull request, in the place of the last one.

    Of a fork it goes into the run's summary. Returns what was done.
    """
    number = run.event.get("pull_request", {}).get("number")
    if number is None:
        raise InputError("this run is of no pull request: there is nothing to comment on")
    if run.is_of_a_fork:
        if run.summary:
            with run.summary.open("a", encoding="utf-8") as file:
                file.write(body)
        return "the pull request is a fork's, whose token cannot write: see the run's summary"
    github = GitHub(run, transport)
    text = _marked("difference", body)
    for item in github.pages(f"/issues/{number}/comments"):
        if _is_ours(item, "difference"):
            github.call("PATCH", f"/issues/comments/{item['id']}", body=text)
            return f"comment {item['id']} was renewed"
    made = github.call("POST", f"/issues/{number}/comments", body=text)
    return f"comment {made['id']} was written"


def issue(
    run: Workflow,
    stage: str,
    text: str,
    *,
    well: bool,
    transport: httpx.BaseTransport | None = None,
) -> str:
    """Keep one open issue of a stage while something needs a person; close it when all is well."""
    github, name = GitHub(run, transport), f"watch {stage}"
    kept = next((i for i in github.pages("/issues", state="open") if _is_ours(i, name)), None)
    if kept is None and well:
        return f"stage {stage} is well, and no issue is open"
    body = _marked(name, text)
    if kept is None:
        made = github.call("POST", "/issues", title=f"Stage {stage} needs a look", body=body)
        return f"issue {made['number']} was opened"
    number = kept["number"]
    if not well:
        github.call("PATCH", f"/issues/{number}", body=body)
        return f"issue {number} was renewed"
    github.call("POST", f"/issues/{number}/comments", body=text)
    github.call("PATCH", f"/issues/{number}", body=body, state="closed")
    return f"issue {number} was closed: stage {stage} is well again"


def former_commit(
    run: Workflow, environment: str, transport: httpx.BaseTransport | None = None
) -> str:
    """The commit that was last deployed with success in an environment before this run's.

    Raises InputError where there was none.
    """
    github = GitHub(run, transport)
    for item in github.pages("/deployments", environment=environment):
        if item["sha"] == run.commit:
            continue
        states = github.pages(f"/deployments/{item['id']}/statuses")
        if any(status["state"] == "success" for status in states):
            return str(item["sha"])
    raise InputError(
        f"environment {environment} has no earlier deployment that succeeded: there is nothing to "
        "go back to"
    )


def _marked(name: str, body: str) -> str:
    return f"{MARK.format(name)}\n{body}"[:MAX_CHARACTERS]


def _is_ours(item: Mapping[str, Any], name: str) -> bool:
    """Whether a comment or issue is a workflow's of this name; anyone can copy the mark."""
    is_bot = (item.get("user") or {}).get("type") == "Bot"
    return is_bot and str(item.get("body") or "").startswith(MARK.format(name))
