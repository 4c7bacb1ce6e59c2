"""What a deploy would do in vain, said before it begins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

from infra.stage import CONFIGS
from lambdas.contract.names import LEARNING_STACK
from lambdas.ports import models, stacks
from lambdas.ports.failures import AWS_ERRORS, is_denied
from operate.errors import InputError
from operate.place import Place

# Domains and endings that RFC 2606 and 6761 keep for examples: nobody is there.
NOBODY = re.compile(r"(?:^|[@./])example\.(?:com|net|org)\b|[^\s/@]+\.(?:example|invalid|test)\b")


def check(place: Place, log: Callable[[str], None] = print) -> None:
    """Raise InputError, with what to do, where the stage cannot be deployed as its file says.

    Placeholders that reach nobody; models that an earlier deployment kept, and whose group
    CloudFormation would find in its way.
    """
    file = f"{CONFIGS.name}/{place.stage}.yaml"
    for key, text in texts(msgspec.to_builtins(place.settings)):
        if NOBODY.search(text):
            raise InputError(
                f"{file}: {key} is {text}, which is an example's and reaches nobody: name one that "
                "is yours"
            )
    group = place.name()
    if _is_kept(place, group, log):
        raise InputError(
            f"the models of {group} were kept when their stack was deleted: take them back first "
            f"(.venv/bin/python -m operate cdk --stage {place.stage} import Learning), or delete "
            "the model package group"
        )


def _is_kept(place: Place, group: str, log: Callable[[str], None]) -> bool:
    """Whether models outlived their stack; a workflow's role may deploy, and may not look."""
    try:
        return not stacks.exists(place.name(LEARNING_STACK)) and models.has_group(group)
    except AWS_ERRORS as error:
        if not is_denied(error):
            raise
        log(f"whether models of an earlier deployment are in the way was not looked at: {error}")
        return False


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
