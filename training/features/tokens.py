"""From text to tokens, and tokens to numbers: a batch of reviews at a time, on its UTF-8 bytes.

A token is a run of bytes of one kind: a word, `!?`, dots, the characters of emoticons; every
other sign stands alone. TOKEN says the same as a pattern; a test holds the two equal. A token
becomes a 64-bit hash, so neither strings nor dictionaries are touched while a batch is scored.
"""

import math
import re
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TOKEN_RULES = "1"  # noqa: S105  (a version) raised whenever a rule below changes what comes out

IntArray = NDArray[np.int64]
HashArray = NDArray[np.uint64]
FloatArray = NDArray[np.float64]

BLANK, WORD, SHOUT, DOTS, FACE, SINGLE, APOSTROPHE = range(7)
LETTER = r"(?:[a-z0-9_]|[^\x00-\x7f])"
TOKEN = re.compile(
    rf"{LETTER}+(?:'{LETTER}+)*|[!?]+|\.+|[-:;=()/|]+|[^\x00-\x20\x7f]"
)  # of folded, lower-cased text
COUNTS = (
    "text_length",  # characters
    "title_length",
    "text_exclamations",
    "title_exclamations",
    "questions",
    "capital_words",  # three capitals or more
    "title_in_capitals",  # 0 or 1
    "ellipses",
)

QUOTES = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "«": '"', "»": '"'}
    | {"–": "-", "—": "-", "、": ",", "。": ".", "·": " ", "•": " ", "¡": "!", "¿": "?"}
)
# Signs that are tokens by themselves: scripts without blanks, symbols, emoji.
STANDS_ALONE = re.compile(
    "([\u0e00-\u0eff\u1780-\u17ff\u2190-\u2bff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U0001f000-\U0003ffff])"
)
FOREIGN = re.compile(r"[^\x00-\x7f]+")


