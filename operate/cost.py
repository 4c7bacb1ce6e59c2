"""What a month of a stage costs, from its templates and the price table beside this file.

Idle: deployed, a model released, its schedules running, nobody asking. Under load: the requests
and reviews that were named, besides. Asleep: idle after `make sleep`. Free tiers are left out.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

import msgspec

from operate.errors import InputError

PRICES = Path(__file__).with_name("prices.yaml")
HOURS, DAYS = 730.0, 365 / 12  # of a month
# Estimates, each of one thing, that no template says.
REQUEST_SECONDS = 0.1  # of the ratings function, and of a serverless endpoint
REQUEST_LOG_GB = 2e-6  # its lines and the access log's
REQUEST_ANSWER_GB = 1e-6
STREAM_RECORD_GB = 5e-6  # what Firehose counts a record as
REVIEWS_A_SECOND = 24_400  # of one worker: 61,000 a CPU second here, Lambda 2.5 times slower
REVIEWS_A_SHARD = 500_000
REVIEW_GB = 5e-7
JOB_HOURS = 0.1  # of each step of a training run, start-up included
RUN_TRANSITIONS = 300  # of the Learn machine, which looks every half minute
CHECK_SECONDS = 10  # of the monitor
IDLE_LOG_GB = 0.01  # of one log group
IDLE_KEY_REQUESTS = 20_000
IDLE_BUCKET_GB = 1.0
# Custom metrics of one function, idle and under load besides; a metric is paid by the hour.
METRICS = {
    "ratings": (0, 10),
    "preprocess": (0, 3),
    "monitor": (10, 16),
    "release": (0, 1),
    "probe": (4, 0),
}
SCHEDULED = json.dumps('"reason":"schedule"').strip('"')  # what a schedule tells Learn
PROBE = "-probe"  # the end of its rule's name
MAIL = 100  # messages of a month in which something goes wrong


TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
HEADER = ("part", "idle", "under load", "asleep")
RULE = ("---", "---:", "---:", "---:")


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars by unit, of one region and day."""

    region: str
    date: str
    source: str
    prices: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What is asked of a stage besides being there."""

    requests_per_day: float = 0
    reviews_per_month: float = 0

    @property
    def requests(self) -> float:
        """Requests a month."""
        return self.requests_per_day * DAYS


@dataclass(frozen=True)
class Charge:
    """Units of one price in a month: those of an idle stage, and those that its load adds.

    sleeps: whether `make sleep` ends it.
    """

    part: str
    price: str
    idle: float
    load: float = 0.0
    sleeps: bool = False


@dataclass
class Costs:
    """Dollars a month of a part, or of all."""

    idle: float = 0.0
    load: float = 0.0
    asleep: float = 0.0

    def __add__(self, other: Costs) -> Costs:
        return Costs(self.idle + other.idle, self.load + other.load, self.asleep + other.asleep)


@dataclass(frozen=True)
class Estimate:
    """Costs by part, and the resource types that the table has no price for, with their number."""

    parts: dict[str, Costs]
    unpriced: dict[str, int]

    @property
    def total(self) -> Costs:
        """The sum of all parts."""
        return sum(self.parts.values(), Costs())


@dataclass(frozen=True)
class Stacks:
    """The templates of a stage as one, with what is derived from all of them."""

    resources: list[tuple[str, Mapping[str, Any]]]

    @property
    def training_runs(self) -> float:
        """Runs a month that a schedule starts."""
        return sum(
            _starts(rule) for rule in self._rules() if SCHEDULED in json.dumps(rule["Targets"])
        )

    @property
    def probes(self) -> float:
        """Questions a month that the probe asks; they cost what a client's cost."""
        return sum(
            _starts(rule) for rule in self._rules() if str(rule.get("Name", "")).endswith(PROBE)
        )

    def _rules(self) -> list[Mapping[str, Any]]:
        return [p for kind, p in self.resources if kind == "AWS::Events::Rule"]

    def instances_under(self, usage: Usage) -> int:
        """Instances that scaling has for a load spread evenly; 0 where nothing scales.

        Peaks take more: what scaling then adds is paid for as long as it is there.
        """
        policies = [p for kind, p in self.resources if kind == POLICY]
        limits = [p["MaxCapacity"] for kind, p in self.resources if kind == TARGET]
        a_minute = usage.requests_per_day / (24 * 60)
        wanted = [
            ceil(a_minute / p["TargetTrackingScalingPolicyConfiguration"]["TargetValue"])
            for p in policies
        ]
        return min(*wanted, *limits) if policies and limits else 0


