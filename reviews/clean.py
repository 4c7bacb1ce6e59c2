"""Cleans the text of a review: what a customer wrote, without what a machine added.

Kept: `! ?`, capitals, emoticons, emoji, apostrophes, every script, control and zero-width
characters. These are the rules; `reviews.bulk` does the same for a thousand reviews at a time.

1. Entities are decoded, twice.
2. Markup becomes a blank: tags that HTML knows, comments. `<3` and `< 800 lumens` are no markup.
3. Unicode's NFKC, but for characters that hold a number: `2\u00bd` and `10\u00b2` stay as they are.
4. Links and Amazon's marks become a blank; runs of blanks become one.
"""

import html
import re
import unicodedata
from dataclasses import dataclass
from html.entities import html5

TEXT_RULES = "2"  # raised whenever a rule below changes what comes out
SAMPLE_CHARACTERS = 200

# The elements of HTML, those of older versions included: only what has such a name is a tag.
ELEMENT = (
    "a|abbr|acronym|address|applet|area|article|aside|audio|b|base|basefont|bdi|bdo|bgsound|big|"
    "blink|blockquote|body|br|button|canvas|caption|center|cite|code|col|colgroup|data|datalist|dd|"
    "del|details|dfn|dialog|dir|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|"
    "frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hgroup|hr|html|i|iframe|img|input|ins|isindex|"
    "kbd|keygen|label|legend|li|link|listing|main|map|mark|marquee|menu|menuitem|meta|meter|nav|"
    "nobr|noembed|noframes|noscript|object|ol|optgroup|option|output|p|param|picture|plaintext|pre|"
    "progress|q|rb|rp|rt|rtc|ruby|s|samp|script|search|section|select|slot|small|source|spacer|span|"
    "strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|"
    "title|tr|track|tt|u|ul|var|video|wbr|xmp"
    "|[ovwx]:[a-z]++|st1:[a-z]++"  # pasted from an office program
)
# Attributes that may stand without a value: `<b and so on>` is no tag.
FLAG = (
    "allowfullscreen|async|autofocus|autoplay|checked|compact|controls|default|defer|disabled|"
    "hidden|loop|multiple|muted|nohref|noresize|noshade|novalidate|nowrap|open|playsinline|readonly|"
    "required|reversed|selected"
)
# Nothing in it is tried twice (`++`) or without a bound: else a line of nothing but beginnings
# takes time with the square of its length.
TAG = re.compile(
    rf"""<(?:
        (?:{ELEMENT}) (?:\s++(?:{FLAG}))*+
        (?:\s++[a-z_:][\w:.-]*+\s*+=[^<>]{{0,1000}})? \s*+(?:[/\\]\s*+)?
      | /\s*+(?:{ELEMENT})\s*+
      | (?:!doctype\b|\?xml\b|!\[(?:end)?if\b)[^<>]{{0,400}}
    )>""",
    re.VERBOSE | re.IGNORECASE,
)
COMMENTS = (("<!--", "-->"), ("<![CDATA[", "]]>"))
# Characters that NFKC would turn into digits beside other digits: superscripts, fractions, numbers
# in circles, square metres. Decimal digits of other widths and styles are not among them.
NUMBERS = re.compile(
    "([\u00b2\u00b3\u00b9\u00bc-\u00be\u2070\u2074-\u207e\u2080-\u208e\u2150-\u215f\u2189\u2460-\u249b"
    "\u24ea\u3251-\u325f\u32b1-\u32cb\u3358-\u3370\u3378\u3379\u339f-\u33a6\u33a8\u33af\u33e0-\u33fe"
    "\U0001f100-\U0001f10a]+)"
)
# Letters and symbols that show nothing: fillers of Hangul, the empty Braille cell, what stands for
# a lost character or picture.
INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0\ufffc\ufffd")
# Each alternative begins with a literal letter, which is five times as fast as one with re.I.
LINK_OR_MARK = re.compile(
    r"h(?i:ttps?://)\S+|H(?i:ttps?://)\S+|w(?i:ww\.)\S+|W(?i:ww\.)\S+"
    r"|\[\[\s*(?i:ASIN|VIDEOID)[^\]]{0,400}\]\]"
)
# Only with its semicolon: HTML also reads `rock&region` as a sign for a registered trade mark.
REFERENCE = re.compile(r"&(?:#([0-9]++)|#[xX][0-9a-fA-F]++|([A-Za-z][A-Za-z0-9]{1,31}));")
MAX_DIGITS = 10  # more are no character, and int() refuses more than 4,300


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


def is_empty(text: str) -> bool:
    """Whether nothing is left to judge of a cleaned text: no letter, digit, sign or symbol.

    What preprocessing rejects as `no_text`, `predict` refuses and the API answers with 400.
    """
    return not any(
        unicodedata.category(character)[0] in "LNPS" and character not in INVISIBLE
        for character in text
    )


def visible(text: str) -> str:
    """Decode entities twice (raw data has `&amp;#34;`) and put a blank for all markup."""
    if "&" in text:
        text = _unescape(text)
        if "&" in text:
            text = _unescape(text)
    if "<" in text:
        text = text.replace("<br />", " ")  # 19 of 20 tags, and many times as fast as the rest
        if "<" in text:
            for begin, end in COMMENTS:
                text = _without(text, begin, end)
            text = TAG.sub(" ", text)
    return text


def tidy(text: str) -> str:
    """Normalise (NFKC, but for numbers), remove links and Amazon's marks, collapse blanks."""
    if not text.isascii():
        text = _normalize(text)
    if "://" in text or "[[" in text or "www." in text.lower():
        text = LINK_OR_MARK.sub(" ", text)
    return " ".join(text.split())


def _normalize(text: str) -> str:
    """NFKC of everything but NUMBERS."""
    normal = unicodedata.normalize("NFKC", text)
    if normal != text and NUMBERS.search(text):
        parts = NUMBERS.split(text)  # every second one is a run of NUMBERS
        parts[::2] = [unicodedata.normalize("NFKC", part) for part in parts[::2]]
        return "".join(parts)
    return normal


def _without(text: str, begin: str, end: str) -> str:
    """A blank for everything between two marks; a beginning without an end stays."""
    parts: list[str] = []
    place = 0
    while (first := text.find(begin, place)) >= 0:
        last = text.find(end, first + len(begin))
        if last < 0:
            break
        parts += (text[place:first], " ")
        place = last + len(end)
    return "".join((*parts, text[place:])) if parts else text


def _unescape(text: str) -> str:
    return REFERENCE.sub(_character, text)


def _character(reference: re.Match[str]) -> str:
    digits, name = reference.groups()
    if digits and len(digits) > MAX_DIGITS:
        return "\N{REPLACEMENT CHARACTER}"
    return reference[0] if name and f"{name};" not in html5 else html.unescape(reference[0])
