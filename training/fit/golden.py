"""Questions with known answers: asked through the API after every release."""

from pathlib import Path

import msgspec

from reviews.clean import clean
from reviews.golden import GoldenLine
from reviews.language import detect
from reviews.limits import MAX_TEXT_CHARACTERS, MAX_TITLE_CHARACTERS
from reviews.verified import NO, NOT_SAID, VALUES, YES
from training.data.dataset import Rows
from training.model.star_model import StarModel

IN_TURN = (YES, NO, NOT_SAID)


def write_golden(path: Path, model: StarModel, rows: Rows, count: int) -> int:
    """Write hold-out rows with the model's answers, one JSON line each; returns how many.

    Only rows that cleaning leaves as they are, so that the API scores exactly this text. Whether
    the purchase was verified is set in turn, so that every value is asked, also one that is rare.
    """
    places: list[int] = []
    for i in range(len(rows)):
        if len(places) == count:
            break
        if _is_fit(rows.title[i], rows.text[i], model):
            places.append(i)
    chosen = rows.take(places)
    said = [IN_TURN[i % len(IN_TURN)] for i in range(len(chosen))]
    probabilities = model.probabilities(chosen.title, chosen.text, said)
    stars = model.decide(probabilities)
    with path.open("wb") as file:
        for i in range(len(chosen)):
            line = GoldenLine(
                title=chosen.title[i],
                text=chosen.text[i],
                verified_purchase=VALUES[said[i]],
                stars=int(stars[i]),
                probabilities=probabilities[i].tolist(),
            )
            file.write(msgspec.json.encode(line) + b"\n")
    return len(places)


def _is_fit(title: str, text: str, model: StarModel) -> bool:
    if len(title) > MAX_TITLE_CHARACTERS or len(text) > MAX_TEXT_CHARACTERS:
        return False
    cleaned = clean(title, text)
    unchanged = (cleaned.title, cleaned.text, cleaned.markup) == (title, text, False)
    return unchanged and model.supports(detect(cleaned.sample, model.detector)[0], title, text)
