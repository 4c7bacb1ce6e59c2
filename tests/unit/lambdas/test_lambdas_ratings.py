"""The API's function: what it answers, what it keeps, and that nothing is a 500."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from msgspec import json as msgjson

from lambdas.ports.endpoint import NotDeployedError
from lambdas.ratings.live import Live
from lambdas.ratings.observation_lines import Caller
from lambdas.ratings.problem import STATUS, TITLES, status_of
from lambdas.settings import RatingsSettings
from monitoring.feedback import read_feedback
from monitoring.observations import read_records
from reviews.errors import (
    DeadlineError,
    ModelError,
    NotReadyError,
    RequestError,
    TooLargeError,
)
from tests.unit.lambdas.conftest import Context, Load, emitted

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/review-stars-local/7"
CLIENT = "arn:aws:sts::123456789012:assumed-role/client/session"
GOLDEN = "arn:aws:sts::123456789012:assumed-role/golden/session"
ONE = {"title": "Love it", "text": "Works great", "verified_purchase": True}


def rated(stars: int = 5, language: str = "en", supported: bool = True) -> dict[str, Any]:
    head = {
        "stars": stars,
        "expected_stars": 4.6,
        "confidence": 0.8,
        "language": language,
        "supported": supported,
    }
    more = {
        "length": 11,
        "oov_share": 0.0,
        "markup": False,
        "topics": [0.0] * 50,
        "verified_purchase": True,
    }
    return {
        **head,
        "known_words": 4,
        "probabilities": [0.0, 0.1, 0.0, 0.1, 0.8],
        "observation": {**head, **more},
    }


class Api:
    """The handler with an endpoint, streams and a live record of its own."""

    def __init__(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        self.live = self.served = PACKAGE
        self.rating = rated()
        self.asked: list[dict[str, Any]] = []
        self.kept: list[bytes] = []
        self.fails: Exception | None = None
        monkeypatch.setattr("lambdas.ports.parameters.read", lambda name: self.live)
        self.rate = load("lambdas.ratings.rate", SETTINGS)
        monkeypatch.setattr(self.rate.endpoint, "invoke", self._invoke)
        monkeypatch.setattr(self.rate.delivery, "put", self._put)
        monkeypatch.setattr(self.rate, "capture", self._offer)

    def _invoke(self, name: str, body: bytes, inference_id: str = "") -> bytes:
        if self.fails:
            raise self.fails
        self.asked.append(json.loads(body))
        n = len(self.asked[-1]["reviews"])
        return msgjson.encode({"model_version": self.served, "ratings": [self.rating] * n})

    def _put(self, stream: str, record: bytes) -> None:
        if self.fails:
            raise self.fails
        self.kept.append(record)

    def _offer(self, records: list[bytes]) -> int:
        self.kept += records
        return 0

    def call(
        self, method: str, path: str, body: Any = None, *, caller: str = CLIENT, **changes: Any
    ) -> tuple[int, Any]:
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        event = proxy_event(method, path, text, caller) | changes
        response = self.rate.handler(event, Context())
        self.headers = response["headers"]
        kind = self.headers["Content-Type"]
        is_json = "json" in kind
        return response["statusCode"], json.loads(response["body"]) if is_json else response["body"]


SETTINGS = RatingsSettings(
    stage="local",
    endpoint_name="review-stars-local",
    live_parameter="/review-stars-local/live",
    predictions_stream="predictions",
    feedback_stream="feedback",
    capture_words=False,
    probe_roles="golden,probe",
)


GATEWAY_ROUTES = (
    *("POST/v1/ratings", "POST/v1/feedback", "GET/v1/model"),
    *("GET/v1/health", "GET/v1/openapi.json", "GET/v1/docs"),
)


def proxy_event(method: str, path: str, body: str | None, caller: str) -> dict[str, Any]:
    """What API Gateway sends (REST, proxy, payload 1.0), as far as we look."""
    is_route = f"{method}{path}" in GATEWAY_ROUTES
    return {
        "resource": path if is_route else "/{proxy+}",
        "pathParameters": None if is_route else {"proxy": path.removeprefix("/")},
        "path": path,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json; charset=utf-8"},
        "requestContext": {
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"userArn": caller, "sourceIp": "127.0.0.1"},
        },
        "body": body,
        "isBase64Encoded": False,
    }


@pytest.fixture
def api(load: Load, monkeypatch: pytest.MonkeyPatch) -> Api:
    return Api(load, monkeypatch)


def test_one_review_is_rated(api: Api) -> None:
    status, answer = api.call("POST", "/v1/ratings", ONE)
    assert status == 200
    assert answer == {
        "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "model_version": "7",
        "stars": 5,
        "expected_stars": 4.6,
        "probabilities": [0.0, 0.1, 0.0, 0.1, 0.8],
        "confidence": 0.8,
        "language": "en",
        "supported": True,
        "known_words": 4,
    }
    assert api.asked == [{"reviews": [ONE], "explain": False}]


def test_a_batch_is_rated_in_order_under_the_callers_own_id(api: Api) -> None:
    reviews = [{"text": f"{i}"} for i in range(100)]
    status, answer = api.call("POST", "/v1/ratings", {"reviews": reviews, "request_id": "order-1"})
    assert status == 200
    assert answer["request_id"] == "order-1"
    assert len(answer["ratings"]) == 100
    assert answer["ratings"][3]["request_id"] == "order-1"
    assert [review["text"] for review in api.asked[0]["reviews"]] == [f"{i}" for i in range(100)]


def test_a_language_not_learned_gets_no_stars_unless_they_are_asked_for(api: Api) -> None:
    api.rating = rated(language="de", supported=False)
    _, answer = api.call("POST", "/v1/ratings", ONE)
    assert (answer["stars"], answer["supported"]) == (None, False)
    _, answer = api.call("POST", "/v1/ratings", {**ONE, "allow_unsupported": True})
    assert (answer["stars"], answer["supported"]) == (5, False)


def test_an_explanation_is_handed_on_only_where_there_is_one(api: Api) -> None:
    api.rating = rated() | {"explanation": {"logit": 1.5, "parts": []}}
    _, answer = api.call("POST", "/v1/ratings", {**ONE, "explain": True})
    assert answer["explanation"] == {"logit": 1.5, "parts": []}
    assert api.asked[0]["explain"] is True
    assert "observation" not in answer


def test_what_is_kept_is_what_monitoring_reads(api: Api) -> None:
    api.call("POST", "/v1/ratings", {"reviews": [ONE, ONE], "request_id": "r"})
    records, unreadable = read_records(api.kept)
    assert not unreadable
    assert [record.index for record in records] == [0, 1]
    last = records[-1]
    assert (last.caller, last.request_id, last.probe) == ("123456789012/client", "r", False)
    assert (last.model_version, last.model_package_arn) == ("7", PACKAGE)
    assert last.verified_purchase is True
    assert last.time is not None
    assert last.time.utcoffset() is not None
    assert b"Works great" not in api.kept[0]


def test_an_answer_and_what_is_kept_of_it_name_the_package_that_gave_it(api: Api) -> None:
    """While a canary shifts, the record names the package of the other variant."""
    api.served = f"{PACKAGE}9"
    assert api.call("POST", "/v1/ratings", ONE)[1]["model_version"] == "79"
    [record], _ = read_records(api.kept)
    assert (record.model_version, record.model_package_arn) == ("79", f"{PACKAGE}9")
    assert api.call("GET", "/v1/model")[1]["model_version"] == "7"


def test_words_are_kept_only_where_the_stage_says_so(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    monkeypatch.setattr(api.rate, "settings", replace(SETTINGS, capture_words=True))
    api.call("POST", "/v1/ratings", ONE)
    assert json.loads(api.kept[0])["text"] == "Works great"


def test_our_own_questions_are_marked(api: Api) -> None:
    api.call("POST", "/v1/ratings", ONE, caller=GOLDEN)
    assert json.loads(api.kept[0])["probe"] is True


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (CLIENT, Caller("123456789012/client", False)),
        (GOLDEN, Caller("123456789012/golden", True)),
        ("arn:aws:iam::123456789012:user/golden", Caller("123456789012/golden", False)),
        ("arn:aws:iam::123456789012:root", Caller("123456789012/root", False)),
        (None, Caller("", False)),
    ],
)
def test_a_caller_is_known_by_role_and_not_by_session(arn: str | None, expected: Caller) -> None:
    assert Caller.of(arn, {"golden", "probe"}) == expected


def test_dropped_observations_are_counted_and_the_caller_is_answered(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api.rate, "capture", len)
    status, _ = api.call("POST", "/v1/ratings", {"reviews": [ONE] * 3})
    assert status == 200
    (metric,) = emitted(capsys.readouterr().out)
    assert metric["ObservationsDropped"] == [1.0]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stage"]]


def test_feedback_is_stored_as_monitoring_reads_it(api: Api) -> None:
    status, answer = api.call("POST", "/v1/feedback", {"request_id": "r", "index": 2, "stars": 1})
    assert (status, answer) == (202, {"request_id": "r"})
    (told,), unreadable = read_feedback(api.kept)
    assert not unreadable
    assert (told.caller, told.index, told.stars) == ("123456789012/client", 2, 1)


def test_feedback_that_cannot_be_stored_is_to_be_sent_again(api: Api) -> None:
    api.fails = NotReadyError("the stream did not take it")
    status, _ = api.call("POST", "/v1/feedback", {"request_id": "r", "stars": 1})
    assert status == 503
    assert int(api.headers["Retry-After"]) > 0


def test_without_a_model_the_answer_says_so_and_no_alarm_rings(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.live, api.fails = "none", NotDeployedError("no endpoint serves")
    status, answer = api.call("POST", "/v1/ratings", ONE)
    assert status == 503
    assert answer["type"].endswith("model_not_deployed")
    assert int(api.headers["Retry-After"]) > 0
    (metric,) = emitted(capsys.readouterr().out)
    assert (metric["ServerErrors"], metric["NotDeployed"]) == ([0], [1])


def test_an_endpoint_that_is_gone_while_a_package_is_live_counts_as_an_error(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.fails = NotDeployedError("no endpoint serves")
    status, answer = api.call("POST", "/v1/ratings", ONE)
    assert status == 503
    assert answer["type"].endswith("endpoint_missing")
    (metric,) = emitted(capsys.readouterr().out)
    assert (metric["ServerErrors"], metric["ModelErrors"]) == ([1], [1])
    assert "NotDeployed" not in metric


def test_a_stage_that_was_just_put_to_sleep_misses_no_endpoint(api: Api) -> None:
    """The record that the function remembers is older than the endpoint's end."""
    assert api.call("POST", "/v1/ratings", ONE)[0] == 200
    api.live, api.fails = "none", NotDeployedError("no endpoint serves")
    assert api.call("POST", "/v1/ratings", ONE)[1]["type"].endswith("model_not_deployed")


