"""The picture of the architecture is of today's templates, and shows what changes in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra import journey, loop_picture

from .synthesis import Templates

PREFIX = "review-stars-prod"
PAGE = Path(__file__).parents[2] / "docs/architecture.md"


def test_the_picture_is_drawn_from_todays_templates(prod: Templates) -> None:
    assert PAGE.read_text() == journey.page(prod.stacks, PREFIX), "run `make diagrams`"


def test_the_loop_of_the_readme_is_drawn_from_todays_templates(prod: Templates) -> None:
    drawn = loop_picture.draw(*journey.graph(prod.stacks, PREFIX))
    assert (PAGE.parent / "loop.svg").read_text() == drawn, "run `make diagrams`"


def test_an_arrow_that_the_templates_lack_is_not_drawn(prod: Templates) -> None:
    nodes, edges = journey.graph(prod.stacks, PREFIX)
    fewer = [edge for edge in edges if edge.says != "updates"]
    with pytest.raises(ValueError, match="release machine does nothing to endpoint"):
        loop_picture.draw(nodes, fewer)
    with pytest.raises(ValueError, match="the loop has changed"):
        loop_picture.draw({}, edges)


def test_the_whole_journey_is_in_it(prod: Templates) -> None:
    drawn = journey.draw(prod.stacks, PREFIX)
    for box in ("raw bucket", "preprocess machine", "learn machine", "pipeline", "release machine"):
        assert f'"{box}"' in drawn
    assert drawn.count('"asks"') >= 3  # a client, the golden set, the rate function


def test_a_role_that_may_do_more_has_an_arrow_more(prod: Templates) -> None:
    statement = {
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{PREFIX}-raw-222222222222-us-east-1/*",
    }

    def widen(resources: dict) -> None:
        for body in resources.values():
            if body["Type"] == "AWS::IAM::Policy" and "Monitor" in str(body["Properties"]["Roles"]):
                body["Properties"]["PolicyDocument"]["Statement"].append(statement)

    raw = next(r for r in prod.resources("AWS::S3::Bucket") if "raw" in r.properties["BucketName"])
    statement["Resource"] = f"arn:aws:s3:::{raw.properties['BucketName']}/*"
    before, after = (
        set(journey.draw(templates.stacks, PREFIX).splitlines())
        for templates in (prod, prod.broken("Operations", widen))
    )
    [more] = after - before
    assert more.strip().startswith(raw.id)
    assert '"read by"' in more


def test_a_rule_without_its_target_has_no_arrow(prod: Templates) -> None:
    def cut(resources: dict) -> None:
        for body in resources.values():
            if body["Type"] == "AWS::Events::Rule":
                body["Properties"]["Targets"] = []

    assert "DatasetReady" in journey.draw(prod.stacks, PREFIX)
    assert "DatasetReady" not in journey.draw(prod.broken("Learning", cut).stacks, PREFIX)
