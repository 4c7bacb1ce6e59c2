"""What a deploy would do in vain, said before it begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from infra.stage import Stage
from lambdas.contract import names
from lambdas.ports import functions, identity, quotas
from lambdas.ports.failures import AWS_ERRORS, is_denied
from lambdas.ports.quotas import Quota
from operate.bootstrap import bootstrap_role
from operate.errors import InputError
from operate.place import Place

T = TypeVar("T")
SAGEMAKER = "sagemaker"  # as Service Quotas and the services' own APIs call it
# Domains and endings that RFC 2606 and 6761 keep for examples: nobody is there.
NOBODY = re.compile(r"(?:^|[@./])example\.(?:com|net|org)\b|[^\s/@]+\.(?:example|invalid|test)\b")


def check(place: Place) -> None:
    """Raise InputError, with what to do, where the stage cannot be deployed as its file says.

    Placeholders that reach nobody.
    """
    for key, text in texts(msgspec.to_builtins(place.settings)):
        if NOBODY.search(text):
            raise InputError(
                f"{place.file}: {key} is {text}, which is an example's and reaches nobody: name "
                "one that is yours"
            )


def check_deployer(place: Place) -> None:
    """Raise InputError where the stage names who deploys it, and this is somebody else.

    A word before a slip: what AWS enforces is who may assume the CDK's roles.
    """
    stage, allowed = place.settings, place.settings.delivery.deployer_principals
    if not allowed:
        return
    caller = identity.caller().arn
    roles = (stage.role_arn(names.DEPLOYER), stage.role_arn(names.DEPLOY))
    if _principal(caller) not in {_principal(arn) for arn in (*allowed, *roles)}:
        raise InputError(
            f"{place.file} names who deploys {place.stage} (delivery.deployer_principals), and "
            f"{caller} is nobody of them: sign in as one, take the role {roles[0]}, or name it "
            "there; nothing was deployed"
        )


def _principal(arn: str) -> tuple[str, str]:
    """The account and the name of who has an ARN: of a session its role's, which has no path."""
    *_, account, rest = arn.split(":", 5)
    kind, _, name = rest.partition("/")
    own = name.split("/")[0] if kind == "assumed-role" else name.rsplit("/", 1)[-1]
    return account, f"{'role' if kind == 'assumed-role' else kind}/{own}"


def check_quotas(place: Place, log: Callable[[str], None] = print) -> None:
    """Raise InputError where the account may have less than the stage counts on.

    Functions at once, and SageMaker's instances: a new account may have 0 of them.
    """
    with bootstrap_role(place, "lookup"):  # whoever deploys may not look, and that role may
        _check_functions(place, log)
        _check_instances(place, log)


def _check_functions(place: Place, log: Callable[[str], None]) -> None:
    expected = place.settings.runtime.account_concurrency
    quota = looked_at("Lambda's quota of this account", functions.concurrency_quota, expected, log)
    if quota < expected:
        raise InputError(
            f"this account runs {quota} functions at once, and {place.file} "
            f"counts on {expected} (runtime.account_concurrency): ask Service Quotas for more "
            f'("Concurrent executions"), or set it to {quota}; nothing was deployed'
        )


def _check_instances(place: Place, log: Callable[[str], None]) -> None:
    what = "SageMaker's quotas of this account"
    unasked: dict[str, Quota] = {}
    found = looked_at(what, lambda: quotas.quotas(SAGEMAKER), unasked, log)
    if found is unasked:
        return
    wanted = instances(place.settings)
    if unknown := sorted(wanted.keys() - found.keys()):
        log(f"Service Quotas does not know {_quoted(unknown)}: look there whether they suffice")
    short = [found[name] for name in wanted if name in found and found[name].value < wanted[name]]
    if short:
        few = ", ".join(
            f'"{quota.name}" ({quota.code}) is {quota.value:g} and must be {wanted[quota.name]}'
            for quota in short
        )
        ask = "; ".join(
            f"aws service-quotas request-service-quota-increase --service-code {SAGEMAKER} "
            f"--region {place.settings.region} --quota-code {quota.code} "
            f"--desired-value {wanted[quota.name]}"
            for quota in short
        )
        raise InputError(
            f"this account has fewer SageMaker instances than {place.file} counts on: {few}; "
            f"ask for more, it takes up to days ({ask}), or name other instance types there; "
            "nothing was deployed"
        )


def instances(stage: Stage) -> dict[str, int]:
    """How many instances a stage needs at once, by the names of SageMaker's quotas.

    While a release shifts, the old instances and as many new ones run side by side; beside
    the pipeline's job a batch prediction may go on.
    """
    jobs = stage.learning.instance_type
    training = f"{jobs} for {'spot ' if stage.learning.spot else ''}training job usage"
    needed = {training: 1, f"{jobs} for processing job usage": 2}
    if stage.endpoint.kind == "instances":
        serving = f"{stage.endpoint.instance_type} for endpoint usage"
        needed[serving] = 2 * stage.endpoint.max_instance_count
    return needed


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def looked_at(
    what: str, look: Callable[[], T], otherwise: T, log: Callable[[str], None] = print
) -> T:
    """What a look says; a workflow's role may deploy and may not look, which is said."""
    try:
        return look()
    except AWS_ERRORS as error:
        if not is_denied(error):
            raise
        log(f"not looked at: {what}: {error}")
        return otherwise


def texts(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a stage's values, with its dotted key."""
    match value:
        case str():
            yield key, value
        case dict():
            for name, item in value.items():
                yield from texts(item, f"{key}.{name}" if key else str(name))
        case list():
            for item in value:
                yield from texts(item, key)
