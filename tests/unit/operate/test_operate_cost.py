"""What a stage costs, from templates: by part, idle, under load and asleep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from operate import cost
from operate.assembly import assembly_of
from operate.cost import Stacks, Usage, compare, describe, estimate, read_templates
from operate.errors import InputError
from operate.place import Place

REGION = cost.prices().region


def endpoint(instance: str = "ml.c7i.large", count: int = 2) -> tuple[str, dict[str, Any]]:
    variant = {"InstanceType": instance, "InitialInstanceCount": count}
    return "AWS::SageMaker::EndpointConfig", {"ProductionVariants": [variant]}


def serverless(megabytes: int) -> tuple[str, dict[str, Any]]:
    variant = {"ServerlessConfig": {"MemorySizeInMB": megabytes}}
    return "AWS::SageMaker::EndpointConfig", {"ProductionVariants": [variant]}


def stacks(*resources: tuple[str, dict[str, Any]]) -> Stacks:
    return Stacks(list(resources))


def test_instances_are_paid_by_the_hour_and_not_while_they_sleep() -> None:
    found = estimate(stacks(endpoint()), Usage(requests_per_day=1000), REGION).total
    assert found.idle == pytest.approx(2 * 730 * cost.prices().prices["ml.c7i.large hour"])
    assert (found.load, found.asleep) == (found.idle, 0)


def test_a_serverless_endpoint_is_paid_by_the_request() -> None:
    found = estimate(stacks(serverless(2048)), Usage(requests_per_day=1000), REGION).total
    assert found.idle == 0
    assert found.load == pytest.approx(1000 * 365 / 12 * 0.1 * 2 * 0.00002)


def test_a_firewall_is_paid_by_its_rules_and_requests() -> None:
    acl = ("AWS::WAFv2::WebACL", {"Rules": [{}, {}, {}, {}]})
    found = estimate(stacks(acl), Usage(requests_per_day=1_000_000), REGION).total
    assert (found.idle, found.asleep) == (9, 9)
    assert found.load == pytest.approx(9 + 0.6 * 365 / 12)


def test_the_probe_s_questions_cost_what_a_client_s_do() -> None:
    rule = (
        "AWS::Events::Rule",
        {"Name": "stars-prod-probe", "ScheduleExpression": "rate(1 minute)"},
    )
    acl = ("AWS::WAFv2::WebACL", {"Rules": []})
    probed = estimate(stacks(rule, acl), Usage(), REGION).total
    assert probed.idle == pytest.approx(5 + 0.6e-6 * 730 * 60)
    asked = estimate(stacks(acl), Usage(requests_per_day=1440), REGION).total
    assert asked.load == pytest.approx(probed.idle)


def test_an_alarm_is_paid_by_its_metrics() -> None:
    stat = {"MetricStat": {"Period": 60}}
    both = ("AWS::CloudWatch::Alarm", {"Metrics": [stat, stat, {"Expression": "a / b"}]})
    quick = ("AWS::CloudWatch::Alarm", {"Period": 10})
    plain = ("AWS::CloudWatch::Alarm", {"Period": 60})
    assert [estimate(stacks(a), Usage(), REGION).total.idle for a in (both, quick, plain)] == [
        pytest.approx(price) for price in (0.2, 0.3, 0.1)
    ]


def test_a_schedule_s_training_runs_are_counted_by_its_rate() -> None:
    target = {"Input": '{"reason":"schedule"}'}
    rule = ("AWS::Events::Rule", {"ScheduleExpression": "rate(7 days)", "Targets": [target]})
    other = ("AWS::Events::Rule", {"ScheduleExpression": "rate(1 hour)", "Targets": [{}]})
    body = json.dumps({"Resources": {"InstanceType": "ml.m5.xlarge"}})
    pipeline = (
        "AWS::SageMaker::Pipeline",
        {"PipelineDefinition": {"PipelineDefinitionBody": body}},
    )
    found = estimate(stacks(rule, other, pipeline), Usage(), REGION).parts["training jobs"]
    assert found.idle == pytest.approx(730 / (7 * 24) * 0.1 * 0.23)


def test_an_unknown_type_is_named_and_not_silently_free() -> None:
    kinds = ["AWS::Bedrock::Agent", "AWS::Bedrock::Agent", "AWS::IAM::Role"]
    found = estimate(stacks(*((kind, {}) for kind in kinds)), Usage(), REGION)
    assert found.unpriced == {"AWS::Bedrock::Agent": 2}
    assert "NOT PRICED, so all of it is at least: AWS::Bedrock::Agent (2)." in describe(
        found, Usage()
    )


def test_an_instance_without_a_price_is_named() -> None:
    with pytest.raises(InputError, match=r"no price for 'ml\.p5\.48xlarge hour'"):
        estimate(stacks(endpoint("ml.p5.48xlarge")), Usage(), REGION)


def test_another_region_is_refused() -> None:
    with pytest.raises(InputError, match="the stage lives in eu-central-1"):
        estimate(stacks(endpoint()), Usage(), "eu-central-1")


def test_the_parts_add_up_to_the_whole() -> None:
    found = estimate(stacks(endpoint(), ("AWS::KMS::Key", {})), Usage(), REGION)
    assert found.total.idle == pytest.approx(sum(part.idle for part in found.parts.values()))
    assert describe(found, Usage()).count(f"${found.total.idle:,.2f}") == 2


def test_what_changes_is_a_table_of_the_parts_that_change() -> None:
    key = ("AWS::KMS::Key", {})
    before = estimate(stacks(endpoint(count=1), key), Usage(), REGION)
    after = estimate(stacks(endpoint(count=2), key), Usage(), REGION)
    table = compare(before, after).splitlines()
    assert (
        table[2] == "| endpoint | $78.18 → $156.37 (+78.18) | $78.18 → $156.37 (+78.18) | $0.00 |"
    )
    assert [line.split(" | ")[0] for line in table[2:4]] == ["| endpoint", "| **all**"]
    assert "→" not in compare(after, after)


def test_a_folder_without_templates_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no templates"):
        read_templates(tmp_path)


@pytest.mark.parametrize("source", ["no-such-commit", "--help"])
def test_what_is_neither_folder_nor_commit_is_refused(source: str) -> None:
    with (
        pytest.raises(InputError, match="is no commit of this clone"),
        assembly_of(Place("prod"), source),
    ):
        pass


def test_every_price_says_its_day_and_source() -> None:
    table = cost.prices()
    assert table.date >= "2026-11-28"
    assert table.source.startswith("https://aws.amazon.com/pricing")
    assert all(price >= 0 for price in table.prices.values())


@pytest.mark.parametrize(
    ("requests_per_day", "instances"),
    [(0, 2), (3_000 * 1_440 * 2, 2), (3_000 * 1_440 * 2 + 1, 3), (1e9, 4)],
)
def test_a_load_pays_for_the_instances_that_it_brings(
    requests_per_day: float, instances: int
) -> None:
    variant = {"InstanceType": "ml.c7i.large", "InitialInstanceCount": 2}
    tracked = {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 3_000}}
    stacks = Stacks(
        [
            ("AWS::SageMaker::EndpointConfig", {"ProductionVariants": [variant]}),
            ("AWS::ApplicationAutoScaling::ScalableTarget", {"MaxCapacity": 4}),
            ("AWS::ApplicationAutoScaling::ScalingPolicy", tracked),
        ]
    )
    found = estimate(stacks, Usage(requests_per_day=requests_per_day), "us-east-1")
    endpoint = found.parts["endpoint"]
    assert endpoint.idle == pytest.approx(2 * 730 * 0.1071)
    assert endpoint.load == pytest.approx(instances * 730 * 0.1071)
