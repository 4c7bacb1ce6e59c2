"""A name that two rooms agree on has one home; where none may import, a test compares both."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.pipeline.pipeline import Resources, Steps
from infra.stage import Stage
from lambdas.contract import keys, packages
from lambdas.ratings import observation_lines as lines
from lambdas.ratings import rating as wire
from lambdas.ratings.documents import openapi
from lambdas.ratings.request import parse_feedback, parse_question
from local_cloud import supervisor
from local_cloud.home import RunningCloud
from monitoring.feedback import Feedback
from monitoring.observations import ModelObservation, Observation
from operate import environment, local
from reviews import golden, limits
from reviews.language import prediction
from tests.contract import shared
from training import provenance, sagemaker
from training.config import OVERRIDES
from training.model import answer
from training.serving import serve

# Constants of `reviews` that several rooms share: nobody else assigns or spells them.
SHARED = {
    "reviews/limits.py": {name for name in vars(limits) if name.isupper()},
    "reviews/golden.py": {name for name in vars(golden) if name.isupper()},
    "reviews/language/prediction.py": {"UNDETERMINED"},
}


def test_a_name_of_the_contract_stands_in_its_home_alone() -> None:
    assert shared.second_literals(shared.read()) == []


def test_a_name_of_the_contract_is_imported_where_it_belongs() -> None:
    assert shared.literals_in_its_place(shared.read()) == []


def test_what_one_side_watches_or_reads_the_other_side_writes() -> None:
    assert shared.one_sided(shared.read()) == []


def second_homes(sources: shared.Sources) -> list[str]:
    """Constants that several rooms share, assigned or spelled outside `reviews`."""
    shared_names = set().union(*SHARED.values())
    texts = {
        golden.GOLDEN_FILE: "reviews/golden.py",
        prediction.UNDETERMINED: "reviews/language/prediction.py",
        "*.yaml": "infra/stage.py",  # who looks for stages does it there
        "Object contains unknown field": "reviews/body.py",  # and for msgspec's words here
        "Object missing required field": "reviews/body.py",
    }
    found = []
    for path, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                if node.id in shared_names:
                    found.append(f"{path}:{node.lineno} assigns {node.id}")
            elif isinstance(node, ast.Constant) and texts.get(node.value, path) != path:
                found.append(f"{path}:{node.lineno} spells {node.value!r}")
    return found


def everyone() -> dict[str, str]:
    """Every source of the product but the homes of `SHARED` themselves."""
    rooms = ("reviews", "training", "monitoring", "lambdas", "infra", "operate")
    files = (path for room in rooms for path in sorted((shared.ROOT / room).rglob("*.py")))
    named = {path.relative_to(shared.ROOT).as_posix(): path for path in files}
    return {name: path.read_text() for name, path in named.items() if name not in SHARED}


def test_limits_tolerances_and_und_are_said_once() -> None:
    assert second_homes(everyone()) == []


def test_the_document_of_the_api_promises_the_limits_that_are_kept() -> None:
    schemas = json.loads(openapi())["components"]["schemas"]
    assert schemas["Text"]["maxLength"] == limits.MAX_TEXT_CHARACTERS
    assert schemas["Title"]["maxLength"] == limits.MAX_TITLE_CHARACTERS
    batch = next(s for s in schemas.values() if "reviews" in s.get("properties", {}))
    assert batch["properties"]["reviews"]["maxItems"] == limits.MAX_REVIEWS
    index = schemas["FeedbackRequest"]["properties"]["index"]
    assert index["maximum"] == limits.MAX_REVIEWS - 1


def steps() -> Steps:
    names = ("image_uri", "role_arn", "tracking_role_arn", "key_arn")
    more = ("curated_bucket", "models_bucket", "model_package_group", "sign_function")
    return Steps(Stage.read("dev"), Resources(**dict.fromkeys((*names, *more), "x"), tracking={}))


def test_a_training_job_is_given_the_provenance_that_it_takes_and_its_package_says_the_same() -> (
    None
):
    given = set(steps().train()["Arguments"]["HyperParameters"]) - set(OVERRIDES)
    assert given == set(sagemaker.PROVENANCE)
    metadata = steps().register()["Arguments"]["CustomerMetadataProperties"]
    found = {packages.GIT_COMMIT, packages.CONFIGURATION_DIGEST, packages.PROGRAM_DIGEST}
    assert given - found <= set(metadata)
    # What the job itself finds that it runs, conclude adds: a deploy cannot know it.
    assert found <= given
    assert not found & set(metadata)
    assert found == {provenance.GIT_COMMIT, provenance.CONFIGURATION, provenance.PROGRAM}
    assert {packages.EVALUATION_PREFIX, packages.RUN_PREFIX} <= set(metadata)


PACKAGE = "arn:aws:sagemaker:us-east-1:1:model-package/g/7"


def spelled(path: str) -> set[Any]:
    """Every text in a source."""
    tree = ast.parse((shared.ROOT / path).read_text())
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize(
    ("writers", "files"),
    [
        (
            ("training/evaluate.py", "training/evaluation/evaluation.py"),
            (keys.EVALUATION_FILE, keys.REPORT, keys.CARD, keys.CARD_PAGE, keys.BASELINE[:-1]),
        ),
        (("training/tracking/track.py",), (keys.TRACKING_FILE,)),
    ],
)
def test_the_files_that_others_look_for_are_those_that_training_writes(
    writers: tuple[str, ...], files: tuple[str, ...]
) -> None:
    assert set(files) <= set().union(*map(spelled, writers))


def rated(question_body: bytes) -> tuple[Any, wire.Answered]:
    """A question as the API takes it, and the endpoint's answer as training encodes it."""
    seen = ModelObservation(5, 4.8, 0.9, "en", True, 10, 0.0, False, [0.1, 0.2])
    explanation = answer.Explanation(1.0, [answer.ExplanationPart("text", "good", 1.0)])
    rating = answer.Rating(5, 4.8, [0.0, 0.0, 0.0, 0.1, 0.9], 0.9, "en", True, 7, seen, explanation)
    question = parse_question(question_body)
    body = msgspec.json.encode(serve.Answer(PACKAGE, [rating] * len(question.reviews)))
    return question, wire.from_endpoint(body, question)


