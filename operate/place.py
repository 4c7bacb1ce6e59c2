"""Where a stage lives: the caller's AWS account, or the local cloud that is running."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from infra.stage import stages
from lambdas.contract import names
from operate.errors import InputError

LOCAL = "local"
HOME = Path(".local")


@dataclass(frozen=True)
class Place:
    """A stage and the folder in which this machine keeps what belongs to it."""

    stage: str
    home: Path = HOME

    def name(self, part: str = "") -> str:
        """The physical name of a part of the stage; without one, what all of them begin with."""
        return names.name(self.stage, part)

    def enter(self) -> None:
        """Point every AWS client of this process at the stage.

        Raises InputError where the stage is unknown, or local and nothing is running.
        """
        if self.stage not in (known := stages()):
            raise InputError(f"no stage {self.stage!r}: known are {', '.join(known)}")
        if self.stage == LOCAL:
            os.environ.update(local_environment(self.home))
            for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"):
                os.environ.pop(name, None)


def local_environment(home: Path) -> dict[str, str]:
    """The variables with which AWS's own tools find the local cloud.

    Raises InputError where none is running.
    """
    record = home / "cloud.json"
    if not record.exists():
        raise InputError("the local cloud is not running: start it with `make run`")
    cloud = json.loads(record.read_text())
    return {
        "AWS_ENDPOINT_URL": cloud["endpoint_url"],
        "AWS_CA_BUNDLE": cloud["ca_bundle"],
        "NODE_EXTRA_CA_CERTS": cloud["ca_bundle"],
        "AWS_ACCESS_KEY_ID": cloud["account"],
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": cloud["region"],
        "AWS_DEFAULT_REGION": cloud["region"],
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DEFAULT_ACCOUNT": cloud["account"],
        "CDK_DEFAULT_REGION": cloud["region"],
        "CDK_DISABLE_LEGACY_EXPORT_WARNING": "1",
    }
