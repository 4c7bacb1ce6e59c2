"""Each command of the documents was run by a test that is named, or stands among those that no
test runs, with the reason.
"""

from __future__ import annotations

import re

import pytest

from tests.docs.commands_run import (
    NOT_RUN,
    PAGE,
    ROOT,
    RUN_BY,
    commands,
    key,
    offered,
    written,
)


def test_each_command_of_each_page_is_run_or_listed() -> None:
    loose = {name: pages for name, pages in commands().items() if name not in {*RUN_BY, *NOT_RUN}}
    assert loose == {}


def test_nothing_is_held_that_no_page_offers() -> None:
    assert {*RUN_BY, *NOT_RUN} - set(commands()) == set()
    assert set(RUN_BY) & set(NOT_RUN) == set()


@pytest.mark.parametrize("name", RUN_BY)
def test_the_test_that_runs_it_is_there_and_speaks_of_it(name: str) -> None:
    file, _, function = RUN_BY[name].partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not function or re.search(rf"^def {function}\(", text, re.MULTILINE), RUN_BY[name]


def test_the_page_lists_what_no_test_runs() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert written(page) == page, "run .venv/bin/python -m tests.docs.commands_run"


def test_commands_are_found_in_blocks_and_sentences() -> None:
    page = (
        "```sh\nmake a B=1   # why\n.venv/bin/python -m training train \\\n  --data x\n```\n"
        "say `git push --atomic`\n"
    )
    assert [key(command) for command in offered(page)] == ["make a", "training train", "git push"]
    assert key(".venv/bin/python .ci/leaks.py accept") == ".ci/leaks.py accept"
    assert key('LOCAL_CLOUD_MINUTE_SECONDS=15 make run DATA="a b"') == "make run"
