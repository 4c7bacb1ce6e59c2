"""The contract and the parser say the same of every body; the answers are those promised."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.ratings.documents import openapi
from lambdas.ratings.problem import STATUS
from lambdas.ratings.request import parse_feedback, parse_question
from reviews.errors import RequestError

CONTRACT: dict[str, Any] = json.loads(openapi())
SCHEMAS = CONTRACT["components"]["schemas"]
KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """JSON Schema, as much of it as the contract uses for what is sent."""
    if "$ref" in schema:
        return fits(value, SCHEMAS[schema["$ref"].rsplit("/", 1)[1]])
    if "oneOf" in schema:
        return sum(fits(value, choice) for choice in schema["oneOf"]) == 1
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(_is(value, kind) for kind in kinds):
        return False
    if isinstance(value, dict):
        return _object_fits(value, schema)
    if isinstance(value, list):
        counted = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9)
        return counted and all(fits(item, schema["items"]) for item in value)
    if isinstance(value, str):
        pattern = schema.get("pattern")
        short = len(value) <= schema.get("maxLength", 10**9)
        return short and (pattern is None or re.fullmatch(pattern.strip("^$"), value) is not None)
    if type(value) in (int, float):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":  # of JSON Schema: 4.0 is one
        return type(value) is int or (type(value) is float and value.is_integer())
    return isinstance(value, KINDS[kind])


def _object_fits(value: dict[str, Any], schema: dict[str, Any]) -> bool:
    fields = schema["properties"]
    return (
        set(schema["required"]) <= set(value)
        and (schema.get("additionalProperties", True) or set(value) <= set(fields))
        and all(fits(item, fields[name]) for name, item in value.items() if name in fields)
    )


def accepts(parse: Any, body: Any) -> bool:
    try:
        parse(json.dumps(body).encode())
    except RequestError:
        return False
    return True


leaf = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 101),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "order-1", "a b", "x" * 64, "x" * 65, "x" * 1000, "x" * 1001, "ü\n"]),
)
names = st.sampled_from(
    ["title", "text", "verified_purchase", "explain", "allow_unsupported", "request_id", "more"]
)
review = st.dictionaries(names, leaf, max_size=4)
sound = st.fixed_dictionaries(
    {"text": st.text(max_size=5)},
    optional={
        "title": st.none() | st.text(max_size=5),
        "verified_purchase": st.none() | st.booleans(),
        "explain": st.booleans(),
        "allow_unsupported": st.booleans(),
        "request_id": st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    },
)
batch = st.builds(
    lambda reviews, more: {"reviews": reviews, **more},
    st.lists(review | sound, max_size=3) | leaf,
    st.dictionaries(names, leaf, max_size=1),
)


@settings(max_examples=300, deadline=None)
@given(body=st.one_of(review, sound, batch, leaf, st.lists(leaf, max_size=2)))
def test_the_parser_takes_exactly_what_the_contract_allows(body: Any) -> None:
    assert accepts(parse_question, body) == fits(body, SCHEMAS["RatingRequest"])


@settings(max_examples=150, deadline=None)
@given(
    body=st.dictionaries(
        st.sampled_from(["request_id", "stars", "index", "more"]), leaf, max_size=4
    )
)
def test_feedback_is_taken_exactly_as_the_contract_allows(body: Any) -> None:
    assert accepts(parse_feedback, body) == fits(body, SCHEMAS["FeedbackRequest"])


@pytest.mark.parametrize("limit", [20_000, 20_001])
def test_the_longest_text_counts_characters_and_not_bytes(limit: int) -> None:
    body = {"text": "ü" * limit}
    assert accepts(parse_question, body) == fits(body, SCHEMAS["RatingRequest"]) == (limit < 20_001)


def test_as_many_reviews_as_the_contract_says() -> None:
    for n in (100, 101):
        body = {"reviews": [{"text": "x"}] * n}
        assert accepts(parse_question, body) == fits(body, SCHEMAS["RatingRequest"]) == (n == 100)


def test_every_example_of_the_contract_is_taken() -> None:
    parsers = {"/v1/ratings": parse_question, "/v1/feedback": parse_feedback}
    for path, parse in parsers.items():
        content = CONTRACT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert content["examples"]
        for example in content["examples"].values():
            assert accepts(parse, example["value"])


def test_every_status_of_ours_is_promised() -> None:
    ours = {str(status) for status in STATUS.values()} - {"404", "405"}  # of no route that is there
    assert ours <= set(CONTRACT["paths"]["/v1/ratings"]["post"]["responses"])
    assert "500" not in json.dumps(CONTRACT["paths"])
