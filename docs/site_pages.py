"""Brings the pages of the repository's root into the site, and their links with them.

A page is read as GitHub reads it: there a list may follow its paragraph without a blank line.
"""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "README.es.md": "es.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "report.md",
}
# Files that the site does not show.
CODE = re.compile(r"\[([^\]]+)\]\((?:\.\./[\w./-]+(?:#[\w-]+)?|LICENSE)\)")
DRAWING = re.compile(r"^```mermaid$", re.MULTILINE)
# What draws it would be fetched from elsewhere when a page is read.
UNDRAWN = "*The drawing as text; GitHub draws the same page.*\n\n```mermaid"
FENCE = re.compile(r"^ *```")
ITEM = re.compile(r"^ {0,3}(?:[-*+]|\d+\.) ")


def on_files(files: Any, config: Any) -> Any:
    """Add each page under its name in the site."""
    from mkdocs.structure.files import File  # of the site's environment alone

    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        for other, target in PAGES.items():
            text = text.replace(f"]({other}", f"]({target}")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead to the site's own pages, and leave words where a link would lead to another file."""
    for name, target in PAGES.items():  # as a page of docs/ itself names those of the root
        markdown = markdown.replace(f"](../{name}", f"]({target}")
    return CODE.sub(r"\1", with_lists_apart(DRAWING.sub(UNDRAWN, markdown)))


def with_lists_apart(markdown: str) -> str:
    """The same with a blank line between each paragraph and the list that follows it."""
    lines: list[str] = []
    is_code = is_paragraph = False  # in a fence; in a block that began with no item
    for line in markdown.split("\n"):
        if is_paragraph and not is_code and ITEM.match(line):
            lines.append("")
            is_paragraph = False
        elif not line.strip():
            is_paragraph = False
        elif not lines or not lines[-1].strip():
            is_paragraph = not ITEM.match(line)
        is_code ^= bool(FENCE.match(line))
        lines.append(line)
    return "\n".join(lines)