def _kinds() -> NDArray[np.uint8]:
    kinds = np.full(256, SINGLE, np.uint8)
    kinds[:33] = BLANK
    kinds[127] = BLANK
    for kind, members in (
        (WORD, b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"),
        (SHOUT, b"!?"),
        (DOTS, b"."),
        (FACE, b"-:;=()/|"),
        (APOSTROPHE, b"'"),
    ):
        kinds[list(members)] = kind
    kinds[128:] = WORD
    return kinds


KINDS = _kinds()
LOWER = np.arange(256, dtype=np.uint64)
LOWER[65:91] += 32

# A token's hash is the polynomial of its bytes at BASE, modulo 2**64, then mixed. BASE is odd, so
# it has an inverse, and differences of one running sum give the polynomial of every token.
BASE = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio, odd: bits well spread
MIX = np.uint64(0xFF51AFD7ED558CCD)  # murmur3's finaliser
PAIR = np.uint64(0xC2B2AE3D27D4EB4F)  # xxh64's second prime: a b and b a must differ
HALF = np.uint64(32)


class _Powers:
    """Powers of BASE and of its inverse, as many as the longest batch so far needed."""

    def __init__(self) -> None:
        self.up = self.down = np.ones(1, np.uint64)

    def at_least(self, count: int) -> tuple[HashArray, HashArray]:
        if len(self.up) < count:
            size = 1 << int(count - 1).bit_length()
            steps = np.ones((2, size), np.uint64)
            steps[0, 1:] = BASE
            steps[1, 1:] = pow(BASE, -1, 1 << 64)
            self.up, self.down = np.multiply.accumulate(steps, axis=1)
        return self.up, self.down


_powers = _Powers()


class Tokens(NamedTuple):
    """The tokens of n reviews: all titles first, then all texts.

    hash: (t,). start, end: (t,) their bytes in `content`. ends_sentence: (t,) bool.
    is_word: (t,) bool, of words, emoji and emoticons; punctuation and single signs are none.
    offsets: (2n + 1,) title i is tokens offsets[i] to offsets[i + 1], its text the same at n + i.
    counts: (n, len(COUNTS)), each as log(1 + count) but `title_in_capitals`.
    """

    hash: HashArray
    start: IntArray
    end: IntArray
    ends_sentence: NDArray[np.bool_]
    is_word: NDArray[np.bool_]
    offsets: IntArray
    counts: FloatArray
    content: bytes

    def spell(self, token: int, length: int) -> str:
        """The n-gram of `length` tokens that begins at one, as the vocabulary spells it."""
        parts = (
            self.content[self.start[i] : self.end[i]].lower() for i in range(token, token + length)
        )
        return b" ".join(parts).decode()


def fold(text: str) -> str:
    """The text with one kind of quotes and dashes; signs that are tokens stand alone.

    ASCII stays as it is. Its capitals are kept, for they are counted; others are lowered.
    """
    if text.isascii():
        return text.replace("`", "'") if "`" in text else text
    text = FOREIGN.sub(lambda run: run.group().lower(), text.translate(QUOTES))
    return STANDS_ALONE.sub(r" \1 ", text)


def plain_tokens(text: str) -> list[str]:
    """The tokens of one string, by the pattern: the readable definition."""
    return TOKEN.findall(fold(text).translate(ASCII_LOWER))


ASCII_LOWER = {code: code + 32 for code in range(65, 91)}


def tokenise(titles: Sequence[str], texts: Sequence[str]) -> Tokens:
    """The tokens of a batch of cleaned reviews, and what is counted in them."""
    encoded = [fold(string).encode("utf-8", "replace") for string in (*titles, *texts)]
    # Where each string begins, and where one after the last would.
    borders = np.array([*accumulate((len(e) + 1 for e in encoded), initial=1)])  # (2n + 1,)
    # Invariant: a blank before the first string, between any two and after the last. So no token
    # crosses from one string to the next, and every visible byte has one on either side of it.
    content = b"\n".join((b"", *encoded, b""))
    data = np.frombuffer(content, np.uint8)  # (b,)
    start, end, first = _cut(data)
    return Tokens(
        hash=_hash(data, start, end),
        start=start,
        end=end,
        ends_sentence=(first == SHOUT) | (first == DOTS),
        is_word=(first == WORD) | ((first == FACE) & (end - start > 1)),
        offsets=start.searchsorted(borders),
        counts=_count(data, borders, titles, texts),
        content=content,
    )


def bigram_hashes(hashes: HashArray) -> HashArray:
    """Hashes of bigrams: (t,) tokens give (t - 1,), also where two strings meet."""
    key = hashes[:-1] * PAIR + hashes[1:]
    key ^= key >> HALF
    key *= MIX
    return key


def keys_of(ngrams: Sequence[str]) -> HashArray:
    """The keys of n-grams as `Tokens.spell` spells them.

    Raises ValueError for one that is not of one or two tokens.
    """
    if not ngrams:
        return np.zeros(0, np.uint64)
    data = np.frombuffer("\n".join(("", *ngrams, "")).encode(), np.uint8)
    start, end, _ = _cut(data)
    offsets = start.searchsorted((data == ord("\n")).nonzero()[0])
    length = offsets[1:] - offsets[:-1]
    if len(length) != len(ngrams) or length.min() < 1 or length.max() > 2:
        raise ValueError("an n-gram must be one or two tokens")
    hashes = _hash(data, start, end)
    first = offsets[:-1]  # (k,) first token of each n-gram
    bigrams = np.concatenate((bigram_hashes(hashes), hashes[:1]))  # (t,), the last is never used
    keys: HashArray = np.where(length == 2, bigrams.take(first), hashes.take(first))
    return keys


def _cut(data: NDArray[np.uint8]) -> tuple[IntArray, IntArray, NDArray[np.uint8]]:
    """First and last byte (exclusive) of every token, and the kind of its first. data: (b,)."""
    kind = KINDS.take(data)  # (b,)
    # An apostrophe inside a word belongs to it. Blanks around every string: both sides exist.
    marks = (kind == APOSTROPHE).nonzero()[0]
    kind[marks] = np.where((kind[marks - 1] == WORD) & (kind[marks + 1] == WORD), WORD, SINGLE)
    visible = kind != BLANK
    change = (kind[1:] != kind[:-1]) | (kind[1:] == SINGLE)  # (b - 1,), i: byte i + 1 begins a run
    # The first and the last byte are blanks, so every run that begins also ends: both are (t,).
    start = (change & visible[1:]).nonzero()[0] + 1
    end = (change & visible[:-1]).nonzero()[0] + 1
    return start, end, kind.take(start)


def _hash(data: NDArray[np.uint8], start: IntArray, end: IntArray) -> HashArray:
    """(t,) hashes of the tokens that begin and end there. data: (b,)."""
    up, down = _powers.at_least(len(data))
    running = LOWER.take(data)  # (b,)
    running *= up[: len(data)]
    running.cumsum(out=running)  # modulo 2**64, as all that follows
    key = running.take(end - 1)  # (t,)
    key -= running.take(start - 1)  # content begins with a blank, so there is a byte before each
    key *= down.take(start)  # the place in the batch taken out: a token hashes alike everywhere
    key ^= key >> HALF
    key *= MIX
    key ^= key >> HALF
    return key


def _count(
    data: NDArray[np.uint8], borders: IntArray, titles: Sequence[str], texts: Sequence[str]
) -> FloatArray:
    """(n, len(COUNTS)) of each review, as logarithms."""
    n = len(titles)
    capital = (
        data - np.uint8(65) < 26
    )  # (b,): below A the subtraction wraps around, above Z too far
    # Where a run of three capitals or more begins: at i + 1, after a byte that is none.
    runs = (capital[1:-2] & capital[2:-1] & capital[3:] & ~capital[:-3]).nonzero()[0] + 1
    capitals = runs.searchsorted(borders).tolist()  # (2n + 1,) runs before each string
    counts: FloatArray = np.array(
        [
            (
                len(b),
                len(a),
                b.count("!"),
                a.count("!"),
                a.count("?") + b.count("?"),
                capitals[i + 1] - capitals[i] + capitals[n + i + 1] - capitals[n + i],
                a.isupper() * (math.e - 1),  # 1 as a logarithm
                a.count("...") + b.count("..."),
            )
            for i, (a, b) in enumerate(zip(titles, texts, strict=True))
        ]
    ).reshape(n, len(COUNTS))  # of an empty batch too
    np.log1p(counts, out=counts)
    return counts
