"""One comment of a pull request and one issue: found again, renewed, never written twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from operate import github
from operate.errors import InputError, OperateError
from operate.github import Workflow

REPOSITORY = "octo/stars"


@dataclass
class Pretended:
    """Comments or issues by number, as the API keeps them; what was asked of it."""

    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, body: str, kind: str = "Bot", state: str = "open") -> int:
        number = len(self.items) + 1
        self.items[number] = {
            "id": number, "number": number, "body": body, "user": {"type": kind}, "state": state
        }  # fmt: skip
        return number

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer token"
        path = request.url.path.removeprefix(f"/repos/{REPOSITORY}")
        self.asked.append(f"{request.method} {path}")
        body = json.loads(request.content or b"{}")
        if request.method == "GET":
            start = (int(request.url.params["page"]) - 1) * 100
            kept = [i for i in self.items.values() if i["state"] == "open"]
            return httpx.Response(200, json=kept[start : start + 100])
        if (
            request.method == "POST" and not path.rsplit("/", 2)[-2].isdigit()
        ) or request.method == "POST":
            number = self.add(body["body"])
        else:
            number = int(path.rsplit("/", 1)[-1])
            self.items[number].update(body)
        return httpx.Response(200, json=self.items[number])


def event(repository: str | None = REPOSITORY) -> dict[str, Any]:
    repo = {"full_name": repository} if repository else None  # a fork that was deleted has none
    return {"pull_request": {"number": 7, "head": {"repo": repo}}}


def run(**changed: Any) -> Workflow:
    return replace(Workflow(REPOSITORY, "token", event(), None), **changed)


def test_a_comment_is_written_once_and_then_renewed() -> None:
    there = Pretended()
    there.add("of a person", kind="User")
    transport = httpx.MockTransport(there)
    assert github.comment(run(), "first", transport) == "comment 2 was written"
    assert github.comment(run(), "second", transport) == "comment 2 was renewed"
    assert [item["body"] for item in there.items.values()] == [
        "of a person", "<!-- review-stars: difference -->\nsecond"
    ]  # fmt: skip


def test_a_comment_is_found_behind_a_hundred_others() -> None:
    there = Pretended()
    for _ in range(150):
        there.add("of a person", kind="User")
    transport = httpx.MockTransport(there)
    github.comment(run(), "first", transport)
    assert github.comment(run(), "second", transport) == "comment 151 was renewed"


def test_a_person_who_copies_the_mark_is_not_overwritten() -> None:
    there = Pretended()
    there.add("<!-- review-stars: difference -->\nmine", kind="User")
    assert github.comment(run(), "ours", httpx.MockTransport(there)) == "comment 2 was written"
    assert there.items[1]["body"].endswith("mine")


@pytest.mark.parametrize("repository", ["fork/stars", None])
def test_of_a_fork_nothing_is_asked_and_the_summary_has_it(
    repository: str | None, tmp_path: Path
) -> None:
    there, summary = Pretended(), tmp_path / "summary"
    forked = run(event=event(repository), summary=summary, token="")
    said = github.comment(forked, "text", httpx.MockTransport(there))
    assert "whose token cannot write" in said
    assert (there.asked, summary.read_text()) == ([], "text")


def test_a_text_that_is_too_long_is_cut() -> None:
    there = Pretended()
    github.comment(run(), "x" * 70_000, httpx.MockTransport(there))
    assert len(there.items[1]["body"]) == github.MAX_CHARACTERS


def refusing(request: httpx.Request) -> httpx.Response:
    return httpx.Response(403, json={"message": "Resource not accessible"})


def silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refusing, "answered GET /issues/7/comments with 403: the job's permissions must allow"),
        (silent, "GitHub cannot be reached: no route"),
    ],
)
def test_a_refusal_is_one_sentence(
    answer: Callable[[httpx.Request], httpx.Response], sentence: str
) -> None:
    with pytest.raises(OperateError, match=sentence):
        github.comment(run(), "text", httpx.MockTransport(answer))


def test_outside_a_workflow_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="GITHUB_REPOSITORY is not set"):
        Workflow.read({})
    with pytest.raises(InputError, match="GITHUB_TOKEN is not set"):
        github.comment(run(token=""), "text")
    with pytest.raises(InputError, match="of no pull request"):
        github.comment(run(event={}), "text")
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event()))
    variables = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_EVENT_PATH": str(path)}
    assert Workflow.read(variables).event["pull_request"]["number"] == 7


def test_an_issue_is_opened_renewed_and_closed_and_never_a_second_one() -> None:
    there = Pretended()
    there.add("of a person", kind="User")
    transport = httpx.MockTransport(there)

    def say(stage: str, *, well: bool) -> str:
        return github.issue(run(), stage, "text", well=well, transport=transport)

    assert say("prod", well=True) == "stage prod is well, and no issue is open"
    assert say("prod", well=False) == "issue 2 was opened"
    assert say("prod", well=False) == "issue 2 was renewed"
    assert say("dev", well=False) == "issue 3 was opened"
    assert say("prod", well=True) == "issue 2 was closed: stage prod is well again"
    assert [item["state"] for item in there.items.values()][:3] == ["open", "closed", "open"]
    assert say("prod", well=False).endswith("was opened")


@pytest.mark.parametrize(
    ("states", "former"),
    [
        ({"new": ["success"], "b": ["failure"], "c": ["inactive", "success"]}, "c"),
        ({"new": ["in_progress"], "b": ["success"], "c": ["success"]}, "b"),
    ],
)
def test_the_former_commit_is_the_last_other_one_that_was_deployed(
    states: dict[str, list[str]], former: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.split("/")
        if path[-1] == "deployments":
            assert request.url.params["environment"] == "prod"
            return httpx.Response(200, json=[{"id": s, "sha": s} for s in states])
        return httpx.Response(200, json=[{"state": state} for state in states[path[-2]]])

    transport = httpx.MockTransport(answer)
    assert github.former_commit(run(commit="new"), "prod", transport) == former


def test_a_first_deploy_has_nothing_to_go_back_to() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=[]))
    with pytest.raises(InputError, match="prod has no earlier deployment that succeeded"):
        github.former_commit(run(commit="new"), "prod", transport)