@pytest.mark.parametrize(
    ("error", "status", "is_ours"),
    [
        (NotReadyError("busy"), 503, 1),
        (DeadlineError("late"), 504, 1),
        (ModelError("failed"), 503, 1),
        (KeyError("Works great"), 503, 1),
    ],
)
def test_every_failure_has_its_status_and_counts(
    api: Api,
    error: Exception,
    status: int,
    is_ours: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    api.fails = error
    got, answer = api.call("POST", "/v1/ratings", ONE)
    printed = capsys.readouterr().out
    assert (got, answer["status"]) == (status, status)
    assert api.headers["Content-Type"] == "application/problem+json"
    (metric,) = emitted(printed)
    assert metric["ServerErrors"] == [is_ours]
    assert ("ModelErrors" in metric) == isinstance(error, ModelError)
    assert "Works great" not in printed + json.dumps(answer)


@pytest.mark.parametrize(
    "said",
    [
        *(b"no json", b"{}", b"\xff"),
        b'{"model_version":"arn:aws:sagemaker:r:1:model-package/g/7","ratings":[]}',
        msgjson.encode({"model_version": "m1", "ratings": [rated()]}),
    ],
)
def test_an_answer_of_the_model_that_makes_no_sense_is_its_failure(
    api: Api, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(api.rate.endpoint, "invoke", lambda *_: said)
    status, _ = api.call("POST", "/v1/ratings", ONE)
    assert status == 503


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"text": 7}, "/text"),
        ({"text": None}, "/text"),
        ({"title": "secret"}, "/text"),
        ({"text": "x" * 20_001}, "/text"),
        ({"text": " \u200b<br>", "title": "secret"}, "/text"),
        ({"reviews": [{"text": "x"}, {"text": "&nbsp;"}]}, "/reviews/1/text"),
        ({"text": "x", "title": "x" * 1_001}, "/title"),
        ({"text": "x", "explain": "secret"}, "/explain"),
        ({"text": "x", "request_id": "a secret"}, "/request_id"),
        ({"text": "x", "request_id": "a\n"}, "/request_id"),
        ({"text": "x", "secret": 1}, None),
        ({"reviews": []}, "/reviews"),
        ({"reviews": [{"text": "x"}] * 101}, "/reviews"),
        ({"reviews": [{"text": "x"}] * 3 + [{"text": ["secret"]}]}, "/reviews/3/text"),
        ({"reviews": [{"text": "x"}, {}]}, "/reviews/1/text"),
        ({"reviews": [{"text": "x", "secret": 1}]}, "/reviews/0"),
        ({"reviews": [{"text": "x"}], "text": "x"}, None),
        ("[1]", None),
        ("{secret", None),
        ("", None),
        (None, None),
        ("[" * 100_000, None),
        ('{"text": "\ud800"}', None),
        ('{"text": NaN}', None),
    ],
)
def test_a_bad_request_names_the_field_and_repeats_nothing(
    api: Api, capsys: pytest.CaptureFixture[str], body: Any, pointer: str | None
) -> None:
    status, answer = api.call("POST", "/v1/ratings", body)
    assert status == 400
    assert answer.get("pointer") == pointer
    assert "secret" not in json.dumps(answer) + capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"request_id": "r"}, "/stars"),
        ({"stars": 3}, "/request_id"),
        ({"request_id": "r", "stars": 6}, "/stars"),
        ({"request_id": "r", "stars": 2.5}, "/stars"),
        ({"request_id": "r", "stars": True}, "/stars"),
        ({"request_id": "r", "stars": 3, "index": 100}, "/index"),
    ],
)
def test_bad_feedback_names_the_field(api: Api, body: Any, pointer: str) -> None:
    status, answer = api.call("POST", "/v1/feedback", body)
    assert (status, answer["pointer"]) == (400, pointer)


