"""A stage's file: every value changes something, and nothing else is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from infra.stage import CONFIGS, Stage, StageError

from .synthesis import Templates, synthesise, with_value

# What each value becomes here; every one must show in some template.
OTHER: dict[str, Any] = {
    "account": "333333333333",
    "region": "eu-central-1",
    "runtime.python": "3.12",
    "runtime.architecture": "arm64",
    "data.retention_days": 77,
    "data.raw_days": 77,
    "data.observations_days": 77,
    "data.audit_days": 77,
    "data.access_log_days": 77,
    "data.worker_concurrency": 277,
    "data.remove_on_destroy": True,
    "data.max_concurrency": 77,
    "data.max_shard_bytes": 77_000_000,
    "data.keep_columns": ["asin"],
    "data.detector": "fasttext-176",
    "learning.image_uri": "333333333333.dkr.ecr.us-east-1.amazonaws.com/other:1",
    "learning.instance_type": "ml.m5.4xlarge",
    "learning.volume_gib": 77,
    "learning.max_runtime_seconds": 7_777,
    "learning.spot": False,
    "learning.folds": 7,
    "learning.settle_minutes": 77,
    "learning.approve": "automatic",
    "learning.signature": "when-present",
    "learning.approver_principals": ["arn:aws:iam::222222222222:role/lead"],
    "learning.promoter_principals": ["arn:aws:iam::222222222222:role/ci"],
    "learning.schedule": "rate(77 days)",
    "learning.tracking_uri": "https://tracking.example.com",
    "learning.step_cache": False,
    "endpoint.kind": "serverless",
    "endpoint.instance_type": "ml.c7i.4xlarge",
    "endpoint.instance_count": 3,
    "endpoint.max_instance_count": 7,
    "endpoint.invocations_per_instance": 77,
    "endpoint.canary_wait_seconds": 77,
    "api.throttle_rate": 77,
    "api.throttle_burst": 777,
    "api.reserved_concurrency": 77,
    "api.waf": False,
    "api.capture_words": True,
    "api.client_principals": ["arn:aws:iam::222222222222:role/shop"],
    "monitoring.schedule": "rate(7 hours)",
    "monitoring.probe_minutes": 5,
    "monitoring.alarms_needed": 3,
    "monitoring.alarms_of": 7,
    "monitoring.cool_down_hours": 77,
    "monitoring.settle_minutes": 77,
    "alerts.inbox": True,
    "alerts.emails": ["other@example.com"],
    "audit.trail": "organisation",
    "cost.budget_dollars": 77,
    "cost.idle_hours": 77,
    "cost.sleep_when_idle": True,
    "permissions_boundary": "arn:aws:iam::222222222222:policy/most",
    "protection.keep_packages": False,
}
# Of a serverless stage alone, and so not of prod.
OTHER_SERVERLESS: dict[str, Any] = {
    "endpoint.serverless_memory_mb": 6_144,
    "endpoint.serverless_concurrency": 7,
}

# What CDK tells CloudFormation beside the template, what `operate` alone reads, and the account's
# quota, which only bounds what may be reserved.
# Both or neither: test_infra_network.py tries them.
TOGETHER = ("network.subnet_ids", "network.security_group_ids")
NOT_IN_TEMPLATES = (
    *("label", "tags", "protection.termination", "protection.confirm"),
    "runtime.account_concurrency",
    # Of the Delivery stack alone: tests/delivery tries them.
    *(f"delivery.{name}" for name in ("repository", "repository_ids", "environment")),
    "delivery.deployer_principals",
    "delivery.provider_arn",
)


def paths(kind: type[Any], before: str = "") -> list[str]:
    """The dotted names of all values of a stage."""
    found = []
    for field in msgspec.structs.fields(kind):
        name = f"{before}{field.name}"
        nested = isinstance(field.type, type) and issubclass(field.type, msgspec.Struct)
        found += paths(field.type, f"{name}.") if nested else [name]
    return found


def test_every_value_is_tried() -> None:
    assert sorted([*OTHER, *OTHER_SERVERLESS, *NOT_IN_TEMPLATES, *TOGETHER]) == sorted(paths(Stage))


@pytest.mark.parametrize("path", OTHER)
def test_every_value_of_a_stage_changes_something(
    path: str, prod: Templates, tmp_path: Path
) -> None:
    changed = synthesise("prod", tmp_path, with_value("prod", path, OTHER[path]))
    assert changed.stacks != prod.stacks


@pytest.mark.parametrize("path", OTHER_SERVERLESS)
def test_every_value_of_a_serverless_stage_does(
    path: str, every_stage: dict[str, Templates], tmp_path: Path
) -> None:
    changed = synthesise("dev", tmp_path, with_value("dev", path, OTHER_SERVERLESS[path]))
    assert changed.stacks != every_stage["dev"].stacks


def stack_properties(folder: Path, path: str, value: object) -> list[Any]:
    """What is told to CloudFormation of each stack of prod, with one value changed."""
    synthesise("prod", folder, with_value("prod", path, value))
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"].values()
    stacks = [body for body in artifacts if body["type"] == "aws:cloudformation:stack"]
    assert len(stacks) == 7
    return [body["properties"] for body in stacks]


def test_tags_are_those_of_every_stack(tmp_path: Path) -> None:
    """CloudFormation hands them on to all resources; the templates hold none."""
    stacks = stack_properties(tmp_path, "tags", {"team": "stars"})
    wanted = {"application": "review-stars", "stage": "prod", "team": "stars"}
    assert all(properties["tags"] == wanted for properties in stacks)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_protected_stage_s_stacks_cannot_be_deleted(tmp_path: Path, wanted: bool) -> None:
    stacks = stack_properties(tmp_path, "protection.termination", wanted)
    assert [properties.get("terminationProtection", False) for properties in stacks] == [wanted] * 7


def test_a_value_that_changes_nothing_would_be_found(prod: Templates, tmp_path: Path) -> None:
    same = prod.stage.learning.volume_gib
    changed = synthesise("prod", tmp_path, with_value("prod", "learning.volume_gib", same))
    assert changed.stacks == prod.stacks


def test_an_unknown_stage_says_which_are_known() -> None:
    with pytest.raises(StageError, match="unknown stage 'test': known are dev, local, prod"):
        Stage.read("test")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"colour": "red"}, "colour"),
        ({"region": 7}, "region"),
        ({"learning": {"tracking_uri": "aap"}}, "tracking_uri 'aap' is not empty, a URL, an ARN"),
        (
            {"endpoint": {"instance_type": "ml.c7i.tiny"}},
            r"instance_type 'ml.c7i.tiny' .* hosting: sizes are ml.c7i.large, .*endpoint",
        ),
        ({"endpoint": {"instance_type": "ml.c9z.large"}}, "families are ml.c4, ml.c5, .*endpoint"),
        ({"endpoint": {"instance_type": "ml.c7g.large"}}, "no x86 CPU instance type"),
        ({"learning": {"instance_type": "ml.t2.large"}}, "training and processing: .*learning"),
        (
            {"endpoint": {"serverless_memory_mb": 1500}},
            "serverless_memory_mb 1500 is none of 1024, 2048, .*endpoint",
        ),
        ({"endpoint": {"serverless_concurrency": 201}}, "201 is not from 1 to 200 .*endpoint"),
        ({"endpoint": {"instance_count": 0}}, "instance_count 0 is not from 1 to 100"),
        (
            {"endpoint": {"instance_count": 5}},
            "max_instance_count 4 is less than instance_count 5: name as many",
        ),
        (
            {"endpoint": {"instance_type": "ml.t2.large"}},
            "instance_type ml.t2.large is of a kind with bursts, which SageMaker does not scale",
        ),
        ({"endpoint": {"canary_wait_seconds": 3601}}, "3601 is not from 0 to 3,600"),
        ({"learning": {"schedule": "rate(1 days)"}}, r"schedule 'rate\(1 days\)' is not empty"),
        ({"monitoring": {"schedule": ""}}, "schedule '' is not a schedule expression"),
        ({"monitoring": {"alarms_needed": 4}}, "alarms_needed 4 is more than alarms_of 3"),
        ({"runtime": {"python": "3.10"}}, "python '3.10' is none of same, 3.11"),
        ({"alerts": {"emails": ["oncall"]}}, "emails 'oncall' is not an address .*alerts"),
        ({"api": {"client_principals": ["shop"]}}, "client_principals 'shop' is not the ARN"),
        ({"data": {"keep_columns": ["colour"]}}, "keep_columns 'colour' is none of asin, .*data"),
        ({"learning": {"image_uri": "review-stars"}}, "image_uri 'review-stars' is not empty"),
        ({"account": "22222222222"}, "account '22222222222' is not the 12 digits"),
        ({"region": "Frankfurt"}, "region 'Frankfurt' is not the name of a Region"),
        ({"protection": {"confirm": ["deploy"]}}, "protection.confirm"),
        ({"audit": {"trail": "none"}}, "audit.trail"),
        ({"network": {"subnet_ids": ["subnet-1"]}}, "name both or neither"),
        ({"network": {"subnet_ids": ["a"]}}, "'a' is not the id of a subnet"),
        ({"cost": {"idle_hours": 0, "sleep_when_idle": True}}, "sleep_when_idle needs idle_hours"),
        ({"permissions_boundary": "most"}, "'most' is not empty, or the ARN of a managed policy"),
        ({"learning": {"approver_principals": ["lead"]}}, "'lead' is not the ARN of a principal"),
        (
            {"api": {"client_principals": ["arn:aws:iam::1:role/a"]}},
            "client_principals '?arn|client_principals .*principal",
        ),
        ({"runtime": {"account_concurrency": 10}}, "are 400 together; .* lets 0 be reserved"),
        ({"api": {"reserved_concurrency": 701}}, "are 901 together; .* lets 900 be reserved"),
        ({"data": {"worker_concurrency": 99}}, "data.max_concurrency 100 is more workers"),
        ({"data": {"detector": "guess"}}, r"detector 'guess' is none of py3langid-25, .*data"),
    ],
)
def test_a_stage_file_that_is_wrong_says_where(
    content: dict[str, Any], why: str, tmp_path: Path
) -> None:
    values = msgspec.yaml.decode((CONFIGS / "prod.yaml").read_bytes())
    for part, change in content.items():
        values[part] = {**values[part], **change} if isinstance(change, dict) else change
    (tmp_path / "prod.yaml").write_bytes(msgspec.yaml.encode(values))
    with pytest.raises(StageError, match=rf"configs/prod\.yaml: .*{why}"):
        Stage.read("prod", tmp_path)


@pytest.mark.parametrize("label", ["Dev", "dev_two", "dev--two", "-dev", "2dev", "d" * 15])
def test_a_label_that_no_name_can_hold_is_refused(label: str, tmp_path: Path) -> None:
    """It ends up in names of buckets, roles and endpoints."""
    (tmp_path / f"{label}.yaml").write_bytes((CONFIGS / "dev.yaml").read_bytes())
    with pytest.raises(StageError, match=rf"configs/{label}\.yaml: label '{label}' (is not|has 1)"):
        Stage.read(label, tmp_path)


def unlimited(kind: type[Any], before: str = "") -> list[str]:
    """Numbers, texts and lists of texts of a stage that may be anything."""
    found = []
    for field in msgspec.structs.fields(kind):
        name = f"{before}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found += unlimited(field.type, f"{name}.")
        elif field.type in (int, str, list[str]) and field.name not in kind.limits:
            found.append(name)
    return found


def test_every_value_has_its_limits() -> None:
    assert unlimited(Stage) == []
