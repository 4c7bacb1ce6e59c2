"""Taking back what a stage kept when it was destroyed, before it is deployed again.

The CDK takes back what has a name of its own (`--import-existing-resources`). A key has none: a
new one would be made, and what is kept could be read by nobody, for roles may use the stage's key
alone. The group of models is known by its ARN. `cdk import` makes a stack of just these, and the
deploy adds the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lambdas.contract.names import FOUNDATION_STACK, LEARNING_STACK, key_alias
from lambdas.ports import encryption_keys, models, stacks
from operate.assembly import synthesise
from operate.bootstrap import bootstrap_role
from operate.checks import looked_at
from operate.confirm import Log
from operate.errors import InputError, OperateError
from operate.place import Place

Identifiers = dict[str, dict[str, str]]  # by logical id, as `cdk import --resource-mapping` reads
RunCdk = Callable[..., int]
ALIAS, GROUP = "AWS::KMS::Alias", "AWS::SageMaker::ModelPackageGroup"
KIND = GROUP.rsplit("::", 1)[-1]
DATA_KEY = "data"  # whose alias says that keys were kept


def adopt(place: Place, run: RunCdk, log: Log = print) -> None:
    """Import kept keys and models into stacks that are not there.

    run: the CDK CLI, with its arguments; its exit status.
    Raises InputError where a kept key is about to be deleted, OperateError where an import failed.
    """
    with bootstrap_role(place, "lookup"):  # whoever deploys may not look, and that role may
        _adopt(place, run, log)


def _adopt(place: Place, run: RunCdk, log: Log) -> None:
    nothing: list[str] = []
    what = "what an earlier deployment kept"
    missing = looked_at(what, lambda: _missing(place), nothing, log)
    if not missing:
        return
    with TemporaryDirectory() as folder:
        made = synthesise(place, Path(folder))
        for part in missing:
            stack = part.title()
            template = json.loads((made / f"{stack}.template.json").read_text())
            found = identifiers(template)
            log(f"{stack} takes back what was kept: {', '.join(sorted(found))}")
            mapping = Path(folder) / f"{part}.json"
            mapping.write_text(json.dumps(found))
            if run("import", stack, "--resource-mapping", str(mapping)) != 0:
                raise OperateError(
                    f"cdk import {stack} failed, its reason stands above: nothing was deployed, "
                    "and what is kept is as it was"
                )


def identifiers(template: Mapping[str, Any]) -> Identifiers:
    """What of a template is there already, by its logical ids: keys by their aliases, the group.

    Raises InputError where a key waits for its deletion.
    """
    found: Identifiers = {}
    for id, body in template["Resources"].items():
        properties = body.get("Properties", {})
        if body["Type"] == ALIAS:
            name = properties["AliasName"]
            if key := encryption_keys.by_alias(name):
                [target, _] = properties["TargetKeyId"]["Fn::GetAtt"]
                found |= {id: {"AliasName": name}, target: {"KeyId": _usable(name, *key)}}
        elif body["Type"] == GROUP and (arn := models.group_arn(properties[f"{KIND}Name"])):
            found[id] = {f"{KIND}Arn": arn}
    return found


KEPT: dict[str, Callable[[Place], bool]] = {
    FOUNDATION_STACK: lambda place: _alias(place) is not None,
    LEARNING_STACK: lambda place: bool(models.group_arn(place.name())),
}


def _missing(place: Place) -> list[str]:
    """The stacks that are not there, and of which something was kept."""
    return [
        part
        for part, is_kept in KEPT.items()
        if not stacks.exists(place.name(part)) and is_kept(place)
    ]


def _alias(place: Place) -> tuple[str, str] | None:
    return encryption_keys.by_alias(key_alias(place.stage, DATA_KEY))


def _usable(alias: str, key_id: str, state: str) -> str:
    if state != "Enabled":
        raise InputError(
            f"{alias} is the key {key_id}, which is {state}: what is kept under it cannot be read; "
            "cancel its deletion and enable it (aws kms cancel-key-deletion, enable-key), or "
            "delete the alias"
        )
    return key_id
