"""Serve: its contract with SageMaker, without a socket."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monitoring.observations import read_jsonl
from reviews.errors import RequestError, TooLargeError
from training.__main__ import main
from training.errors import AddressError
from training.model.star_model import StarModel
from training.serving import serve


def ask(application, method: str, path: str, body: bytes = b"") -> tuple[int, dict]:
    """Call the application by its own protocol; nothing in it waits for anything."""
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "scheme": "http", "server": ("test", 80), "client": ("test", 1), "root_path": "",
    }  # fmt: skip
    running = application(scope, receive, send)
    with pytest.raises(StopIteration):
        running.send(None)
    content = b"".join(m.get("body", b"") for m in sent)
    return sent[0]["status"], json.loads(content)


def invoke(model: StarModel, question: object) -> tuple[int, dict]:
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    return ask(serve.application(model), "POST", "/invocations", body)


REVIEW = {"title": None, "text": "it is &lt;b&gt;not good&lt;/b&gt;!", "verified_purchase": None}
GERMAN = {"text": "das ist nicht gut und ich bin sehr traurig"}


def test_it_pings(model):
    assert ask(serve.application(model), "GET", "/ping") == (200, {})


def test_it_answers_in_order_with_all_fields(model):
    status, answer = invoke(model, {"reviews": [REVIEW, GERMAN]})
    assert status == 200
    assert answer["model_version"] == model.version
    first, second = answer["ratings"]
    assert set(first) == {
        "stars", "expected_stars", "probabilities", "confidence", "language", "supported",
        "known_words", "observation",
    }  # fmt: skip
    assert sum(first["probabilities"]) == pytest.approx(1)
    assert first["confidence"] == first["probabilities"][first["stars"] - 1]
    assert first["expected_stars"] == pytest.approx(
        sum((k + 1) * p for k, p in enumerate(first["probabilities"]))
    )
    assert (second["language"], second["supported"]) == ("de", False)
    p = model.probabilities([""], [GERMAN["text"]])
    assert second["stars"] == model.decide(p)[0]  # told, whatever the language: see `supported`


def test_an_observation_is_what_monitoring_reads(model):
    _, answer = invoke(model, {"reviews": [REVIEW, GERMAN]})
    lines = [json.dumps(rating["observation"]).encode() for rating in answer["ratings"]]
    seen = read_jsonl(lines)
    assert seen.length.tolist() == [len("it is not good !"), len(GERMAN["text"])]
    assert seen.markup.tolist() == [True, False]
    assert seen.oov_share[1] > seen.oov_share[0]


def test_an_explanation_sums_to_its_logit(model):
    _, answer = invoke(model, {"reviews": [REVIEW], "explain": True})
    explanation = answer["ratings"][0]["explanation"]
    total = sum(part["contribution"] for part in explanation["parts"])
    assert total == pytest.approx(explanation["logit"])
    assert {"field": "text", "words": "not good"}.items() <= max(
        explanation["parts"], key=lambda part: part["words"] == "not good"
    ).items()


@pytest.mark.parametrize(
    ("question", "pointer"),
    [
        (b"{", ""),
        (b'{"reviews": [{"text": "\xff"}]}', ""),
        ({}, "/reviews"),
        ({"reviews": []}, "/reviews"),
        ({"reviews": [{"text": "good"}, {"title": "secret"}]}, "/reviews/1/text"),
        ({"reviews": [{"text": None}]}, "/reviews/0/text"),
        ({"reviews": [{"text": "good", "title": 7}]}, "/reviews/0/title"),
        ({"reviews": [{"text": "a", "verified_purchase": "no"}]}, "/reviews/0/verified_purchase"),
        ({"reviews": [{"text": "good"}], "explain": "secret"}, "/explain"),
        ({"reviews": "secret"}, "/reviews"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_pointed_at_and_no_word_repeated(model, question, pointer):
    status, problem = invoke(model, question)
    assert status == 400
    assert problem["pointer"] == pointer
    assert "secret" not in json.dumps(problem)


def test_a_body_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(serve, "MAX_INVOCATION_BYTES", 10)
    with pytest.raises(TooLargeError):
        serve.parse(b" " * 11)
    with pytest.raises(RequestError):
        serve.parse(b" " * 10)


def test_a_failing_model_says_nothing_of_the_words(model, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise ValueError("secret words of a customer")

    monkeypatch.setattr(serve, "answer", fail)
    with caplog.at_level(logging.DEBUG):
        status, problem = invoke(model, {"reviews": [REVIEW]})
    assert status == 500
    assert "secret" not in json.dumps(problem) + caplog.text
    assert "ValueError" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/invocations", 405), ("POST", "/ping", 405), ("GET", "/else", 404)],
)
def test_other_ways_are_answered_as_problems(model, method, path, status):
    found, problem = ask(serve.application(model), method, path)
    assert (found, problem["status"]) == (status, status)


def test_strange_words_are_answered(model):
    for text in ("😀", "?", "a" * 30_000, "很好" * 100, "<" * 500):
        status, answer = invoke(model, {"reviews": [{"text": text}]})
        assert status == 200
        assert sum(answer["ratings"][0]["probabilities"]) == pytest.approx(1)


def test_an_address_that_is_taken_is_one_sentence(
    model_folder: Path, capfd: pytest.CaptureFixture[str]
):
    with serve.bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--model", str(model_folder), "--port", str(port)]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert f"127.0.0.1:{port} cannot be listened on: " in said
    assert "--port 0" in said


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_nobody_has_is_refused(host: str, port: int):
    with pytest.raises(AddressError, match=f"{host}:{port} cannot be listened on"):
        serve.bind(host, port)


def test_what_holds_no_words_is_refused_with_its_place(model):
    for text in ("", " ", "\u0000", "\u200b\u2060", "<br>&nbsp;"):
        status, problem = invoke(model, {"reviews": [REVIEW, {"text": text, "title": "good"}]})
        assert (status, problem["pointer"]) == (400, "/reviews/1/text")


def test_an_answer_without_a_known_word_says_so_and_is_no_surer_than_the_training_rows(model):
    asked = [{"text": "asdf qwer!!"}, {"title": "zzz", "text": "WXYZ ... 777"}, REVIEW]
    status, answer = invoke(model, {"reviews": asked, "explain": True})
    assert status == 200
    *unknown, known = answer["ratings"]
    for rating in unknown:
        assert rating["known_words"] == 0
        assert rating["probabilities"] == [0.2, 0.05, 0.1, 0.15, 0.5]
        assert rating["confidence"] == rating["probabilities"][rating["stars"] - 1]
        (part,) = rating["explanation"]["parts"]
        logits = np.log(rating["probabilities"])
        assert (part["field"], part["words"]) == ("constant", "")
        assert part["contribution"] == pytest.approx(logits[rating["stars"] - 1] - logits.mean())
    assert known["known_words"] == 3  # `not` is in the vocabulary within `not good` alone


ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("sklearn", "scipy", "pandas")


@pytest.mark.parametrize(
    ("module", "loaded"),
    [("training.serving.serve", []), ("training.fit.vocabulary", ["scipy"])],
)
def test_the_server_loads_none_of_what_training_needs(module, loaded):
    """The second module shows that a library would be noticed."""
    program = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(loaded)
