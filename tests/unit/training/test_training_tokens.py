"""Tokens: the bytes and the pattern say the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import examples
from training.features.tokens import COUNTS, bigram_hashes, fold, keys_of, plain_tokens, tokenise

ALPHABET = st.sampled_from(list("ab AB'.!?-:;()/,\"5_\x00\t`") + list("éÉ’“—很。😀ß") + ["\u0130"])
STRINGS = st.text(ALPHABET, max_size=40) | st.text(max_size=20)


def tokens_of(title: str, text: str) -> tuple[list[str], list[str]]:
    found = tokenise([title], [text])
    middle, end = found.offsets[1:].tolist()
    return (
        [found.spell(i, 1) for i in range(middle)],
        [found.spell(i, 1) for i in range(middle, end)],
    )


@settings(max_examples=examples(100))
@given(STRINGS, STRINGS)
def test_bytes_and_pattern_give_the_same_tokens(title, text):
    title, text = (s.encode("utf-8", "replace").decode() for s in (title, text))
    assert tokens_of(title, text) == (plain_tokens(title), plain_tokens(text))


@pytest.mark.parametrize(
    ("words", "tokens"),
    [
        ("Don't BUY it!!", ["don't", "buy", "it", "!!"]),
        ("rock 'n' roll", ["rock", "'", "n", "'", "roll"]),
        ("great :-) ... 4.5/5", ["great", ":-)", "...", "4", ".", "5", "/", "5"]),
        ("It’s “fine”", ["it's", '"', "fine", '"']),
        ("ÉTÉ très_bon", ["été", "très_bon"]),
        ("很好。ok😀", ["很", "好", ".", "ok", "😀"]),
        ("", []),
    ],
)
def test_a_token_is_a_run_of_one_kind(words, tokens):
    assert plain_tokens(words) == tokens
    assert tokens_of("", words)[1] == tokens


def test_a_review_does_not_change_its_neighbours():
    titles, texts = ["a b", "", "c!"], ["x y z.", "q", "It isn't"]
    together = tokenise(titles, texts)
    for i in range(3):
        alone = tokenise([titles[i]], [texts[i]])
        for own, where in ((0, i), (1, 3 + i)):
            mine = alone.hash[alone.offsets[own] : alone.offsets[own + 1]]
            theirs = together.hash[together.offsets[where] : together.offsets[where + 1]]
            assert mine.tolist() == theirs.tolist()
        assert alone.counts[0].tolist() == together.counts[i].tolist()


def test_case_is_counted_but_does_not_make_another_token():
    low, high = tokenise([""], ["so very good"]), tokenise([""], ["SO VERY Good"])
    assert low.hash.tolist() == high.hash.tolist()
    counted = dict(zip(COUNTS, np.expm1(high.counts[0]), strict=True))
    assert round(counted["capital_words"]) == 1


def test_counts_are_logarithms_of_what_is_in_the_words():
    counted = tokenise(["WOW!"], ["Bad... really?! NOT good"]).counts[0]
    found = dict(zip(COUNTS, np.expm1(counted).round().astype(int).tolist(), strict=True))
    assert found == {
        "text_length": 24,
        "title_length": 4,
        "text_exclamations": 1,
        "title_exclamations": 1,
        "questions": 1,
        "capital_words": 2,
        "title_in_capitals": 2,  # e - 1: the logarithm is 1
        "ellipses": 1,
    }
    assert counted[COUNTS.index("title_in_capitals")] == pytest.approx(1.0)


@settings(max_examples=examples(100))
@given(st.lists(STRINGS, min_size=1, max_size=5))
def test_what_is_spelled_has_the_key_that_was_counted(texts):
    tokens = tokenise([""] * len(texts), texts)
    t = len(tokens.hash)
    assert keys_of([tokens.spell(i, 1) for i in range(t)]).tolist() == tokens.hash.tolist()
    pairs = [tokens.spell(i, 2) for i in range(t - 1)]
    assert keys_of(pairs).tolist() == bigram_hashes(tokens.hash).tolist()


@pytest.mark.parametrize("wrong", ["", " ", "one two three", "a\nb"])
def test_an_n_gram_is_one_or_two_tokens(wrong):
    with pytest.raises(ValueError, match="one or two"):
        keys_of(["good", wrong])


def test_folding_leaves_ascii_as_it_is():
    assert fold("As IT is!") == "As IT is!"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("it's fine, really!", ["it's", "fine", "really"]),
        (":-) 😀 5 / - ... ?! (ok)", [":-)", "😀", "5", "ok"]),
        ("---", ["---"]),
        ("!!! . , ; ' \"", []),
    ],
)
def test_words_are_told_from_punctuation(text, words):
    tokens = tokenise([""], [text])
    assert [tokens.spell(i, 1) for i in tokens.is_word.nonzero()[0].tolist()] == words
