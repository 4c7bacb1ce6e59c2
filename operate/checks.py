"""What a deploy would do in vain, said before it begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from infra.stage import CONFIGS
from lambdas.ports import functions
from lambdas.ports.failures import AWS_ERRORS, is_denied
from operate.errors import InputError
from operate.place import Place

T = TypeVar("T")
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


def check_quota(place: Place, log: Callable[[str], None] = print) -> None:
    """Raise InputError where the account runs fewer functions at once than the stage counts on."""
    expected = place.settings.runtime.account_concurrency
    quota = looked_at("Lambda's quota of this account", functions.concurrency_quota, expected, log)
    if quota < expected:
        raise InputError(
            f"this account runs {quota} functions at once, and {CONFIGS.name}/{place.stage}.yaml "
            f"counts on {expected} (runtime.account_concurrency): ask Service Quotas for more "
            f'("Concurrent executions"), or set it to {quota}; nothing was deployed'
        )


def looked_at(
    what: str, look: Callable[[], T], otherwise: T, log: Callable[[str], None] = print
) -> T:
    """What a look says; a workflow's role may deploy and may not look, which is said."""
    try:
        return look()
    except AWS_ERRORS as error:
        if not is_denied(error):
            raise
        log(f"{what} was not looked at: {error}")
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
