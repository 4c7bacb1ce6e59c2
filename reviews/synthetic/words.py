"""One made-up review's words."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import TypeVar

from reviews.synthetic import phrases

Item = TypeVar("Item")

# How likely customers of 1 to 5 stars are of each mood. Neighbours overlap as they do in life:
# who knew the mood for sure would still guess only three stars in four.
MOODS = (
    (0.82, 0.13, 0.03, 0.01, 0.01),
    (0.28, 0.50, 0.17, 0.04, 0.01),
    (0.06, 0.18, 0.52, 0.19, 0.05),
    (0.01, 0.03, 0.13, 0.56, 0.27),
    (0.01, 0.01, 0.02, 0.12, 0.84),
)
# Of those who write a few words alone: who says "love it" means it.
SHORT_MOODS = (
    (0.92, 0.07, 0.01, 0.0, 0.0),
    (0.24, 0.66, 0.09, 0.01, 0.0),
    (0.01, 0.12, 0.78, 0.08, 0.01),
    (0.0, 0.01, 0.05, 0.80, 0.14),
    (0.0, 0.0, 0.01, 0.08, 0.91),
)
# Words of a text at these shares of all texts; between them, straight lines. Three texts in ten
# have 15 words or fewer, as in files of 2018 and later (older ones have next to none).
LENGTHS = (
    (0.0, 1), (0.08, 3), (0.16, 6), (0.3, 15), (0.4, 34), (0.5, 62), (0.75, 142), (0.9, 290),
    (0.95, 430), (0.99, 1000), (1.0, 2000),
)  # fmt: skip
SPANISH_SHARE = 0.012
BREAK_SHARE = 0.3  # of which a quarter has one sentence and none to break
ENTITY_SHARE = 0.05
EMOJI_SHARE = 0.012
CURLY_SHARE = 0.1
CAPITALS_SHARE = 0.02
LOWER_SHARE = 0.06
UNTITLED_SHARE = 0.25  # of texts of a few words: clients of the API send them without a title
SHORT_WORDS = 15  # a text of no more is an opinion, and may be one word
EDGE_OWN_SHARE, MIDDLE_OWN_SHARE = 0.78, 0.5  # of sentences: title, first and last say it best
END_WORDS = 12  # where so few are left, a longer text comes to what its writer thinks
CURLY = "\N{RIGHT SINGLE QUOTATION MARK}"
THINGS = tuple(phrases.THINGS)


class Dice:
    """Chance from `random()` alone, whose numbers Python promises to keep for a seed."""

    def __init__(self, seed: int) -> None:
        self.roll = Random(seed).random  # uniform in [0, 1)

    def below(self, n: int) -> int:
        """0 to n - 1, each as likely."""
        return int(self.roll() * n)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of some, each as likely."""
        return items[int(self.roll() * len(items))]

    def by_share(self, shares: Sequence[float]) -> int:
        """A place in `shares`, as likely as its share."""
        rest = self.roll()
        for place, share in enumerate(shares):
            rest -= share
            if rest < 0:
                return place
        return len(shares) - 1


def write_words(dice: Dice, stars: int) -> tuple[str, str]:
    """A title and a text of a customer who gives so many stars."""
    length = _length(dice)
    moods = SHORT_MOODS if length <= SHORT_WORDS else MOODS
    mood = dice.by_share(moods[stars - 1])
    thing = dice.pick(THINGS)
    if dice.roll() < SPANISH_SHARE:
        title, sentences = _spanish(dice, mood)
    elif length <= SHORT_WORDS:
        title, sentences = _short_title(dice, mood, thing), _short(dice, mood, thing, length)
    else:
        title, sentences = _title(dice, mood, thing), _text(dice, mood, thing, length)
    if dice.roll() < EMOJI_SHARE:
        sentences.append(dice.pick(phrases.EMOJI[mood]))
    return _styled(dice, title, _joined(dice, sentences))


def _title(dice: Dice, mood: int, thing: str) -> str:
    pools = phrases.TITLES
    pool = (
        phrases.NEUTRAL_TITLES if dice.roll() < 0.3 else pools[_drifted(dice, mood, EDGE_OWN_SHARE)]
    )
    title = _filled(dice, dice.pick(pool), mood, thing)
    return title[0].upper() + title[1:]


def _short_title(dice: Dice, mood: int, thing: str) -> str:
    """Often none, or what the text says, or nothing that says anything."""
    if dice.roll() < UNTITLED_SHARE:
        return ""
    roll = dice.roll()
    pool = phrases.NEUTRAL_TITLES if roll < 0.4 else phrases.TITLES[mood]
    if roll > 0.7:
        pool = phrases.SHORTS[mood]
    return _filled(dice, dice.pick(pool), mood, thing)


