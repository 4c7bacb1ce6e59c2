"""Views: what is counted where."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from training.features.tokens import keys_of, plain_tokens, tokenise
from training.features.views import (
    SHORT_TOKENS,
    VIEWS,
    HashBuckets,
    Table,
    count,
    occurrences,
    unknown_share,
)

KNOWN = ["good", "bad", ".", "it", "it is", "is good", "good .", "!", "ok"]


def known_in(stretch: list[str]) -> Counter[str]:
    found = stretch + [f"{a} {b}" for a, b in pairwise(stretch)]
    return Counter(ngram for ngram in found if ngram in KNOWN)


def counted(titles: list[str], texts: list[str], views=VIEWS, edge=40) -> dict:
    counts = count(tokenise(titles, texts), Table(keys_of(KNOWN)), views, edge, len(KNOWN))
    found: dict[tuple[str, int], Counter[str]] = {}
    for segment, ngram, times in zip(
        counts.segment.tolist(), counts.ngram.tolist(), counts.times.tolist(), strict=True
    ):
        place = views[segment // len(titles)], segment % len(titles)
        found.setdefault(place, Counter())[KNOWN[ngram]] = times
    return found


def test_a_table_finds_its_keys_and_no_others():
    random = np.random.default_rng(0)
    keys = np.unique(random.integers(1, 2**63, 60_000).astype(np.uint64))
    mine, others = keys[::2], keys[1::2]
    table = Table(mine)
    assert (table.find(mine) == np.arange(len(mine))).all()
    assert (table.find(others) == -1).all()


def test_keys_that_agree_in_their_upper_half_are_told_apart():
    keys = np.uint64(7 << 32) + np.arange(50, dtype=np.uint64)
    table = Table(keys)
    assert table.find(keys).tolist() == list(range(50))


def test_titles_and_texts_are_counted_apart():
    found = counted(["good", "bad"], ["it is good. it is bad", "ok"])
    assert found["title", 0] == known_in(["good"])
    assert found["title", 1] == known_in(["bad"])
    assert found["text", 0] == known_in(plain_tokens("it is good. it is bad"))
    assert found["text", 1] == known_in(["ok"])


def test_no_bigram_crosses_from_title_to_text_or_to_the_next_review():
    for view, views in (("both", ("both",)), ("short", VIEWS)):
        found = counted(["it", "it"], ["is good", "is good"], views=views)
        assert "it is" not in found[view, 0]
        assert found[view, 0] == known_in(["it"]) + known_in(["is", "good"])
        assert found[view, 1] == found[view, 0]


def test_only_few_words_are_in_the_short_view():
    few = "good " * (SHORT_TOKENS - 1)
    found = counted(["it", "it", "it"], [few, f"{few} bad", "bad"])
    assert found["short", 0] == known_in(["it"]) + known_in(few.split())
    assert ("short", 1) not in found
    assert found["short", 2] == Counter(it=1, bad=1)


def test_the_short_view_reads_no_field_that_has_no_view():
    many = "good " * (SHORT_TOKENS + 1)
    found = counted(["it", many], ["is good", "it"], views=("text", "first", "last", "short"))
    assert found["short", 0] == known_in(["is", "good"])
    assert found["short", 1] == known_in(["it"])


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("it is good", "it is good", "it is good"),
        ("it is so good. it is so bad", "it is so good .", "it is so bad"),
        ("ok. it is good. it is bad !", "ok . it is good .", "it is bad !"),
        ("it is really good! bad", "it is really good !", "it is really good ! bad"),
    ],
)
def test_first_and_last_sentence_reach_past_an_early_stop(text, first, last):
    found = counted([""], [text])
    assert found["first", 0] == known_in(first.split())
    assert found["last", 0] == known_in(last.split())


def test_a_sentence_without_end_is_cut():
    text = "good " * 30 + "bad " * 30
    found = counted([""], [text], edge=10)
    assert found["first", 0] == Counter(good=10)
    assert found["last", 0] == Counter(bad=10)


def test_the_share_of_unknown_words_is_that_of_the_text():
    tokens = tokenise(["never heard", ""], ["good unheard", ""])
    table = Table(keys_of(KNOWN))
    counts = count(tokens, table, VIEWS, 40, len(KNOWN))
    assert unknown_share(tokens, counts.number, table).tolist() == [0.5, 0.0]


def test_hashed_n_grams_all_have_a_number():
    keys = np.random.default_rng(1).integers(0, 2**63, 1000).astype(np.uint64)
    found = HashBuckets(10, np.zeros(128, np.uint8)).find(keys)
    assert 0 <= found.min() <= found.max() < 1024
    assert len(np.unique(found)) > 500


def test_occurrences_of_an_empty_batch_are_none():
    segment, place = occurrences(tokenise([""], [""]), VIEWS, 40)
    assert len(segment) == len(place) == 0
