"""Deleting a stage: what AWS refuses to delete while it is full is emptied first, and said."""

from __future__ import annotations

from lambdas.contract import outputs
from lambdas.contract.names import ENDPOINT_STACK, OPERATIONS_STACK, STACKS
from lambdas.ports import images, jobs, machines, models, objects, stacks
from lambdas.ports.stacks import StackResource
from operate import deployment, follow
from operate.confirm import Ask, Log, confirm
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.place import Place

# The alarms first that are made of others' alarms, which could not be deleted before. Then the
# endpoint, so that nothing answers or releases any more while the rest goes.
FIRST = (OPERATIONS_STACK, ENDPOINT_STACK)
ORDER = (*FIRST, *(part for part in reversed(STACKS) if part not in FIRST))
STACK_SECONDS = 1800
ATTEMPTS = 3  # logs of what was just deleted arrive late, in a bucket that was empty already
BUCKET, GROUP = "AWS::S3::Bucket", "AWS::SageMaker::ModelPackageGroup"
REPOSITORY = "AWS::ECR::Repository"
VERSION = "AWS::Lambda::Version"
LEFT = (
    "left, as they are the account's: the CDK bootstrap stack and its assets (packages of "
    "functions; `cdk gc` deletes unused ones), the log groups of SageMaker's jobs "
    "(/aws/sagemaker/), past jobs and metrics; keys that were deleted wait for 30 days"
)


def destroy(place: Place, *, confirmed: str = "", ask: Ask | None = None, log: Log = print) -> None:
    """Stop what runs, delete package versions and versioned objects, then every stack.

    Resources that their template retains are neither emptied nor deleted, and are named at the end.
    confirmed, ask: where the stage asks for its name, how it is given once more.
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
    kept = [resource for name in names for resource in stacks.resources(name) if _stays(resource)]
    confirm(place, "destroy", _plan(place, names, kept), confirmed=confirmed, ask=ask, log=log)
    _stop(found, log)
    role_arn = stacks.role(names[-1])  # CDK's own: a release leaves its narrow one behind
    for name in names:
        stacks.lift_protection(name)
        _delete(name, role_arn, log)
    swept = models.sweep(place.name())  # whatever an earlier attempt has left of the endpoint
    log(f"deleted {swept} models and endpoint configurations that releases retained")
    for resource in kept:
        log(f"kept: {resource.kind} {resource.name}")
    log(LEFT)


def _stays(resource: StackResource) -> bool:
    """Whether it outlives its stack; a version of a function goes with the function."""
    return not resource.goes and resource.kind != VERSION


def _plan(place: Place, names: list[str], kept: list[StackResource]) -> str:
    stay = f"; {len(kept)} resources are kept" if kept else ""
    return (
        f"this deletes {len(names)} stacks of stage {place.stage} in account "
        f"{place.settings.account}, {place.settings.region}, with the models and buckets that go "
        f"with them{stay}: {', '.join(names)}"
    )


def _stop(found: Deployment, log: Log) -> None:
    for key in outputs.MACHINES:
        if found.get(key):
            stopped = machines.stop_all(found[key])
            log(f"stopped {stopped} executions of {found[key].rsplit(':', 1)[1]}")
    if found.get(outputs.PIPELINE_NAME):
        stopped = models.stop_pipeline_executions(found[outputs.PIPELINE_NAME])
        log(f"stopped {stopped} executions of the pipeline")
    stopped = jobs.stop_predictions(found.place.stage)
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
    return True if not stacks.status_if_there(name).endswith("_IN_PROGRESS") else None


def _empty(name: str, log: Log) -> None:
    """Empty what CloudFormation would refuse to delete."""
    for group in stacks.going(name, GROUP):
        packages = models.packages(group.rsplit("/", 1)[-1])
        for package in packages:
            models.delete_package(package.arn)
        log(f"deleted {len(packages)} package versions of {group.rsplit('/', 1)[-1]}")
    for repository in stacks.going(name, REPOSITORY):
        log(f"deleted {images.empty(repository)} images of {repository}")
    for bucket in stacks.going(name, BUCKET):
        if versions := objects.empty(bucket):
            log(f"emptied {bucket}: {versions} object versions")
