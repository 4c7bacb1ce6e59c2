"""Our rules as one writes them for one string: what every peer applies to its rows."""

import html
import re
import unicodedata

TAG = re.compile(r"<[^<>]{0,400}>")
LINK_OR_MARK = re.compile(r"https?://\S+|www\.\S+|\[\[\s*(?:ASIN|VIDEOID)[^\]]{0,400}\]\]", re.I)
SAMPLE_CHARACTERS = 200


def visible(words: str | None) -> str:
    """Entities decoded twice, tags out."""
    return TAG.sub(" ", html.unescape(html.unescape(words or "")))


def tidy(words: str) -> str:
    """NFKC, links and marks out, blanks collapsed."""
    return " ".join(LINK_OR_MARK.sub(" ", unicodedata.normalize("NFKC", words)).split())


def sample(title: str | None, text: str | None) -> str:
    """What the language is told by."""
    return f"{visible(title)} {visible(text)}"[:SAMPLE_CHARACTERS]
