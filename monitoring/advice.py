"""What a person needs to know of each test: what it watches, why it alarms, what to do then."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """What a person needs to know of one test. causes: what has been seen to make it alarm."""

    title: str
    watches: str
    causes: str
    action: str


ADVICE: Mapping[str, Advice] = {
    "stars": Advice(
        "Predicted stars",
        "how often each star is predicted",
        "a product that fails or shines, a burst of bought reviews, or another catalogue",
        "Read the reviews of the star that moved most. If they are real, nothing is broken: the "
        "world changed. If one client or product makes them, look there first.",
    ),
    "topics": Advice(
        "Topics",
        "what the reviews speak of, as 50 coordinates of their words",
        "a new product category, another text cleaning in front of the API, or text cut short",
        "Ask the clients whether they send a new category or changed how they prepare text. If "
        "the category is here to stay, bring labelled reviews of it and retrain.",
    ),
    "languages": Advice(
        "Other languages",
        "the share of reviews in a language that the model has not learned",
        "a new market, or a client that no longer filters; where it fell, one that filters now",
        "Those reviews are answered without stars (supported: false). Route them away, or add "
        "the language to the languages of configs/model.yaml with labelled reviews of it.",
    ),
    "unknown_words": Advice(
        "Unknown words",
        "the share of a review's words that the model never saw",
        "new products and names, another alphabet or cleaning, broken encoding",
        "Look at how clients encode and clean text. New vocabulary alone is cured by retraining "
        "on recent reviews.",
    ),
    "length": Advice(
        "Length",
        "how long the reviews are",
        "a client that cuts text or sends titles alone, or another kind of form",
        "Ask whether text is cut: at 20 words the model loses five points of accuracy.",
    ),
    "markup": Advice(
        "Markup",
        "the share of reviews whose raw words hold HTML tags or entities",
        "a client that sends pages instead of words, or escapes them twice",
        "Tags are removed before the model reads them; text escaped more than twice is not. Have "
        "the client send plain words.",
    ),
    "verified_purchase": Advice(
        "Verified purchases",
        "how often a review says that its purchase was verified, or was not, or says nothing",
        "a client that stopped sending the flag or sends it now, or another shop's reviews",
        "Ask the clients what they send: the model reads the flag, and answers without it as well "
        "as it can. Where the new shares stay, retrain on reviews that have them.",
    ),
}
