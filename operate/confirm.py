"""The stage's name, typed once more, where its file asks for that."""

from __future__ import annotations

from collections.abc import Callable

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
    if not confirmed and ask is not None:
        confirmed = ask(f"Type the name of the stage to go on ({place.stage}): ").strip()
    if confirmed != place.stage:
        said = f"{confirmed!r} is not" if confirmed else "nobody typed"
        raise InputError(
            f"nothing was changed: {said} the name of the stage; a script says make {command} "
            f"STAGE={place.stage} CONFIRM={place.stage}"
        )
