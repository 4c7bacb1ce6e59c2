"""What outlives its stack: what the stage keeps, and nothing that blocks a second deploy."""

from __future__ import annotations

import pytest

from .synthesis import Json, Templates, synthesise, with_value


def blocking(templates: Templates) -> list[str]:
    """What a first deploy that failed would leave behind, where the second wants to make it."""
    return [r.where for r in templates.resources() if r.body.get("DeletionPolicy") == "Retain"]


@pytest.fixture(scope="module", params=["local", "prod"])
def keeping(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """A stage whose data outlive their stacks."""
    stage = with_value(request.param, "data.remove_on_destroy", False)
    return synthesise(request.param, tmp_path_factory.mktemp("kept"), stage)


def test_nothing_that_is_kept_is_kept_by_a_deploy_that_failed(keeping: Templates) -> None:
    assert blocking(keeping) == []
    assert [r for r in keeping.resources("AWS::S3::Bucket", "AWS::KMS::Key") if _goes(r.body)] == []


def _goes(body: Json) -> bool:
    return body["DeletionPolicy"] != "RetainExceptOnCreate"


def test_a_bucket_that_a_failed_deploy_keeps_would_be_found(prod: Templates) -> None:
    def keep(resources: Json) -> None:
        for body in resources.values():
            if body["Type"] == "AWS::S3::Bucket":
                body["DeletionPolicy"] = "Retain"

    assert len(blocking(prod.broken("Foundation", keep))) == 6
