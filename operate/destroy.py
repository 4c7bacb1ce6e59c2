"""Deleting a stage: what AWS refuses to delete while it is full is emptied first, and said."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.ports import machines, models, objects
from operate import cdk, deployment
from operate.errors import OperateError
from operate.place import Place

BUCKETS = ("RawBucket", "CuratedBucket", "ModelsBucket", "ObservationsBucket", "LogsBucket")
MACHINES = ("PreprocessMachineArn", "LearnMachineArn", "ReleaseMachineArn")


def destroy(place: Place, say: Callable[[str], None] = print) -> None:
    """Stop what runs, delete package versions and versioned objects, then every stack.

    Raises OperateError where the CDK could not delete a stack.
    """
    found = deployment.read(place)
    for key in MACHINES:
        if found.get(key):
            stopped = machines.stop_all(found[key])
            say(f"stopped {stopped} executions of {found[key].rsplit(':', 1)[1]}")
    code = cdk.run(place.stage, "destroy", f"{place.prefix}-endpoint", "--force", "-a", "cdk.out")
    if found.get("ModelPackageGroup"):
        for package in models.packages(found["ModelPackageGroup"]):
            models.delete_package(package.arn)
        swept = models.sweep(found["EndpointName"])
        say(f"deleted every package version and {swept} models and endpoint configurations")
    for key in BUCKETS:
        if found.get(key):
            say(f"emptied {found[key]}: {objects.empty(found[key])} object versions")
    code = code or cdk.run(place.stage, "destroy", "--all", "--force")
    if code != 0:
        raise OperateError("the CDK could not delete every stack; its words stand above")
    say("left: the CDK bootstrap stack and its assets (`cdk gc` deletes unused ones)")