def test_a_body_over_a_mebibyte_is_too_large(api: Api) -> None:
    status, _ = api.call("POST", "/v1/ratings", {"text": "x" * (1 << 20)})
    assert status == 413


def test_another_media_type_is_refused_and_none_is_taken_for_json(api: Api) -> None:
    for kind, expected in (("text/plain", 415), ("Application/JSON", 200), (None, 200)):
        headers = {"content-type": kind} if kind else None
        status, _ = api.call("POST", "/v1/ratings", ONE, headers=headers)
        assert status == expected, kind


def test_a_body_in_base64_is_read(api: Api) -> None:
    body = base64.b64encode(json.dumps(ONE).encode()).decode()
    assert api.call("POST", "/v1/ratings", body, isBase64Encoded=True)[0] == 200
    assert api.call("POST", "/v1/ratings", "%%%", isBase64Encoded=True)[0] == 400
    assert api.call("POST", "/v1/ratings", "/w==", isBase64Encoded=True)[0] == 400


def test_unknown_paths_and_methods_are_told_apart(api: Api) -> None:
    assert api.call("GET", "/v1/secret")[0] == 404
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        status, answer = api.call(method, "/v1/ratings")
        assert (status, answer["title"]) == (405, "Method Not Allowed")
        assert api.headers["Allow"] == "POST"
        assert api.headers["Content-Type"] == "application/problem+json"
    for method in ("HEAD", "OPTIONS", "POST"):
        assert api.call(method, "/v1/health")[0] == 405
        assert api.headers["Allow"] == "GET"
    status, answer = api.call("POST", "/v1/ratings/")
    assert (status, answer["detail"]) == (404, "there is nothing at this path; send /v1/ratings")
    assert api.call("GET", "/")[0] == 404


