"""The card that Evaluate writes against the registry's schema, and against the SDK's classes."""

from __future__ import annotations

import copy
import json
import math
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from cfnlint.jsonschema import StandardValidator
from msgspec import structs

from tests.unit.training.test_evaluation_command import WORDS, write_reviews
from training import config
from training.evaluate import evaluate, read_json
from training.evaluation.evaluation import read_evaluation
from training.progress import TrainingProgress
from training.report import package_card
from training.train import train

from .test_pipeline_sdk import PYTHON

Json = dict[str, Any]
HERE = Path(__file__).parent
SCHEMA = json.loads((HERE / "model_card.schema.json").read_text())
SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
CONTENT = SAGEMAKER.shape_for("ModelPackageModelCard").members["ModelCardContent"].metadata
ORIGIN = {
    "dataset_id": "20261124T000000Z-00000000",
    "dataset_manifest_uri": "s3://curated/datasets/20261124T000000Z-00000000/manifest.json",
    "dataset_sha256": "0" * 64,
    "git_commit": "1" * 40,
    "image_uri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/review-stars:2",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the default family, judged alone and beside itself."""
    folder = tmp_path_factory.mktemp("card")
    write_reviews(folder / "data", 2000, 0, noise=0.2)
    settings = msgspec.structs.replace(config.load(), folds=2)
    train(
        folder / "data",
        folder / "model",
        settings,
        provenance=ORIGIN,
        progress=TrainingProgress(True),
    )
    evaluate(folder / "model", folder / "data", folder / "first")
    evaluate(folder / "model", folder / "data", folder / "second", folder / "model")
    return folder


@pytest.fixture(params=["first", "second"])
def text(request: pytest.FixtureRequest, place: Path) -> str:
    """What was written, of a first model and of one with a champion."""
    return (place / request.param / "model_card.json").read_text(encoding="utf-8")


@pytest.fixture
def card(text: str) -> Json:
    found: Json = json.loads(text)
    return found


def faults(card: Json) -> list[str]:
    """Where a card breaks the schema."""
    found = StandardValidator(SCHEMA).iter_errors(card)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in found]


def test_a_card_follows_the_schema(card: Json) -> None:
    assert faults(card) == []


def test_a_card_is_one_line_that_the_registry_takes(text: str) -> None:
    assert len(text) < CONTENT["max"] / 5
    assert re.fullmatch(CONTENT["pattern"], text)  # without DOTALL: one line


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda card: card.update(model_package_details={}), "model_package_details"),
        (lambda card: card["model_overview"].update(model_owner="x"), "model_owner"),
        (lambda card: card["intended_uses"].update(risk_rating="low"), "risk_rating"),
        (lambda card: metrics(card)[0].update(value=None), "metric_data.0"),
        (lambda card: metrics(card)[0].update(notes="x" * 1025), "metric_data.0"),
        (lambda card: card["evaluation_details"][0]["metadata"].update(rows=1), "metadata.rows"),
    ],
)
def test_a_card_that_breaks_the_schema_would_be_found(
    card: Json, spoil: Callable[[Json], None], said: str
) -> None:
    spoil(card)
    [found] = faults(card)
    assert said in found


def metrics(card: Json) -> list[Json]:
    """The headline figures."""
    found: list[Json] = card["evaluation_details"][0]["metric_groups"][0]["metric_data"]
    return found


def test_a_card_holds_the_figures_the_gate_and_the_origin(place: Path, card: Json) -> None:
    figures = read_evaluation(place / "first")
    assert metrics(card)[1]["value"] == figures.accuracy
    [judged] = card["evaluation_details"]
    assert judged["metadata"]["gate"] == "passed"
    assert f"{figures.rows:,} reviews" in judged["evaluation_observation"]
    groups = {group["name"]: group["metric_data"] for group in judged["metric_groups"]}
    assert {"Gate", "By star", "By language", "By length", "Confusion"} <= set(groups)
    worst = groups["Worst slices, accuracy"]
    assert 1 <= len(worst) <= 10
    assert "over its majority" in worst[0]["notes"]
    assert groups["Confusion"][0]["value"] == figures.confusion
    job = card["training_details"]["training_job_details"]
    assert job["training_datasets"] == [ORIGIN["dataset_manifest_uri"]]
    assert job["training_environment"]["container_image"] == [ORIGIN["image_uri"]]
    configured = {item["name"]: item["value"] for item in job["user_provided_hyper_parameters"]}
    assert configured["stacking.hidden"] == "64"
    assert not [name for name in configured if name.startswith(("gate.", "plain."))]
    told = card["additional_information"]["custom_details"]
    assert ORIGIN.items() <= told.items()


def test_a_card_repeats_no_customer_s_words(text: str) -> None:
    said = {word for words in WORDS.values() for word in words.split()} - {"good", "works"}
    assert not [word for word in said if f" {word} " in text]


def test_a_champion_s_figures_stand_beside_the_model_s(place: Path) -> None:
    card = read_json(place / "second" / "model_card.json")
    groups = card["evaluation_details"][0]["metric_groups"]
    [against] = [group for group in groups if "champion" in group["name"]]
    assert {metric["value"] for metric in against["metric_data"]} == {0}


def test_what_is_no_number_and_what_is_long_still_fits(place: Path) -> None:
    """A figure may be undefined, a language rare; a place in S3 may have 1,024 characters."""
    figures = read_evaluation(place / "second")
    about = copy.deepcopy(read_json(place / "model" / "model.json"))
    about["provenance"] = dict.fromkeys(ORIGIN, "s3://" + "x" * 1100)
    first, *others = figures.gate.conditions
    conditions = (structs.replace(first, value=None), *others)
    languages = {f"l{n}": figures.slices["language"]["en"] for n in range(139)}
    odd = structs.replace(
        figures,
        qwk=math.nan,
        spread={**figures.spread, "qwk": None},
        gate=structs.replace(figures.gate, conditions=conditions, message="x" * 1000),
        slices={**figures.slices, "language": languages},
    )
    card = package_card.content(odd, about, read_json(place / "model" / "training.json"))
    assert faults(card) == []
    assert len(msgspec.json.encode(card)) < CONTENT["max"]
    assert [metric["value"] for metric in metrics(card) if metric["type"] == "string"] == ["absent"]


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="no SageMaker SDK here: run `make notebooks`")
def test_the_sdk_s_own_classes_understand_every_field(text: str) -> None:
    nowhere = "http://127.0.0.1:9"
    done = subprocess.run(
        [str(PYTHON), str(HERE / "sdk_card.py")],
        input=text,
        env={**os.environ, "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere, "NO_PROXY": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == json.loads(text)
