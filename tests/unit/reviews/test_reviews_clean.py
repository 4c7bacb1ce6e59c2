import time
import unicodedata

import pytest

from reviews.clean import NUMBERS, clean, is_empty


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("Great!  It's\tgood :-) 😀", "Great! It's good :-) 😀"),
        ("one<br />two", "one two"),
        ("A &amp; B", "A & B"),
        ("1&frac12; cups &#x26; 5 &euro;", "1½ cups & 5 €"),
        ("12&amp;#34; screen", '12" screen'),
        ("see https://example.com/x?y now", "see now"),
        ("see HTTP://EXAMPLE.COM and WWW.example.com now", "see and now"),
        ("[[VIDEOID:abc123]] nice", "nice"),
        ("like [[ASIN:B000X this one]]!", "like !"),
        ("ｆｕｌｌ width", "full width"),
        ("これは　良い", "これは 良い"),
        ("a < b and b > c", "a < b and b > c"),
        ("zero\u200bwidth \u202eleft", "zero\u200bwidth \u202eleft"),
        ("&#" + "9" * 5_000 + ";", "\ufffd"),
        ("<" + "b" * 401 + ">", "<" + "b" * 401 + ">"),
        ("   \n ", ""),
        ("<br/>", ""),
    ],
)
def test_words_are_cleaned(raw, cleaned):
    assert clean(None, raw).text == cleaned


@pytest.mark.parametrize(
    "words",
    [
        "I <3 this lamp! Brightness is > 800 lumens",
        "Battery <1h, junk. The old one last >5h",
        "paid <$20, worth >$50",
        "<g> <grin> <not set> <sarcasm>",
        "weighs <b and so on> less",
        "x<y and y>z",
        "mail <me@example.com> now",
        "<> <-- --> <!-- no end",
        "rock&region, R&D, sound&parameters, fish&chips;, a &copy b, &notit;",
        "&lt3 &amp &#39 &#; &;",
    ],
)
def test_words_between_angles_are_no_markup(words):
    cleaned = clean(words, words)
    assert (cleaned.title, cleaned.text, cleaned.markup) == (words, words, False)


@pytest.mark.parametrize(
    "markup",
    [
        "<br />", "<br>", "<BR/>", "<Br / >", "</p>", "</ a >", "<b>", "<h2>", "<hr noshade>",
        '<a href="https://a.example/x?y=1" target=_blank>', "<p\nalign='left'>", "<br \\>",
        '<img\tsrc="x.jpg" />', "<input disabled checked>", "<video controls src=x.mp4>",
        "<!-- a <b>comment</b> > -->", "<!--\nfunction f() { return 1 > 0 }\n-->",
        "<!DOCTYPE html>", "<![CDATA[ x < y ]]>", "<o:p>", "</o:p>",
        "<?xml:namespace prefix = o />",
        "<!--[if gte mso 9]>x<![endif]-->", "&lt;br /&gt;", "&amp;lt;i&amp;gt;",
    ],
)  # fmt: skip
def test_what_html_knows_is_markup(markup):
    cleaned = clean(None, f"one{markup}two")
    assert (cleaned.text, cleaned.markup) == ("one two", True)


@pytest.mark.parametrize(
    "words",
    ["2½ stars", "10² m", "x³", "①②③", "10⁻³", "H₂O", "30㎡", "5⒈", "㏠", "⅓ cup", "🄀5"],
)
def test_normalising_leaves_numbers_as_they_are(words):
    assert clean(words, words).text == clean(words, words).title == words


def test_around_a_number_the_rest_is_normalised():
    assert clean(None, "ｆｕｌｌ ２½ ﬁne… １０²").text == "full 2½ fine... 10²"


def test_every_character_that_would_become_a_digit_is_a_number():
    def is_number(character):
        if unicodedata.category(character) == "Nd":
            return False
        normal = unicodedata.normalize("NFKC", character)
        script = unicodedata.decomposition(character).startswith(("<super>", "<sub>"))
        return normal != character and (
            any(map(str.isdecimal, normal)) or (script and normal in "+\u2212=()")
        )

    # between the planes of scripts and that of tags nothing is assigned, above them it is private
    every = map(chr, [*range(0x40000), *range(0xE0000, 0xF0000)])
    assert [c for c in every if is_number(c) != bool(NUMBERS.search(c))] == []


@pytest.mark.parametrize(
    "words",
    [
        "",
        " ",
        "\n\t",
        "\xa0",
        "\u200b\u200d",
        "\ufeff",
        "\xad",
        "\u2800",
        "\u3164",
        "\ufe0f",
        "\0",
        "\ufffd",
    ],
)
def test_nothing_is_left_to_judge_of_what_nobody_sees(words):
    assert is_empty(clean(None, words).text)


@pytest.mark.parametrize("words", ["a", "5", "!", "...", "👍", "好", ":)", "<3", "\u200bgood", "½"])
def test_a_sign_is_something_to_judge(words):
    assert not is_empty(clean(None, words).text)


def test_title_and_text_are_cleaned_apart_and_joined_for_the_language():
    words = clean("<b>Great", "buy</b> at www.example.com")
    assert (words.title, words.text) == ("Great", "buy at")
    assert words.sample == " Great buy  at www.example.com"
    assert words.markup


def test_a_missing_title_is_an_empty_one():
    words = clean(None, "fine")
    assert (words.title, words.sample, words.markup) == ("", " fine", False)


def test_the_language_is_told_by_the_first_200_characters():
    assert clean("t" * 10, "x" * 500).sample == "t" * 10 + " " + "x" * 189


BOMBS = [
    "<", "&", "<b", "[[ASIN", "[[VIDEOID:", "h", "www", "<a ", "<a href", "<a href=", "</", "<!--",
    "<![CDATA[", "<!doctype ", "<b hidden ", "<a   ",
]  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_of_beginnings_takes_no_time(bomb):
    start = time.process_time()
    assert clean(None, bomb * 30_000).text == " ".join((bomb * 30_000).split())
    assert time.process_time() - start < 1  # with the square of its length it takes minutes


def test_a_tag_that_is_mostly_blanks_takes_no_time():
    start = time.process_time()
    assert clean(None, "<a" + " " * 1_000_000).text == "<a"
    assert time.process_time() - start < 2