@pytest.mark.parametrize("base", ["/reviews", "/a/b", "/v1", ""])
def test_what_a_domain_puts_before_the_path_changes_nothing(api: Api, base: str) -> None:
    def status(method: str, path: str) -> int:
        event = proxy_event(method, path, json.dumps(ONE), CLIENT)
        answer = api.rate.handler(event | {"path": base + path}, Context())
        return int(answer["statusCode"])

    assert status("POST", "/v1/ratings") == 200
    assert status("GET", "/v1/health") == 200
    assert status("GET", "/v1/ratings") == 405
    assert status("GET", "/v1/nope") == 404


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"source": "serverless-plugin-warmup"},
        {"version": "2.0", "rawPath": "/v1/ratings", "requestContext": {"http": {}}},
        {"resource": "/{proxy+}", "httpMethod": "GET", "pathParameters": None},
        {"resource": "/v1/ratings", "requestContext": None},
    ],
)
def test_an_event_that_is_no_request_of_ours_is_answered(api: Api, event: dict[str, Any]) -> None:
    response = api.rate.handler(event, Context())
    assert response["statusCode"] in (404, 405)
    assert response["headers"]["Content-Type"] == "application/problem+json"


def test_an_unsigned_event_of_a_test_console_is_rated_for_nobody(api: Api) -> None:
    context = {"requestId": "r", "identity": None}
    assert api.call("POST", "/v1/ratings", ONE, requestContext=context)[0] == 200
    assert json.loads(api.kept[0])["caller"] == ""


