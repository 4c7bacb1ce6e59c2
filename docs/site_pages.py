"""Brings the pages of the repository's root into the site, and their links with them."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "README.es.md": "es.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "report.md",
}
CODE = re.compile(r"\[([^\]]+)\]\((?:\.\./[\w./-]+|LICENSE)\)")  # files that the site does not show


def on_files(files: Any, config: Any) -> Any:
    """Add each page under its name in the site."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        for other, target in PAGES.items():
            text = text.replace(f"]({other}", f"]({target}")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Leave words where a link would lead out of the site, to a file of the repository."""
    return CODE.sub(r"\1", markdown)
