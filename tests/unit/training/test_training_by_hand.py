"""A model in a person's hands: three lines of docs/model.md, and what they refuse."""

import re
import tarfile
from pathlib import Path

import pytest

from reviews.errors import RequestError
from training.model import StarModel
from training.model.answer import Rating, RawReview
from training.serving import serve

ROOT = Path(__file__).resolve().parents[3]


def test_the_three_lines_of_the_readme_run(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"```python\n(from training\.model .*?)```", page(), re.DOTALL)
    monkeypatch.chdir(model_folder.parent)  # where it is called `model`
    names: dict[str, object] = {}
    exec(block, names)
    rating = names["rating"]
    assert isinstance(rating, Rating)
    assert rating.explanation
    assert len([line for line in block.splitlines() if line]) == 3


def page() -> str:
    return (ROOT / "docs/model.md").read_text(encoding="utf-8")


def test_it_answers_as_the_endpoint_does(model_folder: Path) -> None:
    by_hand = StarModel.load(str(model_folder))
    asked = [RawReview("It is <b>good</b>.", "not bad"), RawReview("very bad")]
    served = serve.answer(StarModel.load(model_folder), serve.InvocationRequest(asked, True))
    raw = [{"title": "not bad", "text": "It is <b>good</b>.", "rating": 5.0}, "very bad"]
    assert by_hand.rate(raw, explain=True) == served.ratings
    alone = by_hand.rate("very bad", explain=True)
    assert alone.probabilities == pytest.approx(served.ratings[1].probabilities, abs=1e-12)
    assert alone.explanation
    assert by_hand.rate([]) == []


def test_a_packed_model_is_read_as_a_folder_is(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "packed").mkdir()
    with tarfile.open(tmp_path / "packed" / "model.tar.gz", "w:gz") as archive:
        archive.add(model_folder, ".")
    packed = StarModel.load(tmp_path / "packed")
    assert packed.rate("it is good") == StarModel.load(model_folder).rate("it is good")


@pytest.mark.parametrize(
    ("review", "pointer"),
    [
        ("&nbsp;", "/reviews/1/text"),
        ({"title": "good"}, "/reviews/1"),
        ({"text": 5}, "/reviews/1"),
        ({"text": "good", "verified_purchase": "secret"}, "/reviews/1"),
        (7, "/reviews/1"),
    ],
)
def test_what_is_no_review_is_refused_with_its_place(
    model: StarModel, review: object, pointer: str
) -> None:
    with pytest.raises(RequestError) as refused:
        model.rate(["good", review])  # type: ignore[list-item]
    assert refused.value.pointer == pointer
    assert "secret" not in str(refused.value)
