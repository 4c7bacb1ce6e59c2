"""Deleting a stage: what AWS refuses to delete while it is full is emptied first, and said."""

from __future__ import annotations

from collections.abc import Callable

from lambdas.contract import outputs
from lambdas.contract.names import ENDPOINT_STACK, PREDICT, STACKS
from lambdas.ports import jobs, machines, models, objects, stacks
from operate import deployment, follow
from operate.deployment import Deployment
from operate.errors import InputError, OperateError
from operate.place import Place

Log = Callable[[str], None]
Ask = Callable[[str], str]
# The endpoint first, so that nothing answers or releases any more while the rest goes.
ORDER = (ENDPOINT_STACK, *(part for part in reversed(STACKS) if part != ENDPOINT_STACK))
STACK_SECONDS = 1800
ATTEMPTS = 3  # logs of what was just deleted arrive late, in a bucket that was empty already
BUCKET, GROUP = "AWS::S3::Bucket", "AWS::SageMaker::ModelPackageGroup"


def destroy(place: Place, *, confirmed: str = "", ask: Ask | None = None, log: Log = print) -> None:
    """Stop what runs, delete package versions and versioned objects, then every stack.

    Resources that their template retains are neither emptied nor deleted. A stage on AWS is
    deleted only where its name was given once more: `confirmed`, or what `ask` returns.
    Raises InputError where it was not, OperateError, with the reasons, where a stack could not be
    deleted.
    """
    found = deployment.read(place)
    names = [name for part in ORDER if stacks.exists(name := place.name(part))]
    if not names:
        log(
            f"stage {place.stage} is not deployed in account {place.settings.account}, "
            f"{place.settings.region}: there is nothing to delete"
        )
        return
    if not place.is_local:
        _confirm(place, names, confirmed, ask, log)
    _stop(found, log)
    role_arn = stacks.role(names[-1])  # CDK's own: a release leaves its narrow one behind
    for name in names:
        _delete(name, role_arn, log)
        if name == place.name(ENDPOINT_STACK) and found.get(outputs.ENDPOINT_NAME):
            swept = models.sweep(found[outputs.ENDPOINT_NAME])
            log(f"deleted {swept} models and endpoint configurations that releases retained")
    log("left: the CDK bootstrap stack and its assets (`cdk gc` deletes unused ones)")


def _confirm(place: Place, names: list[str], confirmed: str, ask: Ask | None, log: Log) -> None:
    log(
        f"this deletes {len(names)} stacks of stage {place.stage} in account "
        f"{place.settings.account}, {place.settings.region}, their models and what their buckets "
        f"hold: {', '.join(names)}"
    )
    if not confirmed and ask is not None:
        confirmed = ask(f"Type the name of the stage to delete it ({place.stage}): ").strip()
    if confirmed != place.stage:
        raise InputError(
            f"nothing was deleted: {f'{confirmed!r} is not' if confirmed else 'nobody typed'} the "
            f"name of the stage; a script says make destroy STAGE={place.stage} "
            f"CONFIRM={place.stage}"
        )


def _stop(found: Deployment, log: Log) -> None:
    for key in outputs.MACHINES:
        if found.get(key):
            stopped = machines.stop_all(found[key])
            log(f"stopped {stopped} executions of {found[key].rsplit(':', 1)[1]}")
    if found.get(outputs.PIPELINE_NAME):
        stopped = models.stop_pipeline_executions(found[outputs.PIPELINE_NAME])
        log(f"stopped {stopped} executions of the pipeline")
    stopped = jobs.stop_running(f"{found.place.name(PREDICT)}-")
    log(f"stopped {stopped} batch predictions")


def _delete(name: str, role_arn: str, log: Log) -> None:
    kept: list[str] = []
    for _ in range(ATTEMPTS):
        _empty(name, log)
        stacks.delete(name, role_arn)
        follow.until(f"the end of {name}", lambda: _ended(name), STACK_SECONDS)
        if not stacks.exists(name):
            log(f"deleted {name}")
            return
        kept = stacks.refusals(name)
    raise OperateError(f"{name} could not be deleted:\n" + "\n".join(kept))


def _ended(name: str) -> bool | None:
    """True once the stack is gone or its deletion has failed."""
    return True if not stacks.exists(name) or stacks.settled(name) else None


def _empty(name: str, log: Log) -> None:
    """Empty what CloudFormation would refuse to delete."""
    for group in stacks.going(name, GROUP):
        packages = models.packages(group.rsplit("/", 1)[-1])
        for package in packages:
            models.delete_package(package.arn)
        log(f"deleted {len(packages)} package versions of {group.rsplit('/', 1)[-1]}")
    for bucket in stacks.going(name, BUCKET):
        if versions := objects.empty(bucket):
            log(f"emptied {bucket}: {versions} object versions")
