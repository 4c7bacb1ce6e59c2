"""The instance types that a stage may name are those of SageMaker's own API."""

from __future__ import annotations

import re

import botocore.session

from infra.instance_types import HOSTING, JOBS

X86_CPU = re.compile(r"ml\.[tmcr]\d+(?!g)[a-z-]*\.\w+")  # a g after the digits is Graviton


def listed(shape: str) -> set[str]:
    """What the API lists, of what our image can run on."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return set(filter(X86_CPU.fullmatch, model.shape_for(shape).enum))


def test_hosting_knows_what_the_api_knows() -> None:
    assert set(HOSTING) == listed("ProductionVariantInstanceType")


def test_jobs_know_what_both_kinds_of_job_know() -> None:
    assert set(JOBS) == listed("TrainingInstanceType") & listed("ProcessingInstanceType")


def test_no_type_is_listed_twice() -> None:
    assert len(set(HOSTING)) == len(HOSTING)
    assert len(set(JOBS)) == len(JOBS)
