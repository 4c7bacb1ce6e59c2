"""A stage: what differs between two deployments of this app, and every name made from it.

The one home of the list of stages, their files and their names; it knows no CDK, so that whoever
builds or operates a stage reads it here.
"""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path
from typing import Literal

import msgspec

from lambdas.contract import events, names
from reviews.language import DETECTORS

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
NOT_STAGES = {"model", "drift"}
OWN_TRACKING = "app"  # an MLflow app that the stage makes
TRACKING = re.compile(
    rf"|{OWN_TRACKING}|https?://\S+"
    r"|arn:aws:sagemaker:[a-z0-9-]+:\d{12}:mlflow-(app|tracking-server)/\S+"
)
MIN_UNRESERVED = 100  # executions that Lambda lets nobody reserve
GUARDRAILS = ("endpoint-errors", "endpoint-latency", "api-errors")


class StageError(ValueError):
    """A stage that is unknown or that its file describes wrongly."""


class StagePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a stage file; a key that is not a field is an error."""


class RuntimeSettings(StagePart, frozen=True, kw_only=True):
    """What the Lambda functions run on; "same" is the interpreter that runs this program."""

    python: str
    architecture: Literal["x86_64", "arm64"]
    account_concurrency: int


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

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ValueError(f"detector {self.detector!r} is none of {', '.join(DETECTORS)}")


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
    schedule: str
    tracking_uri: str
    step_cache: bool

    def __post_init__(self) -> None:
        if not TRACKING.fullmatch(self.tracking_uri):
            raise ValueError(
                f"tracking_uri {self.tracking_uri!r} is no URL, no ARN of SageMaker's MLflow, not "
                f"{OWN_TRACKING!r} and not empty"
            )


class EndpointSettings(StagePart, frozen=True, kw_only=True):
    """What answers, and how carefully it is replaced."""

    kind: Literal["instances", "serverless"]
    instance_type: str
    instance_count: int
    serverless_memory_mb: int
    serverless_concurrency: int
    canary_wait_seconds: int


class ApiSettings(StagePart, frozen=True, kw_only=True):
    """Who may ask, and how often."""

    throttle_rate: int
    throttle_burst: int
    reserved_concurrency: int
    waf: bool
    capture_words: bool
    client_principals: list[str]


class MonitoringSettings(StagePart, frozen=True, kw_only=True):
    """When windows are judged, and when their verdicts call for a person."""

    schedule: str
    alarms_needed: int
    alarms_of: int
    settle_minutes: int
    cool_down_hours: int


class AlertSettings(StagePart, frozen=True, kw_only=True):
    """Who is notified."""

    inbox: bool
    emails: list[str]


class AuditSettings(StagePart, frozen=True, kw_only=True):
    """Whose trail records what was done to the data."""

    trail: Literal["own", "organisation"]


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
    tags: dict[str, str]

    def __post_init__(self) -> None:
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