def test_the_functions_read_all_that_the_endpoint_answers() -> None:
    _, answered = rated(b'{"text": "good"}')
    assert set(answer.Rating.__struct_fields__) == set(wire.Rated.__struct_fields__)
    assert set(serve.Answer.__struct_fields__) == set(wire.Answered.__struct_fields__)
    assert answered.ratings[0].stars == 5


def test_the_endpoint_takes_what_the_functions_ask() -> None:
    question, _ = rated(b'{"text": "good", "title": "t", "verified_purchase": true}')
    taken = serve.parse(wire.to_endpoint(question))
    assert msgspec.to_builtins(taken.reviews) == msgspec.to_builtins(list(question.reviews))
    asked = json.loads(wire.to_endpoint(question))
    assert set(asked) == set(serve.InvocationRequest.__struct_fields__)


def test_the_monitor_reads_every_field_that_is_kept_of_a_prediction() -> None:
    question, answered = rated(b'{"reviews": [{"text": "good"}, {"text": "bad"}]}')
    written = lines.of_ratings(
        question,
        answered,
        request_id="r",
        caller=lines.Caller("1/client", False),
        time=datetime.now(UTC),
        with_text=False,
    )
    for line in written:
        assert set(json.loads(line)) == set(Observation.__struct_fields__)
        assert msgspec.json.decode(line, type=Observation).model_version == "7"


def test_the_monitor_reads_every_field_that_is_kept_of_feedback() -> None:
    told = parse_feedback(b'{"request_id": "r", "stars": 4, "index": 1}')
    line = lines.of_feedback(told, lines.Caller("1/client", False), datetime.now(UTC))
    assert set(json.loads(line)) == set(Feedback.__struct_fields__)
    assert msgspec.json.decode(line, type=Feedback).stars == 4


def test_commands_find_the_local_cloud_as_it_says_of_itself(tmp_path: Path) -> None:
    cloud = RunningCloud("https://localhost:1", "ca.pem", "1", "us-east-1", "http://t", 1, "log")
    cloud.write(tmp_path)
    own = cloud.variables()
    found = environment.local({}, tmp_path)
    assert {name: found[name] for name in own if name in found} == {
        name: value for name, value in own.items() if name in found
    }
    assert set(own) - set(found) == {"SSL_CERT_FILE"}  # of programs that are not AWS's


def test_the_supervisor_gives_its_emulator_up_before_who_waits_for_it_does() -> None:
    """Else the reason, and the emulator's own log, are told by nobody."""
    assert supervisor.START_SECONDS + 10 < local.START_SECONDS