Pricing = Callable[[Mapping[str, Any], Stacks, Usage], Iterator[Charge]]


@cache
def prices() -> Prices:
    """The price table."""
    return msgspec.yaml.decode(PRICES.read_bytes(), type=Prices)


def read_templates(folder: Path) -> Stacks:
    """The templates of a folder that `make synth` wrote.

    Raises InputError where it holds none.
    """
    bodies = [json.loads(path.read_text()) for path in sorted(folder.glob("*.template.json"))]
    if not bodies:
        raise InputError(f"{folder} holds no templates: name a folder that `make synth` wrote")
    return Stacks(
        [
            (r["Type"], r.get("Properties", {}))
            for body in bodies
            for r in body["Resources"].values()
        ]
    )


def estimate(stacks: Stacks, usage: Usage, region: str) -> Estimate:
    """What the templates cost a month. Raises InputError where the prices are of another region."""
    table = prices()
    if region != table.region:
        raise InputError(
            f"{PRICES.name} has the prices of {table.region}, and the stage lives in {region}: "
            "write that region's table first"
        )
    parts: dict[str, Costs] = defaultdict(Costs)
    unpriced: dict[str, int] = defaultdict(int)
    for kind, properties in stacks.resources:
        if kind in FREE:
            continue
        if kind not in PRICED:
            unpriced[kind] += 1
            continue
        for charge in PRICED[kind](properties, stacks, usage):
            parts[charge.part] += _cost(charge, table)
    return Estimate(dict(sorted(parts.items())), dict(unpriced))


def _cost(charge: Charge, table: Prices) -> Costs:
    if charge.price not in table.prices:
        raise InputError(
            f"{PRICES.name} has no price for {charge.price!r}: add it, with its source"
        )
    price = table.prices[charge.price]
    idle = charge.idle * price
    return Costs(idle, idle + charge.load * price, 0.0 if charge.sleeps else idle)


def describe(found: Estimate, usage: Usage) -> str:
    """The estimate as a Markdown table, with what it rests on."""
    rows = [HEADER, RULE]
    for name, cost in [*found.parts.items(), ("**all**", found.total)]:
        rows.append((name, _usd(cost.idle), _usd(cost.load), _usd(cost.asleep)))
    load = (
        f"{usage.requests_per_day:,.0f} requests a day, "
        f"{usage.reviews_per_month:,.0f} reviews a month"
    )
    return "\n".join(
        [*(f"| {' | '.join(row)} |" for row in rows), "", _basis(found), f"Load: {load}."]
    )


def compare(before: Estimate, after: Estimate) -> str:
    """What changes between two estimates, as a Markdown table; equal parts are left out."""
    rows: list[tuple[str, ...]] = [HEADER, RULE]
    names = sorted({*before.parts, *after.parts})
    pairs = [(n, before.parts.get(n, Costs()), after.parts.get(n, Costs())) for n in names]
    for name, old, new in [*pairs, ("**all**", before.total, after.total)]:
        cells = [
            _change(getattr(old, column), getattr(new, column))
            for column in ("idle", "load", "asleep")
        ]
        if any("→" in cell for cell in cells) or name == "**all**":
            rows.append((name, *cells))
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", _basis(after)])


def _change(old: float, new: float) -> str:
    if _usd(old) == _usd(new):
        return _usd(new)
    return f"{_usd(old)} → {_usd(new)} ({new - old:+,.2f})"


def _usd(dollars: float) -> str:
    return f"${dollars:,.2f}"


def _basis(found: Estimate) -> str:
    table = prices()
    without = ", ".join(f"{kind} ({n})" for kind, n in sorted(found.unpriced.items()))
    missing = f" NOT PRICED, so all of it is at least: {without}." if without else ""
    return (
        f"US dollars a month in {table.region}, prices of {table.date}, {table.source}; "
        f"estimates of what no template says stand in operate/cost.py.{missing}"
    )


def _starts(rule: Mapping[str, Any]) -> float:
    """How often a month a schedule starts its targets; a cron expression counts as once a day."""
    expression = str(rule.get("ScheduleExpression", ""))
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        hours = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}[match[2]]
        return HOURS / (int(match[1]) * hours)
    return DAYS if expression else 0.0


