"""Where a stage lives: an account and a region of AWS, or the local cloud that is running."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from infra.stage import CONFIGS, Stage, StageError
from lambdas.contract import names
from lambdas.ports import clients, identity
from operate import environment
from operate.errors import InputError, OperateError

LOCAL = "local"
HOME = Path(".local")
VENVS = HOME / "venvs"
# A foreign interpreter's settings, which would reach the Python that CDK starts.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "NODE_OPTIONS", "VIRTUAL_ENV")

# An SDK takes these before any profile, so a profile that was asked for would not count.
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True)
class Place:
    """A stage and the folder in which this machine keeps what belongs to it.

    shell: the variables of whoever called us, before any stage was entered.
    profile: of the AWS configuration, in the place of the shell's own credentials.
    stage_files: where the stage's file lies.
    """

    stage: str
    home: Path = HOME
    shell: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    profile: str = ""
    stage_files: Path = CONFIGS

    @cached_property
    def settings(self) -> Stage:
        """The stage's file. Raises InputError where there is none, or a wrong one."""
        try:
            return Stage.read(self.stage, self.stage_files)
        except StageError as error:
            raise InputError(str(error)) from None

    @property
    def file(self) -> str:
        """The stage's file, as messages name it."""
        return f"{self.stage_files.name}/{self.stage}.yaml"

    @property
    def is_local(self) -> bool:
        """Whether it lives on this machine."""
        return self.stage == LOCAL

    def name(self, part: str = "") -> str:
        """The physical name of a part of the stage; without one, what all of them begin with."""
        return names.name(self.stage, part)

    def offline(self) -> dict[str, str]:
        """The variables for what makes templates and asks nobody."""
        if self.is_local:
            return environment.isolated(self.shell, self.home)
        return self.environment()

    def environment(self) -> dict[str, str]:
        """The variables with which a process works on the stage.

        Raises InputError where the stage is local and nothing is running.
        """
        if self.is_local:
            return environment.local(self.shell, self.home)
        left_out = (*FOREIGN, *(CREDENTIALS if self.profile else ()))
        return {
            **{name: value for name, value in self.shell.items() if name not in left_out},
            **({"AWS_PROFILE": self.profile} if self.profile else {}),
            "AWS_REGION": self.settings.region,
            "AWS_DEFAULT_REGION": self.settings.region,
            "CDK_DEFAULT_ACCOUNT": self.settings.account,
            "CDK_DEFAULT_REGION": self.settings.region,
        }

    def enter(self) -> None:
        """Point every AWS client of this process at the stage, and check whose account it is.

        Raises InputError where the stage is unknown, or local and nothing is running, and
        OperateError where the credentials are of another account.
        """
        environment.replace(self.environment())
        clients.forget()
        caller = identity.caller()
        if caller.account != self.settings.account:
            raise OperateError(
                f"stage {self.stage} lives in account {self.settings.account} "
                f"({self.file}), and these credentials are of account "
                f"{caller.account} ({caller.arn}): nothing was done; sign in to the other account"
            )
