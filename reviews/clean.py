"""What a customer wrote, without what a machine added.

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
ENDLESS_REFERENCE = re.compile(r"&#[0-9]{1000,};?")


@dataclass(frozen=True, slots=True)
class Words:
    """A review's words after cleaning.

    sample: title and text as a person sees them, at most 200 characters, before anything but
    markup is removed: what the language is told by.
    markup: whether a tag or an entity was there.
    """

    title: str
    text: str
    sample: str
    markup: bool


def clean(title: str | None, text: str) -> Words:
    """Clean a title and a text, each by itself. A missing title is an empty one."""
    title = title or ""
    seen_title, seen_text = visible(title), visible(text)
    return Words(
        title=tidy(seen_title),
        text=tidy(seen_text),
        sample=join_sample(seen_title, seen_text),
        markup=(seen_title, seen_text) != (title, text),
    )


def join_sample(seen_title: str, seen_text: str) -> str:
    """The first 200 characters that a person sees of title and text together."""
    return f"{seen_title} {seen_text[:SAMPLE_CHARACTERS]}"[:SAMPLE_CHARACTERS]


def visible(words: str) -> str:
    """Decode entities twice (raw data has `&amp;#34;`) and put a blank for each tag."""
    if "&" in words:
        words = _unescape(words)
        if "&" in words:
            words = _unescape(words)
    return TAG.sub(" ", words) if "<" in words else words


def tidy(words: str) -> str:
    """Normalise (NFKC), take out links and Amazon's marks, collapse blanks."""
    if not words.isascii():
        words = unicodedata.normalize("NFKC", words)
    if "://" in words or "[[" in words or "www." in words.lower():
        words = LINK_OR_MARK.sub(" ", words)
    return " ".join(words.split())


def _unescape(words: str) -> str:
    try:
        return html.unescape(words)
    except ValueError:
        return html.unescape(ENDLESS_REFERENCE.sub("\N{REPLACEMENT CHARACTER}", words))
