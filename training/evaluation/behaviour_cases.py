"""Small tests of behaviour, made from templates: what a reader of English must not get wrong.

Kinds and names follow CheckList (Ribeiro et al., 2020). Cases name no product category's own words,
so that a model of any of them can be asked; floors and margins stand in `configs/model.yaml`.
"""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

LANGUAGE = "en"  # of every case


class Words(NamedTuple):
    """A review as `reviews.clean` leaves it."""

    title: str
    text: str


class Case(NamedTuple):
    """One question: a review within `stars`, or two that differ in one thing.

    direction: of expected stars from `before` to `review`: 1 up, -1 down, 0 the same.
    stars: fewest and most that may be decided, where there is no `before`.
    """

    review: Words
    before: Words | None = None
    direction: int = 0
    stars: tuple[int, int] = (1, 5)


class BehaviourTest(NamedTuple):
    """Cases of one kind of thing. asks: what holds where a case is passed."""

    asks: str
    cases: tuple[Case, ...]
    needs_titles: bool = False

    @property
    def moves(self) -> str:
        """What expected stars do from `before` to `review`: `direction`, `nowhere`; else ``."""
        if self.cases[0].before is None:
            return ""
        return "direction" if self.cases[0].direction else "nowhere"


THINGS = ("camera", "charger", "watch", "bag")
BRANDS = ("Sony", "Canon", "Philips", "Braun")
GOOD = ("great", "excellent", "very good")
BAD = ("terrible", "awful", "very bad")

# Each becomes its own negation: better words before, worse after.
NEGATED = (
    ("It works.", "It doesn't work."),
    ("It works well.", "It does not work well."),
    ("I like it.", "I don't like it."),
    ("I would recommend it.", "I would not recommend it."),
    ("It is good.", "It is not good."),
    ("It is very good.", "It isn't very good."),
    ("I am happy with it.", "I am not happy with it."),
    ("It is worth the money.", "It is not worth the money."),
    ("I will buy it again.", "I will never buy it again."),
    ("It does what it says.", "It does not do what it says."),
)
# … and here worse words before, better after.
NOT_BAD = (
    ("It is bad.", "It is not bad at all."),
    ("The quality is bad.", "The quality is not bad at all."),
    ("I have had problems with it.", "I have had no problems with it."),
    ("I have complaints.", "I have no complaints."),
    ("I was disappointed.", "I was not disappointed."),
    ("There were issues.", "There were no issues."),
    ("It is a waste of money.", "It is not a waste of money."),
    ("You will regret it.", "You will not regret it."),
)
PARTS = (("size", "quality"), ("design", "price"), ("color", "weight"), ("sound", "battery"))
INTENSIFIED = (
    ("It is good.", "It is very good.", 1),
    ("It is good.", "It is really good.", 1),
    ("I like it.", "I really like it.", 1),
    ("I am happy with it.", "I am extremely happy with it.", 1),
    ("I recommend it.", "I highly recommend it.", 1),
    ("It is bad.", "It is very bad.", -1),
    ("It is poor.", "It is extremely poor.", -1),
    ("I was disappointed.", "I was very disappointed.", -1),
    ("It is slow.", "It is way too slow.", -1),
)
# Of one to five stars, of ordinary length: what invariances are tried on.
REVIEWS = (
    Words(
        "Broke after a week",
        "I bought this {} in March. It stopped working after one week and the seller did not "
        "answer. A complete waste of money, I want a refund.",
    ),
    Words(
        "Not what I expected",
        "The {} looks cheap and feels flimsy. It works sometimes, but most of the time it does "
        "not. I was disappointed and will return it.",
    ),
    Words(
        "It is okay",
        "The {} is average. It does the job, but it is nothing special and there are better ones "
        "for the price. It is okay for occasional use.",
    ),
    Words(
        "Good for the price",
        "This {} works well and looks nice. The instructions could be better and it took a while "
        "to set up, but overall I am happy with it.",
    ),
    Words(
        "Love it",
        "I love this {}. It works perfectly, it is easy to use and it arrived on time. Excellent "
        "quality, I highly recommend it to everyone.",
    ),
)
TAIL = (
    " I use it at home and at work. It came in a box with a cable and a small booklet, and it took "
    "three days to arrive. My brother has the same one in another color."
)
TYPOS = (
    ("working", "wroking"), ("complete", "compelte"), ("sometimes", "somtimes"),
    ("disappointed", "dissapointed"), ("average", "avarage"), ("special", "speical"),
    ("instructions", "intsructions"), ("overall", "overal"), ("perfectly", "perfectley"),
    ("quality", "qualty"),
)  # fmt: skip
STAR_WORDS = {
    (4, 5): ("5 stars", "Five stars", "5 out of 5 stars", "I give it 5 stars", "five star product"),
    (1, 2): ("1 star", "One star", "1 out of 5 stars", "I give it 1 star", "zero stars if I could"),
    (2, 4): ("3 stars", "Three stars", "3 out of 5 stars", "I give it 3 stars"),
}
SARCASM = (
    "Great, another {} that dies after a week. Thanks a lot.",
    "Wonderful if you enjoy returning things.",
    "I love it when a {} falls apart on the first day.",
    "Perfect paperweight. As a {} it is useless.",
    "Five stars for the box, it is the only thing that works.",
    "What a great way to waste money.",
)


