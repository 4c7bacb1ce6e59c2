"""What goes over the wire between ratings, endpoint and monitoring: each end by its own code."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lambdas.contract.live import CONTAINER_VERSION
from lambdas.ratings import observation_lines, rating
from lambdas.ratings.request import RatingsRequest, RequestedReview, parse_question
from lambdas.release import golden_set
from monitoring.observations import ModelObservation, Observation, read_records
from reviews.golden import read_golden
from tests.contract.structs import differences, field_names, renamed
from tests.unit.training.conftest import make_parts, write_model
from training.data.dataset import Rows
from training.fit.golden import write_golden
from training.model.answer import Explanation, ExplanationPart, Rating, RawReview
from training.model.star_model import StarModel
from training.serving import serve

OPENAPI = json.loads(Path("lambdas/ratings/openapi.json").read_text())["components"]["schemas"]
NOW = datetime(2026, 11, 28, 4, tzinfo=UTC)
PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/review-stars-local/7"
ASKED = RatingsRequest(
    reviews=(
        RequestedReview("it is <b>good</b> &amp; not bad", "very bad", True),
        RequestedReview("good", None, None),
        RequestedReview("das ist nicht gut und ich bin sehr traurig", "", False),
    ),
    explain=True,
    allow_unsupported=False,
    request_id="r-1",
    is_batch=True,
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> StarModel:
    folder = write_model(tmp_path_factory.mktemp("model"), make_parts())
    with pytest.MonkeyPatch.context() as container:
        container.setenv(CONTAINER_VERSION, PACKAGE)  # as the Endpoint stack tells it
        return StarModel.load(folder)


@pytest.fixture(scope="module")
def answered(model: StarModel) -> bytes:
    """The endpoint's own answer to the ratings function's own question."""
    return msgspec.json.encode(serve.answer(model, serve.parse(rating.to_endpoint(ASKED))))


def test_the_endpoint_reads_every_field_that_is_asked() -> None:
    asked = serve.parse(rating.to_endpoint(ASKED))
    assert msgspec.to_builtins(asked) == {
        "reviews": [msgspec.to_builtins(review) for review in ASKED.reviews],
        "explain": True,
    }
    assert set(msgspec.json.decode(rating.to_endpoint(ASKED))) == field_names(
        serve.InvocationRequest
    )
    assert differences(RawReview, RequestedReview) == []
    assert field_names(RawReview) == field_names(RequestedReview)


@pytest.mark.parametrize("field", sorted(field_names(RawReview)))
def test_a_field_of_the_question_renamed_on_one_side_would_be_found(field: str) -> None:
    assert differences(renamed(RawReview, field), RequestedReview) != []
    assert differences(RawReview, renamed(RequestedReview, field)) != []


def test_ratings_reads_every_field_that_the_endpoint_answers(answered: bytes) -> None:
    assert differences(rating.Answered, serve.Answer) == []
    assert field_names(rating.Answered) == field_names(serve.Answer)
    assert field_names(rating.Rated) == field_names(Rating)
    found = rating.from_endpoint(answered, ASKED)
    assert msgspec.json.decode(msgspec.json.encode(found)) == msgspec.json.decode(answered)


@pytest.mark.parametrize("field", sorted(field_names(Rating) - {"explanation"}))
def test_a_field_of_the_answer_renamed_by_the_endpoint_would_be_found(
    answered: bytes, field: str
) -> None:
    assert differences(rating.Rated, renamed(Rating, field)) == [f"$.{field} is not written"]
    other = answered.replace(f'"{field}":'.encode(), f'"other_{field}":'.encode())
    with pytest.raises(rating.ModelError):
        rating.from_endpoint(other, ASKED)


def test_a_caller_is_told_what_the_contract_says(answered: bytes) -> None:
    found = rating.from_endpoint(answered, ASKED)
    [first, *_] = msgspec.json.decode(msgspec.json.encode(rating.to_caller(ASKED, found, "r-1")))[
        "ratings"
    ]
    assert first["model_version"] == "7"
    assert set(first) - {"request_id", "model_version"} == set(OPENAPI["Rating"]["properties"])
    explanation = OPENAPI["Explanation"]["properties"]
    assert set(explanation) == field_names(Explanation)
    assert set(explanation["parts"]["items"]["properties"]) == field_names(ExplanationPart)
    assert set(first["explanation"]) == field_names(Explanation)


def test_monitoring_reads_every_field_that_is_kept_of_a_prediction(answered: bytes) -> None:
    lines = list(_observe(answered, with_text=False))
    for line, sent in zip(lines, msgspec.json.decode(answered)["ratings"], strict=True):
        kept = msgspec.json.decode(line)
        assert set(kept) == field_names(Observation)
        assert set(sent["observation"]) == field_names(ModelObservation)
        assert {name: kept[name] for name in sent["observation"]} == sent["observation"]
        [record], unreadable = read_records([line])
        assert not unreadable
        assert msgspec.to_builtins(record) == msgspec.to_builtins(
            msgspec.convert(kept, Observation)
        )
        assert record.time == NOW
        assert (record.request_id, record.caller, record.model_version) == ("r-1", "1/me", "7")
    assert [read_records([line])[0][0].index for line in lines] == [0, 1, 2]
    assert [read_records([line])[0][0].verified_purchase for line in lines] == [True, None, False]


def test_words_are_kept_only_where_a_stage_says_so(answered: bytes) -> None:
    for line in _observe(answered, with_text=True):
        assert set(msgspec.json.decode(line)) == field_names(Observation) | {"title", "text"}


def test_release_reads_the_golden_set_that_train_writes(model: StarModel, tmp_path: Path) -> None:
    words = [("good", "it is very bad"), ("", "good good"), ("bad", "not good !")]
    count = write_golden(tmp_path / "golden.jsonl", model, _rows(words), 3)
    assert count == 3
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        file.add(tmp_path / "golden.jsonl", "golden.jsonl")
    packed.seek(0)

    def ask(reviews: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """As the API would, through the parser of its body and the endpoint."""
        question = parse_question(json.dumps({"reviews": reviews}).encode())
        body = msgspec.json.encode(serve.answer(model, serve.parse(rating.to_endpoint(question))))
        told = rating.to_caller(question, rating.from_endpoint(body, question), "r-1")
        found: list[dict[str, Any]] = told["ratings"]
        return found

    compared = golden_set.compare(read_golden(packed), ask, 2)
    assert (compared.asked, compared.matched, compared.version) == (3, 3, "7")


def _rows(words: list[tuple[str, str]]) -> Rows:
    n = len(words)
    return Rows(
        np.full(n, 5),
        [title for title, _ in words],
        [text for _, text in words],
        np.arange(n, dtype=np.int8) - 1,
        np.full(n, "en"),
        np.zeros(n, np.bool_),
        np.zeros(n, np.int64),
        np.arange(n, dtype=np.uint64),
    )


def _observe(answered: bytes, *, with_text: bool) -> Iterator[bytes]:
    return observation_lines.of_ratings(
        ASKED,
        rating.from_endpoint(answered, ASKED),
        request_id="r-1",
        caller=observation_lines.Caller("1/me", False),
        time=NOW,
        with_text=with_text,
    )
