"""The Spanish README keeps step with the English one: sections, commands, links, and figures."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGLISH, SPANISH = ((ROOT / name).read_text() for name in ("README.md", "README.es.md"))
OWN = {"README.md", "README.es.md", "README.md#not-there-yet"}  # each page names the other
UNTOLD = "## Not there yet"  # changes with every landing: Spanish readers are sent there


def blocks(text: str) -> list[str]:
    """Code blocks, in order."""
    return re.findall(r"^```.*?^```$", text, re.DOTALL | re.MULTILINE)


def told(text: str) -> str:
    """A page without its code blocks and without what only English readers are told."""
    words = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(rf"^{UNTOLD}$.*?(?=^## )", f"{UNTOLD}\n\n", words, flags=re.DOTALL | re.MULTILINE)


def links(text: str) -> list[str]:
    """Where the page leads, in order."""
    return [link for link in re.findall(r"\]\(([^)]+)\)", told(text)) if link not in OWN]


def test_it_has_the_same_sections() -> None:
    assert len(re.findall(r"^##+ ", told(SPANISH), re.MULTILINE)) == len(
        re.findall(r"^##+ ", told(ENGLISH), re.MULTILINE)
    )


def commands(text: str) -> list[str]:
    """The lines of the shell blocks without comments, in order; an empty one ends a block."""
    shell = [block.splitlines()[1:-1] for block in blocks(text) if block.startswith("```sh")]
    return [re.sub(r"\s+# .*", "", line) for lines in shell for line in (*lines, "")]


def comments(text: str) -> list[str]:
    """What the shell blocks say beside their commands."""
    shell = "\n".join(block for block in blocks(text) if block.startswith("```sh"))
    return re.findall(r"\s# (.*)", shell)


def test_its_commands_are_the_others_in_the_same_order() -> None:
    assert len(commands(ENGLISH)) > 20
    assert commands(SPANISH) == commands(ENGLISH)


def test_what_appears_is_the_same_and_what_is_said_beside_it_is_in_spanish() -> None:
    def shown(text: str) -> list[str]:
        return [block for block in blocks(text) if not block.startswith("```sh")]

    assert shown(SPANISH) == shown(ENGLISH)
    assert len(comments(SPANISH)) == len(comments(ENGLISH)) > 0
    assert set(comments(SPANISH)) & set(comments(ENGLISH)) == set()


def test_it_leads_to_the_same_pages() -> None:
    assert links(SPANISH) == links(ENGLISH)


def test_it_names_the_same_commands_folders_and_dollars() -> None:
    def named(text: str) -> set[str]:
        return set(re.findall(r"`(?:make [^`]+|[a-z_]+/)`", told(text)))

    def dollars(text: str) -> list[str]:
        return re.findall(r"\$(\d+)|(\d+) \$", told(text))

    assert named(SPANISH) == named(ENGLISH)
    assert ["".join(found) for found in dollars(SPANISH)] == [
        "".join(found) for found in dollars(ENGLISH)
    ]