@cache
def all_tests() -> dict[str, BehaviourTest]:
    """Every test by its name."""
    made = {
        "plain_words": ("plain praise has 4 or 5 stars, plain blame 1 or 2", _plain_words()),
        "negation": ("“works” falls when it becomes “does not work”", _changed(NEGATED, -1)),
        "not_bad": ("“bad” rises when it becomes “not bad at all”", _changed(NOT_BAD, 1)),
        "but_clauses": ("what comes after “but” weighs more than what comes before", _but()),
        "intensifiers": ("“very” makes good better and bad worse", _intensifiers()),
        "title_against_text": (
            "a bad title lowers a good text, and a bad text a good title",
            _mixed(),
        ),
        "star_words": ("“5 stars”, “1 star” in title or text are read", _star_words()),
        "emoticons": ("“:(” lowers and “:)” raises", _signs(":(", ":)")),
        "emoji": ("angry faces lower and happy ones raise", _signs("😡", "😍")),
        "typos": ("a misspelt word changes little", _typos()),
        "capitals": ("capitals change little", _capitals()),
        "truncation": ("without its last, neutral sentences a review is read alike", _truncated()),
        "brands": ("another brand changes little", _brands()),
        "numbers": ("another year or amount changes little", _numbers()),
        "sarcasm": ("praise that is meant as blame has 1 or 2 stars", _sarcasm()),
    }
    return {
        name: BehaviourTest(asks, tuple(cases), name in ("title_against_text", "star_words"))
        for name, (asks, cases) in made.items()
    }


def _told(sentence: str, thing: str) -> Iterator[Words]:
    """A sentence alone, and after a neutral one."""
    title = f"My {thing}"
    yield Words(title, sentence)
    yield Words(title, f"I bought this {thing} last month. {sentence}")


def _plain_words() -> Iterator[Case]:
    for thing, (words, stars) in product(THINGS, ((GOOD, (4, 5)), (BAD, (1, 2)))):
        for word in words:
            yield Case(Words(f"My {thing}", f"This {thing} is {word}."), stars=stars)
    for thing in THINGS:
        loved = Words(f"My {thing}", f"I love this {thing}. It works perfectly.")
        broken = Words(f"My {thing}", f"This {thing} broke after two days. I want my money back.")
        yield Case(loved, stars=(4, 5))
        yield Case(broken, stars=(1, 2))


def _changed(pairs: tuple[tuple[str, str], ...], direction: int) -> Iterator[Case]:
    for thing, (before, after) in product(THINGS[:2], pairs):
        for one, other in zip(_told(before, thing), _told(after, thing), strict=True):
            yield Case(other, one, direction)


def _but() -> Iterator[Case]:
    for (one, other), good, bad in product(PARTS, GOOD[:2], BAD[:2]):
        worse = Words("My opinion", f"The {one} is {good}, but the {other} is {bad}.")
        better = Words("My opinion", f"The {one} is {bad}, but the {other} is {good}.")
        yield Case(better, worse, 1)


def _intensifiers() -> Iterator[Case]:
    for thing, (before, after, direction) in product(THINGS[:2], INTENSIFIED):
        for one, other in zip(_told(before, thing), _told(after, thing), strict=True):
            yield Case(other, one, direction)


def _mixed() -> Iterator[Case]:
    good = (REVIEWS[4], REVIEWS[3])
    bad = (REVIEWS[0], REVIEWS[1])
    for thing, praise, blame in product(THINGS, good, bad):
        text = praise.text.format(thing)
        yield Case(Words(blame.title, text), Words(praise.title, text), -1)
        yield Case(Words(praise.title, blame.text.format(thing)), Words(praise.title, text), -1)


def _star_words() -> Iterator[Case]:
    for stars, sayings in STAR_WORDS.items():
        for saying, thing in product(sayings, THINGS[:2]):
            yield Case(Words(f"My {thing}", f"{saying}."), stars=stars)
            yield Case(Words(saying, f"I bought this {thing} last month."), stars=stars)


def _signs(bad: str, good: str) -> Iterator[Case]:
    sayings = (
        "It arrived today",
        "This is my second one",
        "I bought it last month",
        "We use it daily",
    )
    for saying, thing in product(sayings, THINGS):
        plain = Words(f"My {thing}", f"{saying}.")
        for sign, direction in ((bad, -1), (good, 1)):
            yield Case(Words(f"My {thing}", f"{saying}. {sign}"), plain, direction)


def _reviews() -> Iterator[Words]:
    for thing, review in product(THINGS, REVIEWS):
        yield Words(review.title, review.text.format(thing))


def _typos() -> Iterator[Case]:
    for review, (right, wrong) in product(_reviews(), TYPOS):
        if right in review.text:
            yield Case(Words(review.title, review.text.replace(right, wrong)), review)


def _capitals() -> Iterator[Case]:
    for review in _reviews():
        yield Case(Words(review.title.upper(), review.text.upper()), review)
        yield Case(Words(review.title.lower(), review.text.lower()), review)


def _truncated() -> Iterator[Case]:
    for review in _reviews():
        yield Case(review, Words(review.title, review.text + TAIL))


def _brands() -> Iterator[Case]:
    for review, brand in product(_reviews(), BRANDS[1:]):
        one, other = (
            Words(review.title, f"My first one was from {name}. {review.text}")
            for name in (BRANDS[0], brand)
        )
        yield Case(other, one)


def _numbers() -> Iterator[Case]:
    forms = (("I paid {} dollars.", (20, 35, 60)), ("I have had it since {}.", (2012, 2015, 2019)))
    for review, (form, values) in product(_reviews(), forms):
        first, *others = (
            Words(review.title, f"{form.format(value)} {review.text}") for value in values
        )
        yield from (Case(other, first) for other in others)


def _sarcasm() -> Iterator[Case]:
    for saying, thing in product(SARCASM, THINGS):
        yield Case(Words(f"My {thing}", saying.format(thing)), stars=(1, 2))