def test_a_compressed_body_is_refused_in_words(api: Api) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    status, answer = api.call("POST", "/v1/ratings", ONE, headers=headers)
    assert (status, answer["detail"]) == (415, "send the body as it is, without Content-Encoding")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            '{"text": "it broke \ud83d"}'.encode("utf-8", "surrogatepass"),
            "byte 19 cannot be decoded",
        ),
        ('{"text": "it broke"}'.encode("utf-16"), "UTF-16"),
        ('{"text": "it broke"}'.encode("utf-16-le"), "UTF-16"),
        ('{"text": "café"}'.encode("latin-1"), "byte 13 cannot be decoded"),
        (b'{"text": "it broke \\ud83d"}', "half a surrogate pair"),
    ],
)
def test_bytes_that_are_no_utf8_are_refused_with_the_reason(
    api: Api, body: bytes, said: str
) -> None:
    text = base64.b64encode(body).decode()
    status, answer = api.call("POST", "/v1/ratings", text, isBase64Encoded=True)
    assert (status, said in answer["detail"]) == (400, True), answer


def test_a_byte_order_mark_before_the_body_is_no_part_of_it(api: Api) -> None:
    assert api.call("POST", "/v1/ratings", "\ufeff" + json.dumps(ONE))[0] == 200


@pytest.mark.parametrize("number", ["4", "4.0", "4e0", "40E-1"])
def test_stars_that_are_whole_are_taken_however_they_are_written(api: Api, number: str) -> None:
    body = f'{{"request_id": "r", "stars": {number}, "index": 0.0}}'
    assert api.call("POST", "/v1/feedback", body)[0] == 202
    assert json.loads(api.kept[0])["stars"] == 4


def test_the_live_model_is_told(api: Api) -> None:
    assert api.call("GET", "/v1/model") == (
        200,
        {"model_version": "7", "model_package_arn": PACKAGE},
    )


def test_open_routes_ask_nobody(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.rate, "live", None)
    assert api.call("GET", "/v1/health") == (200, {"status": "ok"})
    assert api.call("GET", "/v1/openapi.json")[1]["openapi"] == "3.1.0"
    status, page = api.call("GET", "/v1/docs")
    assert status == 200
    for word in ("/v1/ratings", "allow_unsupported", "verified_purchase", "503"):
        assert word in page
    assert "<script" not in page
    assert "http" not in page.replace("https://{api}", "")
    assert all("ServerErrors" not in metric for metric in emitted(capsys.readouterr().out))


def test_the_live_record_is_remembered_for_a_while_and_where_it_cannot_be_read() -> None:
    now, asked, record = [0.0], [0], [PACKAGE]

    def read() -> str:
        asked[0] += 1
        if record[0] == "":
            raise NotReadyError("throttled")
        return record[0]

    live = Live(read, lambda: now[0])
    assert [live.package(), live.package(), asked[0]] == [PACKAGE, PACKAGE, 1]
    now[0], record[0] = 11.0, ""
    assert [live.package(), asked[0]] == [PACKAGE, 2]
    with pytest.raises(NotReadyError):
        Live(read).package()


def test_a_first_release_is_seen_within_a_second() -> None:
    now, record = [0.0], ["none"]
    live = Live(lambda: record[0], lambda: now[0])
    with pytest.raises(NotDeployedError):
        live.package()
    now[0], record[0] = 1.1, PACKAGE
    assert live.package() == PACKAGE


def test_every_status_has_a_title_and_every_error_a_status() -> None:
    assert set(STATUS.values()) == set(TITLES)
    assert status_of(TooLargeError("x")) == 413
    assert status_of(RequestError("x")) == 400
    assert status_of(ZeroDivisionError()) == 503


def test_a_stream_that_hangs_costs_no_more_than_its_time(
    aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    from lambdas.ports.delivery import Offer

    offer, gone_on = Offer("predictions", 0.05), Event()
    monkeypatch.setattr(offer, "_put", lambda **_: gone_on.wait(10) and {})
    began = time.monotonic()
    assert offer([b"a", b"b"]) == 2
    gone_on.set()
    assert time.monotonic() - began < 5


def test_a_stream_that_is_not_there_drops_and_does_not_raise(aws: None) -> None:
    from lambdas.ports import delivery

    assert delivery.Offer("absent", 5.0)([b"a"]) == 1
    with pytest.raises(NotReadyError):
        delivery.put("absent", b"a")
