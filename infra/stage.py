"""A stage: what differs between two deployments of this app, and every name made from it.

The one home of the list of stages, their files and their names; it knows no CDK, so that whoever
builds or operates a stage reads it here.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import msgspec

from infra.instance_types import HOSTING, JOBS
from infra.limits import EMAIL, SCHEDULE, Each, Form, InstanceType, Limit, OneOf, Range
from lambdas.contract import events, names
from reviews.language import DETECTORS
from reviews.schema import OPTIONAL_COLUMNS

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
NOT_STAGES = {"model", "drift"}
OWN_TRACKING = "app"  # an MLflow app that the stage makes
TRACKING = re.compile(
    rf"|{OWN_TRACKING}|https?://\S+"
    r"|arn:aws:sagemaker:[a-z0-9-]+:\d{12}:mlflow-(app|tracking-server)/\S+"
)
PRINCIPAL = r"arn:aws:(iam|sts)::\d{12}:\S+"
MIN_UNRESERVED = 100  # executions that Lambda lets nobody reserve
SETTINGS_SCHEDULE = "a schedule expression of EventBridge, as rate(7 days) or cron(0 6 * * ? *)"
DAYS, DAYS_OR_EVER, MINUTES = Range(1, 3_650), Range(0, 3_650), Range(0, 1_440)
RESERVED = Range(0, 100_000)
MAX_BUCKET_CHARACTERS = 63
LONGEST_BUCKET = "observations"
GUARDRAILS = ("endpoint-errors", "endpoint-latency", "api-errors")


class StageError(ValueError):
    """A stage that is unknown or that its file describes wrongly."""


class StagePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a stage file; a key that is not a field is an error, and so is a value out of its
    limits."""

    limits: ClassVar[Mapping[str, Limit]] = {}

    def __post_init__(self) -> None:
        for name, limit in self.limits.items():
            if fault := limit.fault(getattr(self, name)):
                raise ValueError(f"{name} {fault}")


class RuntimeSettings(StagePart, frozen=True, kw_only=True):
    """What the Lambda functions run on; "same" is the interpreter that runs this program."""

    python: str
    architecture: Literal["x86_64", "arm64"]
    account_concurrency: int

    limits: ClassVar[Mapping[str, Limit]] = {
        "python": OneOf(("same", "3.11", "3.12", "3.13", "3.14")),
        "account_concurrency": Range(10, 1_000_000),
    }


class DataSettings(StagePart, frozen=True, kw_only=True):
    """How reviews are kept and refined."""

    retention_days: int
    raw_days: int
    observations_days: int
    audit_days: int
    access_log_days: int
    remove_on_destroy: bool
    max_concurrency: int
    worker_concurrency: int
    max_shard_bytes: int
    keep_columns: list[str]
    detector: str

    limits: ClassVar[Mapping[str, Limit]] = {
        "retention_days": DAYS,
        **dict.fromkeys(
            ("raw_days", "observations_days", "audit_days", "access_log_days"), DAYS_OR_EVER
        ),
        "worker_concurrency": RESERVED,
        "max_concurrency": Range(1, 1_000),
        "max_shard_bytes": Range(1_000_000, 350_000_000),  # six times as much fits a worker's disk
        "keep_columns": Each(OneOf(OPTIONAL_COLUMNS)),
        "detector": OneOf(tuple(DETECTORS)),
    }


