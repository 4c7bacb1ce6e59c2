"""Every link from one of our pages to another leads somewhere, its section too; README is short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    {*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")}
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]+)\)")
README_LINES = 200


def without_code(text: str) -> str:
    """A page without its code blocks, in which brackets mean something else."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The sections of a page as GitHub names them."""
    titles = re.findall(r"^#+ (.*)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(page: Path) -> Iterator[str]:
    """Links of a page that lead nowhere."""
    for link in LINK.findall(without_code(page.read_text())):
        name, _, section = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (section and section not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_links_lead_somewhere(page: Path) -> None:
    assert list(dead_links(page)) == []


def test_a_dead_link_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A part\n[gone](gone.md) [here](#a-part) [no part](#another)\n")
    assert list(dead_links(page)) == ["gone.md", "#another"]


def test_the_readme_is_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


def test_the_readme_names_every_page_of_docs() -> None:
    text = (ROOT / "README.md").read_text()
    assert [path.name for path in (ROOT / "docs").glob("*.md") if path.name not in text] == []