def _endpoint(properties: Mapping[str, Any], stacks: Stacks, usage: Usage) -> Iterator[Charge]:
    for variant in properties["ProductionVariants"]:
        if serverless := variant.get("ServerlessConfig"):
            gigabytes = serverless["MemorySizeInMB"] / 1024
            each = REQUEST_SECONDS * gigabytes
            probes, used = stacks.probes * each, usage.requests * each
            yield Charge("endpoint", "serverless inference GB-second", probes, used, sleeps=True)
        else:
            count = variant["InitialInstanceCount"]
            more = max(0, stacks.instances_under(usage) - count) * HOURS
            price = f"{variant['InstanceType']} hour"
            yield Charge("endpoint", price, count * HOURS, more, sleeps=True)


def _function(properties: Mapping[str, Any], stacks: Stacks, usage: Usage) -> Iterator[Charge]:
    package = str(properties["Handler"]).split(".")[1]
    [architecture] = properties.get("Architectures", ["x86_64"])
    gigabytes = properties.get("MemorySize", 128) / 1024
    calls, load, seconds = 0.0, 0.0, 1.0
    if package == "ratings":
        calls, load, seconds = stacks.probes, usage.requests, REQUEST_SECONDS
    elif package == "probe":
        calls, seconds = stacks.probes, 2 * REQUEST_SECONDS
    elif package == "monitor":
        calls, seconds = HOURS, CHECK_SECONDS
    elif package == "preprocess":
        load = usage.reviews_per_month / REVIEWS_A_SHARD
        seconds = 2 + REVIEWS_A_SHARD / REVIEWS_A_SECOND
    elif package == "learn":
        calls = stacks.training_runs
    yield Charge("functions", f"function {architecture} GB-second",
                 calls * seconds * gigabytes, load * seconds * gigabytes)  # fmt: skip
    yield Charge("functions", "function request", calls, load)
    idle_metrics, more = METRICS.get(package, (0, 0))
    yield Charge("metrics", "custom metric month", idle_metrics, more if usage.requests else 0)


def _alarm(properties: Mapping[str, Any], _: Stacks, __: Usage) -> Iterator[Charge]:
    metrics = [m for m in properties.get("Metrics", [{"MetricStat": {}}]) if "MetricStat" in m]
    quick = any(m["MetricStat"].get("Period", properties.get("Period", 60)) < 60 for m in metrics)
    price = "high-resolution alarm metric month" if quick else "alarm metric month"
    yield Charge("alarms", price, len(metrics))


def _firewall(properties: Mapping[str, Any], stacks: Stacks, usage: Usage) -> Iterator[Charge]:
    yield Charge("firewall", "firewall month", 1)
    yield Charge("firewall", "firewall rule month", len(properties.get("Rules", [])))
    yield Charge("firewall", "firewall request", stacks.probes, usage.requests)


def _api(_: Mapping[str, Any], stacks: Stacks, usage: Usage) -> Iterator[Charge]:
    yield Charge("API", "API request", stacks.probes, usage.requests)
    yield Charge("API", "transfer out GB", 0, usage.requests * REQUEST_ANSWER_GB)
    yield Charge("logs", "log ingested GB", 0, usage.requests * REQUEST_LOG_GB)


def _logs(_: Mapping[str, Any], __: Stacks, ___: Usage) -> Iterator[Charge]:
    yield Charge("logs", "log ingested GB", IDLE_LOG_GB)
    yield Charge("logs", "log kept GB-month", IDLE_LOG_GB)


def _key(properties: Mapping[str, Any], __: Stacks, usage: Usage) -> Iterator[Charge]:
    yield Charge("keys", "key month", 1)
    if "KeySpec" in properties:  # it signs a model now and then, and encrypts nothing
        return
    yield Charge("keys", "key request", IDLE_KEY_REQUESTS, usage.requests * 0.1)


def _bucket(_: Mapping[str, Any], __: Stacks, usage: Usage) -> Iterator[Charge]:
    gigabytes = usage.reviews_per_month * REVIEW_GB + usage.requests * REVIEW_GB
    yield Charge("storage", "object GB-month", IDLE_BUCKET_GB, gigabytes)
    yield Charge("storage", "object write", 1_000, usage.reviews_per_month / REVIEWS_A_SHARD * 10)


def _stream(_: Mapping[str, Any], __: Stacks, usage: Usage) -> Iterator[Charge]:
    yield Charge("streams", "stream GB", 0, usage.requests * STREAM_RECORD_GB)


