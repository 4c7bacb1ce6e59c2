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
# Words of a text at these shares of all texts; between them, straight lines.
LENGTHS = (
    (0.0, 1), (0.01, 4), (0.05, 14), (0.25, 34), (0.5, 66), (0.75, 142), (0.9, 290), (0.95, 430),
    (0.99, 1000), (1.0, 2000),
)  # fmt: skip
SPANISH_SHARE = 0.012
BREAK_SHARE = 0.245  # of which a tenth has one sentence and none to break
ENTITY_SHARE = 0.05
EMOJI_SHARE = 0.012
CURLY_SHARE = 0.1
CAPITALS_SHARE = 0.02
LOWER_SHARE = 0.06
SHORT_WORDS = 12  # a text of fewer is an opinion, and may be one word
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
    mood = dice.by_share(MOODS[stars - 1])
    thing = dice.pick(THINGS)
    is_spanish = dice.roll() < SPANISH_SHARE
    if is_spanish:
        title, sentences = _spanish(dice, mood)
    else:
        title, sentences = _title(dice, mood, thing), _text(dice, mood, thing)
    if dice.roll() < EMOJI_SHARE:
        sentences.append(dice.pick(phrases.EMOJI[mood]))
    return _styled(dice, title, _joined(dice, sentences))


def _title(dice: Dice, mood: int, thing: str) -> str:
    pools = phrases.TITLES
    pool = phrases.NEUTRAL_TITLES if dice.roll() < 0.3 else pools[_drifted(dice, mood)]
    title = _filled(dice, dice.pick(pool), mood, thing)
    return title[0].upper() + title[1:]


def _text(dice: Dice, mood: int, thing: str) -> list[str]:
    """Sentences until there are enough words. First and last ones say what one thinks."""
    left = _length(dice)
    if left < SHORT_WORDS and dice.roll() < 0.3:
        return [dice.pick(phrases.ADJECTIVES[_drifted(dice, mood)])]
    sentences = [_sentence(dice, mood, thing, 0.5)]
    left -= len(sentences[0].split())
    while left > 0:
        sentence = _sentence(dice, mood, thing, 0.65 if left < SHORT_WORDS else 0.25)
        sentences.append(sentence)
        left -= len(sentence.split())
    return sentences


def _sentence(dice: Dice, mood: int, thing: str, opinion_share: float) -> str:
    if dice.roll() >= opinion_share:
        return _filled(dice, dice.pick(phrases.STORIES), mood, thing)
    mood = _drifted(dice, mood)
    pool = phrases.SPOKEN_OF if dice.roll() < 0.5 else phrases.SAYINGS[mood]
    return _filled(dice, dice.pick(pool), mood, thing)


def _drifted(dice: Dice, mood: int) -> int:
    """The mood of one sentence: mostly the review's own, else a neighbour's or any."""
    roll = dice.roll()
    if roll < 0.66:
        return mood
    if roll < 0.9:
        return min(4, max(0, mood + (1 if roll < 0.78 else -1)))
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
        days=2 + dice.below(60),
    )
    return sentence[0].upper() + sentence[1:]


def _spanish(dice: Dice, mood: int) -> tuple[str, list[str]]:
    sentences = [dice.pick(phrases.SPANISH[_drifted(dice, mood)])]
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
