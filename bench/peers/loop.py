"""The plain loop: gzip, json, unescape, two regexes. Tells no language and writes nothing."""

import gzip
import html
import json
import re
import sys

TAG = re.compile(r"<[^<>]*>")
BLANKS = re.compile(r"\s+")


def main(source: str) -> None:
    """Read a file to its end."""
    rows = 0
    with (gzip.open if source.endswith(".gz") else open)(source, "rb") as lines:
        for line in lines:
            try:
                review = json.loads(line)
                for words in (review["title"] or "", review["text"]):
                    BLANKS.sub(" ", TAG.sub(" ", html.unescape(words))).strip()
            except (ValueError, TypeError, KeyError):
                continue
            rows += 1
    print(rows)


main(sys.argv[1])
