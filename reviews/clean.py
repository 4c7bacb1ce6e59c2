"""Cleans the text of a review: what a customer wrote, without what a machine added.

Kept: `! ?`, capitals, emoticons, emoji, apostrophes, every script, control and zero-width
characters. These are the rules; `reviews.bulk` does the same for a thousand reviews at a time.
"""

import html
import re
import unicodedata
from dataclasses import dataclass

TEXT_RULES = "1"  # raised whenever a rule below changes what comes out
SAMPLE_CHARACTERS = 200

# Both are bounded: else a line of nothing but their beginnings takes time with its length squared.
TAG = re.compile(r"<[^<>]{0,400}>")
# Each alternative begins with a literal letter, which is five times as fast as one with re.I.
LINK_OR_MARK = re.compile(
    r"h(?i:ttps?://)\S+|H(?i:ttps?://)\S+|w(?i:ww\.)\S+|W(?i:ww\.)\S+"
    r"|\[\[\s*(?i:ASIN|VIDEOID)[^\]]{0,400}\]\]"
)
# int() refuses more than 4,300 digits, and html.unescape asks it.
LONG_REFERENCE = re.compile(r"&#[0-9]{1000,};?")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The title and text of a review after cleaning.

    sample: the first 200 characters of title and text with nothing but markup removed: by it the
    language is detected. markup: whether a tag or an entity was there.
    """

    title: str
    text: str
    sample: str
    markup: bool


def clean(title: str | None, text: str) -> Cleaned:
    """Clean a title and a text, each by itself. A missing title is taken for an empty one."""
    title = title or ""
    seen_title, seen_text = visible(title), visible(text)
    return Cleaned(
        title=tidy(seen_title),
        text=tidy(seen_text),
        sample=join_sample(seen_title, seen_text),
        markup=(seen_title, seen_text) != (title, text),
    )


def join_sample(seen_title: str, seen_text: str) -> str:
    """The first 200 characters that a person sees of title and text together."""
    return f"{seen_title} {seen_text[:SAMPLE_CHARACTERS]}"[:SAMPLE_CHARACTERS]


def visible(text: str) -> str:
    """Decode entities twice (raw data has `&amp;#34;`) and put a blank for each tag."""
    if "&" in text:
        text = _unescape(text)
        if "&" in text:
            text = _unescape(text)
    return TAG.sub(" ", text) if "<" in text else text


def tidy(text: str) -> str:
    """Normalise (NFKC), take out links and Amazon's marks, collapse blanks."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "://" in text or "[[" in text or "www." in text.lower():
        text = LINK_OR_MARK.sub(" ", text)
    return " ".join(text.split())


def _unescape(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:
        return html.unescape(LONG_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", text))
