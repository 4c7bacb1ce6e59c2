"""The pages as `make site` shows them: a list is one as on GitHub, and each page is in the menu."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site_pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_pages", DOCS / "site_pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("It rings.\n- Look.\n- Mend.", "It rings.\n\n- Look.\n- Mend."),
        ("Two\nlines.\n1. One.", "Two\nlines.\n\n1. One."),
        ("- One\n  goes on\n- Two", "- One\n  goes on\n- Two"),
        ("- One:\n\n  apart,\n- Two", "- One:\n\n  apart,\n\n- Two"),
        ("# Title\n- One", "# Title\n\n- One"),
        ("Say\n```\n- no list\n```\nand", "Say\n```\n- no list\n```\nand"),
        ("a - b\n-x\n**bold**", "a - b\n-x\n**bold**"),
    ],
)
def test_a_list_stands_apart_from_its_paragraph(
    site_pages: ModuleType, written: str, shown: str
) -> None:
    assert site_pages.with_lists_apart(written) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[it](../README.md#run-it)", "[it](index.md#run-it)"),
        ("[es](../README.es.md)", "[es](es.md)"),
        ("[code](../operate/watch.py#L3) and [more](../infra)", "code and more"),
        ("[page](model.md#the-model)", "[page](model.md#the-model)"),
    ],
)
def test_a_link_out_of_the_site_leads_to_its_own_page_or_nowhere(
    site_pages: ModuleType, written: str, shown: str
) -> None:
    assert site_pages.on_page_markdown(written) == shown


def test_a_drawing_that_is_shown_as_text_says_so(site_pages: ModuleType) -> None:
    page = (DOCS / "machines" / "learn.md").read_text(encoding="utf-8")
    assert page.count("```mermaid") == 1
    assert site_pages.on_page_markdown(page).count(f"\n{site_pages.UNDRAWN}\n") == 1


def test_nothing_else_of_a_page_changes(site_pages: ModuleType) -> None:
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        made = site_pages.with_lists_apart(text)
        assert [x for x in made.split("\n") if x] == [x for x in text.split("\n") if x]


def test_each_page_is_in_the_menu(site_pages: ModuleType) -> None:
    settings = yaml.safe_load((DOCS / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["not_in_nav"] == "/decisions/[0-9]*\n"  # its list of them is
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    wanted = {page for page in pages if not re.match("decisions/[0-9]", page)}
    assert set(menu(settings["nav"])) == wanted | set(site_pages.PAGES.values())


def menu(entry: object) -> list[str]:
    """The pages of an entry and of all below it."""
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    assert isinstance(parts, list | type({}.values()))
    return [page for part in parts for page in menu(part)]