def _short(dice: Dice, mood: int, thing: str, words: float) -> list[str]:
    """An opinion and hardly a story: every sentence speaks of the review's own mood."""
    sentences: list[str] = []
    left = words
    while left > 0:
        if sentences and dice.roll() < 0.2:
            sentence = _filled(dice, dice.pick(phrases.STORIES), mood, thing)
        else:
            sentence = _opinion(dice, mood, thing)
        sentences.append(sentence)
        left -= len(sentence.split())
    return sentences


def _text(dice: Dice, mood: int, thing: str, words: float) -> list[str]:
    """Sentences until there are enough words. First and last ones say what one thinks."""
    sentences = [_sentence(dice, mood, thing, 0.5, EDGE_OWN_SHARE)]
    left = words - len(sentences[0].split())
    while left > 0:
        if left < END_WORDS:
            sentence = _sentence(dice, mood, thing, 0.65, EDGE_OWN_SHARE)
        else:
            sentence = _sentence(dice, mood, thing, 0.25, MIDDLE_OWN_SHARE)
        sentences.append(sentence)
        left -= len(sentence.split())
    return sentences


def _sentence(dice: Dice, mood: int, thing: str, opinion_share: float, own_share: float) -> str:
    if dice.roll() >= opinion_share:
        return _filled(dice, dice.pick(phrases.STORIES), mood, thing)
    mood = _drifted(dice, mood, own_share)
    roll = dice.roll()
    if roll < 0.2:
        return _opinion(dice, mood, thing)
    pool = phrases.SPOKEN_OF if roll < 0.6 else phrases.SAYINGS[mood]
    return _filled(dice, dice.pick(pool), mood, thing)


def _opinion(dice: Dice, mood: int, thing: str) -> str:
    """A few words, with or without a capital and a full stop."""
    roll = dice.roll()
    if roll < 0.2:
        return dice.pick(phrases.ADJECTIVES[mood])
    pool = phrases.SHORT_OF if roll < 0.6 else phrases.SHORTS[mood]
    return _filled(dice, dice.pick(pool), mood, thing)


def _drifted(dice: Dice, mood: int, own_share: float) -> int:
    """The mood of one sentence: the review's own at that share, else a neighbour's or any."""
    roll = dice.roll()
    if roll < own_share:
        return mood
    if roll < 0.9:
        return min(4, max(0, mood + (1 if dice.roll() < 0.5 else -1)))
    return dice.below(5)


def _filled(dice: Dice, template: str, mood: int, thing: str) -> str:
    if "{" not in template:
        return template
    sentence = template.format(
        thing=thing,
        part=dice.pick(phrases.THINGS[thing]),
        adj=dice.pick(phrases.ADJECTIVES[mood]),
        adv=dice.pick(phrases.ADVERBS),
        who=dice.pick(phrases.PEOPLE),
        verb=dice.pick(phrases.VERBS[mood]),
        good=dice.pick(phrases.GOOD),
        days=2 + dice.below(60),
    )
    # What was written small in the template stays small.
    return sentence if template[0].islower() else sentence[0].upper() + sentence[1:]


def _spanish(dice: Dice, mood: int) -> tuple[str, list[str]]:
    sentences = [dice.pick(phrases.SPANISH[_drifted(dice, mood, EDGE_OWN_SHARE)])]
    stories = [dice.pick(phrases.SPANISH_STORIES) for _ in range(dice.below(6))]
    sentences += [story.format(days=2 + dice.below(60)) for story in stories]
    sentences.append(dice.pick(phrases.SPANISH[mood]))
    return dice.pick(phrases.SPANISH_TITLES[mood]), sentences


def _length(dice: Dice) -> float:
    roll = dice.roll()
    for (low, least), (high, most) in pairwise(LENGTHS):
        if roll < high:
            return least + (roll - low) / (high - low) * (most - least)
    return LENGTHS[-1][1]


def _joined(dice: Dice, sentences: Sequence[str]) -> str:
    """Sentences as a paragraph, or as several in the markup of the site."""
    if dice.roll() >= BREAK_SHARE or len(sentences) < 2:
        return " ".join(sentences)
    every = 1 + dice.below(4)
    mark = "<br />" if dice.roll() < 0.4 else "<br /><br />"
    blocks = [" ".join(sentences[i : i + every]) for i in range(0, len(sentences), every)]
    return mark.join(blocks)


def _styled(dice: Dice, title: str, text: str) -> tuple[str, str]:
    """What keyboards and web pages do to words."""
    roll = dice.roll()
    if roll < CAPITALS_SHARE:
        title, text = title.upper(), text.upper().replace("<BR />", "<br />")
    elif roll < CAPITALS_SHARE + LOWER_SHARE:
        title, text = title.lower(), text.lower()
    roll = dice.roll()
    if roll < ENTITY_SHARE:
        text = text.replace("'", "&#39;").replace(" and ", " &amp; ")
        text = f"&#34;{title}&#34;&nbsp;- {text}"
    elif roll < ENTITY_SHARE + CURLY_SHARE:
        title, text = title.replace("'", CURLY), text.replace("'", CURLY)
    return title, text
