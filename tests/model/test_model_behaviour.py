"""What a model must do whatever its figures: behaviour, not scores."""

import numpy as np
import pytest

from training.data import dataset
from training.evaluation import metrics


def held_out(data):
    return dataset.read(data, ["en"], range(20))


def test_it_beats_the_majority_by_far(model, data):
    rows = held_out(data)
    p = model.probabilities(rows.title, rows.text)
    figures = metrics.headline(rows.rating, model.decide(p), p)
    assert figures["accuracy"] > figures["majority"] + 0.15
    assert figures["macro_f1"] > 0.5
    assert figures["qwk"] > 0.7


@pytest.mark.parametrize(
    ("title", "text", "fewest", "most"),
    [
        ("excellent", "love it! highly recommend. best ever.", 5, 5),
        ("terrible", "it broke! waste of money. worst ever.", 1, 1),
        ("perfect", "i use the camera every day. amazing.", 5, 5),
        ("awful", "do not buy! refund.", 1, 1),
        ("okay", "average! mixed feelings.", 2, 4),
    ],
)
def test_the_plainest_reviews_are_understood(stars, title, text, fewest, most):
    assert fewest <= stars(title, text) <= most


@pytest.mark.parametrize("word", ["terrible", "awful", "waste of money", "not good"])
def test_a_bad_word_lowers_what_is_expected(model, word):
    texts = ["the cable came in a box. it is fine but", f"the cable came in a box. {word}"]
    better, worse = model.probabilities(["a cable", "a cable"], texts) @ np.arange(1, 6)
    assert worse < better - 0.2


def test_not_turns_good_around(model):
    p = model.probabilities(["", ""], ["it is good.", "it is not good."]) @ np.arange(1, 6)
    assert p[1] < p[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("i love it, it’s perfect", "i love it, it's perfect"),
        ("excellent  –  love it", "excellent - love it"),
        ("the camera was perfect.", "the keyboard was perfect."),
        ("my brother has the same bag. amazing.", "my brother has the same bag. AMAZING."),
    ],
)
def test_what_means_the_same_gets_the_same_stars(stars, one, other):
    assert stars("", one) == stars("", other)


def test_neighbours_in_a_batch_change_nothing(model, data):
    rows = held_out(data)
    forward = model.probabilities(rows.title, rows.text)
    backward = model.probabilities(rows.title[::-1], rows.text[::-1])[::-1]
    assert np.abs(forward - backward).max() < 1e-12


def test_each_explanation_sums_to_the_logit_and_names_the_words(model, data):
    rows = held_out(data)
    p = model.probabilities(rows.title[:40], rows.text[:40])
    centred = np.log(p) - np.log(p).mean(axis=1, keepdims=True)  # logits have mean 0
    for i in range(40):
        star = int(rows.rating[i])
        parts = model.explain(rows.title[i], rows.text[i], star)
        assert sum(c.contribution for c in parts) == pytest.approx(centred[i, star - 1], abs=1e-6)
    strongest = model.explain("", "the bag came in a box. terrible!", 1)[:4]
    assert any("terrible" in c.words for c in strongest)


def test_a_language_it_never_learned_is_not_supported(model):
    seen = model.observe(
        ["", "", ""], ["gut", "good", "?"], languages=["de", "en", "und"], markup=[False] * 3
    ).observations
    assert seen.supported.tolist() == [False, True, True]
    assert seen.oov_share[0] == 1.0


@pytest.mark.parametrize(
    ("title", "text"),
    [("", "asdf qwer"), ("zzz", "xyzzy plugh!!!"), ("", "jkl " * 200), ("", "?!")],
)
def test_where_no_word_is_known_the_answer_is_the_base_rate(model, title, text):
    judged = model.observe([title], [text], languages=["und"], markup=[False])
    by_star = np.array(model.version_info["rows"]["training_by_star"])
    assert judged.known_words.tolist() == [0]
    assert judged.probabilities[0] == pytest.approx(by_star / by_star.sum())
    assert model.probabilities([title], [text])[0] == pytest.approx(judged.probabilities[0])


@pytest.mark.parametrize(
    ("title", "text", "known"),
    [
        ("", "love it asdf", 2),
        ("excellent", "asdf", 1),
        ("excellent", "love it!!! love it.", 5),
        ("", "the camera came in a box.", 6),
    ],
)
def test_known_words_are_counted_in_title_and_text(model, title, text, known):
    judged = model.observe([title], [text], languages=["en"], markup=[False])
    assert judged.known_words.tolist() == [known]