def _machine(properties: Mapping[str, Any], stacks: Stacks, usage: Usage) -> Iterator[Charge]:
    name = str(properties.get("StateMachineName", ""))
    idle = stacks.training_runs * RUN_TRANSITIONS if name.endswith("-learn") else 0.0
    shards = usage.reviews_per_month / REVIEWS_A_SHARD
    yield Charge("machines", "state transition", idle,
                 shards * 5 if name.endswith("-preprocess") else 0)  # fmt: skip


def _pipeline(properties: Mapping[str, Any], stacks: Stacks, usage: Usage) -> Iterator[Charge]:
    """Spot counts in full: it saves what nobody can promise. New reviews start one run more."""
    more = JOB_HOURS if usage.reviews_per_month else 0.0
    text = json.dumps(properties["PipelineDefinition"]).replace("\\", "")
    for instance in re.findall(r'"InstanceType": ?"(ml\.[a-z0-9.]+)"', text):
        yield Charge("training jobs", f"{instance} hour", stacks.training_runs * JOB_HOURS, more)


def _vpc_endpoint(properties: Mapping[str, Any], _: Stacks, __: Usage) -> Iterator[Charge]:
    if properties.get("VpcEndpointType") == "Interface":
        hours = HOURS * len(properties.get("SubnetIds", [None]))
        yield Charge("network", "interface endpoint hour", hours)


def _fixed(part: str, price: str, units: float, per_request: float = 0.0) -> Pricing:
    """A price that depends on nothing but that the resource is there."""

    def pricing(_: Mapping[str, Any], __: Stacks, usage: Usage) -> Iterator[Charge]:
        yield Charge(part, price, units, usage.requests * per_request)

    return pricing


PRICED: dict[str, Pricing] = {
    "AWS::ApiGateway::RestApi": _api,
    POLICY: _fixed("alarms", "alarm metric month", 2),
    "AWS::CloudTrail::Trail": _fixed("audit", "data event", 10_000),
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _fixed("alarms", "composite alarm month", 1),
    "AWS::CloudWatch::Dashboard": _fixed("dashboard", "dashboard month", 1),
    "AWS::EC2::NatGateway": _fixed("network", "NAT gateway hour", HOURS),
    "AWS::EC2::VPCEndpoint": _vpc_endpoint,
    "AWS::ECR::Repository": _fixed("images", "image GB-month", 1),
    "AWS::KMS::Key": _key,
    "AWS::KinesisFirehose::DeliveryStream": _stream,
    "AWS::Lambda::Function": _function,
    "AWS::Logs::LogGroup": _logs,
    "AWS::S3::Bucket": _bucket,
    "AWS::SNS::Topic": _fixed("notifications", "mail", MAIL),
    "AWS::SQS::Queue": _fixed("notifications", "queue request", 1_000),
    "AWS::SageMaker::EndpointConfig": _endpoint,
    "AWS::SageMaker::MlflowApp": _fixed("tracking", "MLflow app month", 1),
    "AWS::SageMaker::Pipeline": _pipeline,
    "AWS::StepFunctions::StateMachine": _machine,
    "AWS::WAFv2::WebACL": _firewall,
}
# What AWS asks nothing for by itself.
FREE = {
    *(f"AWS::ApiGateway::{part}" for part in (
        "Account", "Deployment", "GatewayResponse", "Method", "Model", "RequestValidator",
        "Resource", "Stage",
    )),
    *(f"AWS::IAM::{part}" for part in ("ManagedPolicy", "OIDCProvider", "Policy", "Role")),
    *(f"AWS::Lambda::{part}" for part in ("Alias", "EventInvokeConfig", "Permission", "Version")),
    *(f"AWS::Logs::{part}" for part in ("LogStream", "MetricFilter", "ResourcePolicy")),
    "AWS::SageMaker::Endpoint", "AWS::SageMaker::Model", "AWS::SageMaker::ModelPackageGroup",
    *(f"AWS::SNS::{part}" for part in ("Subscription", "TopicPolicy")),
    *(f"AWS::WAFv2::{part}" for part in ("LoggingConfiguration", "WebACLAssociation")),
    *(f"AWS::EC2::{part}" for part in (
        "InternetGateway", "Route", "RouteTable", "SecurityGroup", "SecurityGroupEgress",
        "SecurityGroupIngress", "Subnet", "SubnetRouteTableAssociation", "VPC",
        "VPCGatewayAttachment",
    )),
    TARGET,
    "AWS::Budgets::Budget",  # its notices are free; actions are not, and there are none
    "AWS::CDK::Metadata",
    "AWS::Events::Rule",  # our own events: a few thousand a month at $1 a million
    "AWS::KMS::Alias",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::Parameter",
}  # fmt: skip
