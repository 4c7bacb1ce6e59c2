"""A name typed once more, before what cannot be taken back: the stage's, or a file's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from operate.errors import InputError
from operate.place import Place

Ask = Callable[[str], str]
Log = Callable[[str], None]


def confirm(
    place: Place, command: str, what: str, *, confirmed: str, ask: Ask | None, log: Log
) -> None:
    """Say what a command is about to do, and go on where that is wanted.

    confirmed: the stage's name as the command line said it (CONFIRM=), empty where it did not;
    ask: None where nobody is there to be asked, as in CI.
    Raises InputError where the name was not given.
    """
    if command not in place.settings.protection.confirm:
        return
    log(what)
    require_typed(
        (place.stage,),
        confirmed=confirmed,
        ask=ask,
        question=f"Type the name of the stage to go on ({place.stage}): ",
        what="the name of the stage",
        undone="changed",
        script=f"make {command} STAGE={place.stage} CONFIRM={place.stage}",
    )


def require_typed(
    names: Sequence[str],
    *,
    confirmed: str,
    ask: Ask | None,
    question: str,
    what: str,
    undone: str,
    script: str,
) -> None:
    """Go on where one of these names was given once more: on the command line, or typed.

    what, undone, script: of the refusal, what was wanted, what was not done, what a script says.
    Raises InputError where none was given.
    """
    if not confirmed and ask is not None:
        confirmed = ask(question).strip()
    if confirmed not in names:
        said = f"{confirmed!r} is not" if confirmed else "nobody typed"
        raise InputError(f"nothing was {undone}: {said} {what}; a script says {script}")
