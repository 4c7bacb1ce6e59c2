"""The stage's file with made-up values where it demands real ones: addresses and persons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from infra.stage import CONFIGS, Stage
from operate.checks import NOBODY

ADDRESS = "oncall@rehearsal.internal"  # of the name space that nobody can own


def write(label: str, folder: Path, source: Path = CONFIGS) -> list[str]:
    """Write the stage's file below `folder`; returns what was made up, a line each.

    Raises StageError where the stage is unknown or its file does not parse: before anything else.
    """
    stage = Stage.read(label, source)
    values = msgspec.yaml.decode((source / f"{label}.yaml").read_bytes(), type=dict[str, Any])
    made_up = []
    addresses = [ADDRESS if NOBODY.search(one) else one for one in stage.alerts.emails]
    if addresses != stage.alerts.emails:
        values["alerts"]["emails"] = addresses
        made_up.append(f"alerts.emails: {', '.join(addresses)}")
    for part, key, person, is_wanted in (
        ("learning", "approver_principals", "approver", stage.learning.approve == "manual"),
        ("learning", "promoter_principals", "promoter", True),
        ("api", "client_principals", "client", True),
        ("delivery", "deployer_principals", "deployer", True),
    ):
        if is_wanted:  # whoever stands there is nobody on this machine
            values[part][key] = [f"arn:aws:iam::{stage.account}:user/{person}"]
            made_up.append(f"{part}.{key}: {values[part][key][0]}")
    _write(folder, label, values)
    return made_up


def write_twin(label: str, twin: str, account: str, folder: Path) -> Stage:
    """The same stage in another account, under another name; of its persons only the promoter."""
    values = msgspec.yaml.decode((folder / f"{label}.yaml").read_bytes(), type=dict[str, Any])
    values["account"] = account
    values["learning"]["approver_principals"] = []
    values["api"]["client_principals"] = []
    values["delivery"]["deployer_principals"] = []
    return _write(folder, twin, values)


def _write(folder: Path, label: str, values: dict[str, Any]) -> Stage:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{label}.yaml").write_bytes(msgspec.yaml.encode(values))
    return Stage.read(label, folder)
