"""One model, asked in five ways, gives one answer: pyfunc, predict, serve, the API, by hand."""

import json
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from lambdas.ratings import rating
from lambdas.ratings.request import check_words, parse_question
from reviews.clean import clean
from reviews.errors import RequestError
from training.model.answer import RawReview
from training.model.star_model import StarModel
from training.progress import TrainingProgress
from training.serving import serve
from training.serving.predict import predict
from training.tracking.pyfunc import PyfuncModel, _load_pyfunc
from training.tracking.track import _save_model

PACKAGE = "arn:aws:sagemaker:us-east-1:111122223333:model-package/g/7"  # as its stack tells it
RAW = [
    ("<b>good</b>", "<b>Great</b> &amp; cheap<br/>it is good"),
    ("good &amp;#34;bad&amp;#34;", "very bad &lt;br /&gt; not good"),
    (None, "it is good http://example.org/bad?not=good !"),
    ("", "[[VIDEOID:abc]] not good"),
    ("ｇｏｏｄ", "ｉｔ ｉｓ ｂａｄ"),  # full width: NFKC
    ("  good\t\n", " it   is\u00a0bad\r\n "),
    ("don&#39;t", "don&rsquo;t <3 it is < 5 stars"),
    ("5 stars", "2½ and 10² is bad 👍"),
    ("bad", "das ist nicht gut und ich bin sehr traurig"),
    (None, "好い 商品 です"),
    ("", "Muy bueno"),
    (None, "good"),
    ("IS BAD", "GOOD!!! ... NOT GOOD???"),
    ("x" * 300, "good " * 900),
    ("good", "<!-- bad --> it is <a href='bad'>good</a> very bad"),
]
BLANK = [("good", "<br>"), ("good", " \u200b\n"), (None, "&nbsp;"), ("good", "http://example.org")]
FIELDS = ("stars", "language", "supported")


def by_pyfunc(model: PyfuncModel, reviews: list[tuple[str | None, str]]) -> list[dict[str, Any]]:
    answers = model.predict(pd.DataFrame(reviews, columns=["title", "text"])).to_dict("records")
    shares = [f"stars_{k}" for k in range(1, 6)]
    return [row | {"probabilities": [row[name] for name in shares]} for row in answers]


def by_predict(
    folder: Path, place: Path, reviews: list[tuple[str | None, str]]
) -> list[dict[str, Any]]:
    source, out = place / "in.jsonl", place / "out.jsonl"
    lines = [json.dumps({"title": title, "text": text}) for title, text in reviews]
    source.write_text("\n".join(lines))
    predict(folder, source, out, progress=TrainingProgress(quiet=True))
    return [json.loads(line) for line in out.read_text().splitlines()]


def by_api(model: StarModel, reviews: list[tuple[str | None, str]]) -> list[dict[str, Any]]:
    """As the API does: its parser, the endpoint's own code, its answer."""
    body = {
        "reviews": [{"title": title, "text": text} for title, text in reviews],
        "allow_unsupported": True,
    }
    question = parse_question(json.dumps(body).encode())
    answer = serve.answer(model, serve.parse(rating.to_endpoint(question)))
    from_package = msgspec.structs.replace(answer, model_version=PACKAGE)
    found = rating.from_endpoint(msgspec.json.encode(from_package), question)
    ratings: list[dict[str, Any]] = rating.to_caller(question, found, "r")["ratings"]
    return ratings


def test_every_way_answers_raw_words_alike(model: StarModel, model_folder: Path, tmp_path: Path):
    ways = (
        by_pyfunc(_load_pyfunc(str(model_folder)), RAW),
        by_predict(model_folder, tmp_path, RAW),
        by_api(model, RAW),
    )
    for (title, text), *answers in zip(RAW, *ways, strict=True):
        cleaned = clean(title, text)
        p = model.probabilities([cleaned.title], [cleaned.text])[0]
        for answer in answers:
            assert answer["probabilities"] == pytest.approx(p.tolist(), abs=1e-12)
            assert answer["stars"] == model.decide([p])[0]
            assert {n: answer[n] for n in FIELDS} == {n: answers[0][n] for n in FIELDS}
    assert {answer["language"] for answer in ways[0]} > {"en", "de", "und"}


def test_a_few_words_of_another_language_get_no_stars_from_the_api(model: StarModel):
    foreign, known = by_api(model, [("", "Muy bueno"), ("", "good")])
    assert (foreign["language"], foreign["supported"]) == ("und", False)
    assert (known["language"], known["supported"]) == ("und", True)


def test_no_way_judges_what_holds_no_words(model: StarModel, model_folder: Path, tmp_path: Path):
    mixed = [RAW[0], *BLANK, RAW[1]]
    found = by_pyfunc(_load_pyfunc(str(model_folder)), mixed)
    predicted = by_predict(model_folder, tmp_path, mixed)
    reasons = ["", *["no_text"] * len(BLANK), ""]
    assert [row["reason"] for row in found] == [row["reason"] for row in predicted] == reasons
    assert [pd.isna(row["stars"]) for row in found] == [bool(reason) for reason in reasons]
    for title, text in BLANK:
        question = serve.InvocationRequest([RawReview("good"), RawReview(text, title)])
        with pytest.raises(RequestError) as refused:
            serve.answer(model, question)
        assert refused.value.pointer == "/reviews/1/text"
        batch = {"reviews": [{"text": "good"}, {"title": title, "text": text}]}
        for body, pointer in ((batch, "/reviews/1/text"), (batch["reviews"][1], "/text")):
            with pytest.raises(RequestError) as refused:
                check_words(parse_question(json.dumps(body).encode()))
            assert refused.value.pointer == pointer


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.slow
def test_mlflow_itself_loads_it_and_asks_for_no_title(model_folder: Path, tmp_path: Path):
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    _save_model(model_folder, tmp_path / "saved")
    loaded = pyfunc.load_model(str(tmp_path / "saved"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = loaded.predict(pd.DataFrame(RAW, columns=["title", "text"]))
        bare = loaded.predict(pd.DataFrame({"text": ["not good"]}))
    ours = _load_pyfunc(str(model_folder)).predict(pd.DataFrame(RAW, columns=["title", "text"]))
    pd.testing.assert_frame_equal(whole, ours)
    assert loaded.metadata.get_output_schema().input_names() == list(whole.columns)
    assert bare["stars"].notna().all()
