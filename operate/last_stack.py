"""The stack without which everything works: an MLflow app that cannot be made stops no deploy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lambdas.contract.names import STACKS, TRACKING_STACK
from operate.confirm import Log
from operate.place import Place

ALL, OUTPUTS = "--all", "--outputs-file"
# The CDK would look for the image before Foundation has made its repository, and give up.
LATER = "--asset-prebuild=false"
RunCdk = Callable[..., int]


def deploy(place: Place, run: RunCdk, argv: Sequence[str], log: Log = print) -> int:
    """Deploy as asked; where that is every stack, the one of the MLflow app apart from the others.

    run: the CDK CLI, with its arguments; its exit status. Returns that of all other stacks.
    """
    argv = [*argv, LATER]
    if ALL not in argv or not place.settings.has_own_tracking:
        return run(*argv)
    needed = [part.title() for part in STACKS if part != TRACKING_STACK]
    at = argv.index(ALL)
    if status := run(*argv[:at], *needed, *argv[at + 1 :]):
        return status
    if run("deploy", TRACKING_STACK.title(), "--exclusively", *_flags(argv)):
        log(
            f"{place.name(TRACKING_STACK)} could not be deployed, its reason stands above; "
            "everything else is: runs are trained and released, and each says that it is not in "
            f"MLflow. Deploy again, or set learning.tracking_uri in {place.file}"
        )
    return 0


def _flags(argv: Sequence[str]) -> list[str]:
    """What was asked beside the stacks; the file of outputs is written already."""
    words = [word for word in argv[1:] if word != ALL]
    if OUTPUTS in words:
        at = words.index(OUTPUTS)
        del words[at : at + 2]
    return words