class LearningSettings(StagePart, frozen=True, kw_only=True):
    """How models are made and who approves them."""

    image_uri: str
    instance_type: str
    volume_gib: int
    max_runtime_seconds: int
    spot: bool
    folds: int
    settle_minutes: int
    approve: Literal["automatic", "manual"]
    signature: Literal["required", "when-present"]
    approver_principals: list[str]
    promoter_principals: list[str]
    schedule: str
    tracking_uri: str
    step_cache: bool

    limits: ClassVar[Mapping[str, Limit]] = {
        **dict.fromkeys(
            ("approver_principals", "promoter_principals"),
            Each(Form(PRINCIPAL, "the ARN of a principal of IAM")),
        ),
        "image_uri": Form(
            r"|[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+([:@]\S+)?", "empty, or an image with its registry"
        ),
        "instance_type": InstanceType(JOBS, "training and processing"),
        "volume_gib": Range(1, 16_384),
        "max_runtime_seconds": Range(60, 432_000),
        "folds": Range(2, 20),
        "settle_minutes": MINUTES,
        "schedule": Form(f"|{SCHEDULE}", f"empty, and not {SETTINGS_SCHEDULE}"),
        "tracking_uri": Form(
            TRACKING.pattern, f"empty, a URL, an ARN of SageMaker's MLflow or {OWN_TRACKING!r}"
        ),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.approver_principals and self.approve == "automatic":
            raise ValueError("approver_principals are of a stage with `approve: manual`")


class EndpointSettings(StagePart, frozen=True, kw_only=True):
    """What answers, and how carefully it is replaced."""

    kind: Literal["instances", "serverless"]
    instance_type: str
    instance_count: int
    max_instance_count: int
    invocations_per_instance: int
    serverless_memory_mb: int
    serverless_concurrency: int
    canary_wait_seconds: int

    limits: ClassVar[Mapping[str, Limit]] = {
        "instance_type": InstanceType(HOSTING, "hosting"),
        "instance_count": Range(1, 100),
        "max_instance_count": Range(1, 100),
        "invocations_per_instance": Range(1, 1_000_000),
        "serverless_memory_mb": OneOf((1_024, 2_048, 3_072, 4_096, 5_120, 6_144)),
        "serverless_concurrency": Range(1, 200),
        "canary_wait_seconds": Range(0, 3_600),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_instance_count < self.instance_count:
            raise ValueError(
                f"max_instance_count {self.max_instance_count} is less than instance_count "
                f"{self.instance_count}: name as many, where the endpoint does not scale"
            )
        if self.scales and self.instance_type.startswith("ml.t"):
            raise ValueError(
                f"instance_type {self.instance_type} is of a kind with bursts, which SageMaker "
                "does not scale: name another, or max_instance_count as instance_count"
            )

    @property
    def scales(self) -> bool:
        """Whether instances are added and taken away with the load."""
        return self.kind == "instances" and self.max_instance_count > self.instance_count


class ApiSettings(StagePart, frozen=True, kw_only=True):
    """Who may ask, and how often."""

    throttle_rate: int
    throttle_burst: int
    reserved_concurrency: int
    waf: bool
    capture_words: bool
    client_principals: list[str]

    limits: ClassVar[Mapping[str, Limit]] = {
        "reserved_concurrency": RESERVED,
        "throttle_rate": Range(1, 10_000),
        "throttle_burst": Range(1, 5_000),
        "client_principals": Each(Form(PRINCIPAL, "the ARN of a principal of IAM")),
    }


class MonitoringSettings(StagePart, frozen=True, kw_only=True):
    """When windows are judged, and when their verdicts call for a person."""

    schedule: str
    probe_minutes: int
    alarms_needed: int
    alarms_of: int
    settle_minutes: int
    cool_down_hours: int

    limits: ClassVar[Mapping[str, Limit]] = {
        "schedule": Form(SCHEDULE, SETTINGS_SCHEDULE),
        "probe_minutes": OneOf((0, 1, 5, 15, 60)),  # CloudWatch has no period for others
        "alarms_needed": Range(1, 24),
        "alarms_of": Range(1, 24),
        "settle_minutes": MINUTES,
        "cool_down_hours": Range(0, 8_760),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alarms_needed > self.alarms_of:
            raise ValueError(
                f"alarms_needed {self.alarms_needed} is more than alarms_of {self.alarms_of}: no "
                "alarm would ever ring"
            )


class AlertSettings(StagePart, frozen=True, kw_only=True):
    """Who is notified."""

    inbox: bool
    emails: list[str]

    limits: ClassVar[Mapping[str, Limit]] = {"emails": Each(Form(EMAIL, "an address"))}


class AuditSettings(StagePart, frozen=True, kw_only=True):
    """Whose trail records what was done to the data."""

    trail: Literal["own", "organisation"]


class DeliverySettings(StagePart, frozen=True, kw_only=True):
    """Who deploys: persons, and the repository on GitHub whose workflows also ask and watch."""

    deployer_principals: list[str]
    repository: str
    repository_ids: str
    environment: str
    provider_arn: str

    limits: ClassVar[Mapping[str, Limit]] = {
        "deployer_principals": Each(Form(PRINCIPAL, "the ARN of a principal of IAM")),
        "repository": Form(r"|[A-Za-z0-9-]+/[A-Za-z0-9._-]+", "empty, or ORG/REPO"),
        "repository_ids": Form(r"|\d+/\d+", "empty, or two numbers, as 123/456"),
        "environment": Form(r"[A-Za-z0-9._-]+", "the name of an environment on GitHub"),
        "provider_arn": Form(
            r"|arn:aws:iam::\d{12}:oidc-provider/token\.actions\.githubusercontent\.com",
            "empty, or the ARN of GitHub's OIDC provider",
        ),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.repository_ids and not self.repository:
            raise ValueError("repository_ids are of a repository: name it too")


class NetworkSettings(StagePart, frozen=True, kw_only=True):
    """Where functions, jobs and the model run; nothing is AWS's own network.

    Jobs but Track, and models on instances, are isolated in either.
    """

    subnet_ids: list[str]
    security_group_ids: list[str]

    limits: ClassVar[Mapping[str, Limit]] = {
        "subnet_ids": Each(Form(r"subnet-[0-9a-f]+", "the id of a subnet")),
        "security_group_ids": Each(Form(r"sg-[0-9a-f]+", "the id of a security group")),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.subnet_ids) != bool(self.security_group_ids):
            raise ValueError("subnet_ids and security_group_ids go together: name both or neither")


class CostSettings(StagePart, frozen=True, kw_only=True):
    """What a month may cost, and when an endpoint that nobody asks is worth a word, or goes."""

    budget_dollars: int
    idle_hours: int
    sleep_when_idle: bool

    limits: ClassVar[Mapping[str, Limit]] = {
        "budget_dollars": Range(0, 1_000_000),
        "idle_hours": Range(0, 168),  # CloudWatch looks back seven days
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sleep_when_idle and not self.idle_hours:
            raise ValueError("sleep_when_idle needs idle_hours: after how many it sleeps")


class ProtectionSettings(StagePart, frozen=True, kw_only=True):
    """What stands between a slip and a loss.

    confirm: commands of a person that ask for the stage's name; termination: CloudFormation
    itself refuses to delete the stacks; keep_packages: models outlive their stack.
    """

    confirm: list[Literal["destroy", "release", "rollback", "sleep", "wake"]]
    termination: bool
    keep_packages: bool


class Stage(StagePart, frozen=True, kw_only=True):
    """One deployment: `configs/<label>.yaml`, validated."""

    label: str
    account: str
    region: str
    runtime: RuntimeSettings
    data: DataSettings
    learning: LearningSettings
    endpoint: EndpointSettings
    api: ApiSettings
    monitoring: MonitoringSettings
    alerts: AlertSettings
    audit: AuditSettings
    delivery: DeliverySettings
    cost: CostSettings
    network: NetworkSettings
    protection: ProtectionSettings
    permissions_boundary: str
    tags: dict[str, str]

    limits: ClassVar[Mapping[str, Limit]] = {
        "label": Form(
            r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
            "lower-case letters, digits and single dashes between them, a letter first",
        ),
        "permissions_boundary": Form(
            r"|arn:aws:iam::\d{12}:policy/\S+", "empty, or the ARN of a managed policy"
        ),
        "account": Form(r"\d{12}", "the 12 digits of an account"),
        "region": Form(r"[a-z]{2}(-[a-z]+)+-\d", "the name of a Region, as us-east-1"),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if (more := len(self.bucket_name(LONGEST_BUCKET)) - MAX_BUCKET_CHARACTERS) > 0:
            raise ValueError(
                f"label {self.label!r} has {more} characters too many: it is part of the names of "
                f"buckets, which have {MAX_BUCKET_CHARACTERS}"
            )
        if taken := set(self.label.split("-")) & set(names.STACKS):
            raise ValueError(
                f"label {self.label!r} has the name of a stack in it, {min(taken)}: what that "
                "stack of another stage may reach would be this stage's too"
            )
        self._check_concurrency()

    def _check_concurrency(self) -> None:
        reserved = self.api.reserved_concurrency + self.data.worker_concurrency
        free = self.runtime.account_concurrency - MIN_UNRESERVED
        if reserved > max(free, 0):
            raise ValueError(
                f"api.reserved_concurrency and data.worker_concurrency are {reserved} together; an "
                f"account with runtime.account_concurrency {self.runtime.account_concurrency} lets "
                f"{max(free, 0)} be reserved: Lambda keeps {MIN_UNRESERVED} for all other functions"
            )
        if 0 < self.data.worker_concurrency < self.data.max_concurrency:
            raise ValueError(
                f"data.max_concurrency {self.data.max_concurrency} is more workers for one file "
                f"than data.worker_concurrency {self.data.worker_concurrency} lets all files have"
            )

    @classmethod
    def read(cls, label: str, folder: Path = CONFIGS) -> Stage:
        """Read a stage's file. Raises StageError, which lists the known stages or names the key."""
        if label not in (known := stages(folder)):
            raise StageError(f"unknown stage {label!r}: known are {', '.join(known)}")
        try:
            values = msgspec.yaml.decode((folder / f"{label}.yaml").read_bytes(), type=dict)
            return msgspec.convert({**values, "label": label}, cls)
        except msgspec.MsgspecError as error:
            raise StageError(f"configs/{label}.yaml: {error}") from None

    def tracked_at(self, uri: str) -> Stage:
        """The same stage with its runs sent to another MLflow server."""
        learning = msgspec.structs.replace(self.learning, tracking_uri=uri)
        return msgspec.structs.replace(self, learning=learning)

    def name(self, part: str = "") -> str:
        """The physical name of what a person types: the stage's prefix, or one under it."""
        return names.name(self.label, part)

    def stack_name(self, stack: str) -> str:
        """The CloudFormation name of the stack with this construct id."""
        return self.name(stack.lower())

    def bucket_name(self, bucket: str) -> str:
        """A bucket's name, unique in the world: the account and the region are part of it."""
        return f"{self.name(bucket)}-{self.account}-{self.region}"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this stage's account and region, known before it exists."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def role_name(self, role: str) -> str:
        """The name of a role that another stack knows: of the account, so with the region."""
        return f"{self.name(role)}-{self.region}"

    def role_arn(self, role: str) -> str:
        """The ARN of a role that has a name, known before it exists."""
        return f"arn:aws:iam::{self.account}:role/{self.role_name(role)}"

    @property
    def guardrails(self) -> tuple[str, ...]:
        """Alarms that hold a release up or roll it back; each lies in the stack of its metric."""
        return tuple(self.name(alarm) for alarm in GUARDRAILS)

    @property
    def has_own_tracking(self) -> bool:
        """Whether runs go to an MLflow app that the stage makes."""
        return self.learning.tracking_uri == OWN_TRACKING

    @property
    def tracking_parameter(self) -> str:
        """The SSM parameter that names the stage's MLflow app, once there is one."""
        return names.tracking_parameter(self.label)

    @property
    def builds_image(self) -> bool:
        """Whether the training image is built here, and lies in a repository of the stage's own."""
        return not self.learning.image_uri

    @property
    def image_repository(self) -> str:
        """The name of the repository of the stage's images."""
        return self.name()

    @property
    def event_source(self) -> str:
        """The source of our own events on the default bus."""
        return events.source(self.label)

    @property
    def live_parameter(self) -> str:
        """The SSM parameter that names the package that answers."""
        return names.live_parameter(self.label)

    @property
    def is_native(self) -> bool:
        """Whether functions run on the interpreter and the machine that run this program."""
        return self.runtime.python == "same"

    @property
    def python_version(self) -> str:
        """The Python of every function, as `3.13`."""
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        return here if self.is_native else self.runtime.python

    @property
    def architecture(self) -> Literal["x86_64", "arm64"]:
        """The processor of every function; this machine's where its interpreter is taken."""
        if self.is_native and platform.machine().lower() in ("arm64", "aarch64"):
            return "arm64"
        return self.runtime.architecture


def stages(folder: Path = CONFIGS) -> list[str]:
    """The stages that have a file, in alphabetical order."""
    return sorted(p.stem for p in folder.glob("*.yaml") if p.stem not in NOT_STAGES)
