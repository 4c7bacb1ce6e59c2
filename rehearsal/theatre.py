"""A local cloud of the rehearsal's own, the persons in it, and what they do at the shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from infra.stage import Stage
from lambdas.contract import outputs
from lambdas.contract.names import STACKS, TRACKING_STACK
from operate import environment, processes
from operate.deployment import Deployment
from operate.deployment import read as read_deployment
from operate.local import LocalCloud
from operate.outages import MATRIX, Row, RowResult
from operate.place import Place
from rehearsal import docker, persons
from rehearsal.persons import Person

ADMINISTRATOR = "administrator"
PORT, TRACKING_PORT = 4666, 5666  # beside those of `make run`
ROLLOUT_SCALE = "0.03"  # of a canary's waits: 600 s are 18
MINUTE_SECONDS = 10  # of a minute of alarms and schedules; three are less than such a canary
FAILED_CHARACTERS = 700


class SceneError(AssertionError):
    """What a scene found otherwise than it should be: one sentence."""


def require(is_so: bool, otherwise: str) -> None:
    """Raise SceneError with this sentence unless it is so."""
    if not is_so:
        raise SceneError(otherwise)


@dataclass(frozen=True)
class Done:
    """What a command said and how it ended."""

    code: int
    said: str


@dataclass
class Theatre:
    """What every scene has at hand.

    packages: of the functions, built for this interpreter; rows: of outages, which are caused;
    log: tells what happens in a scene.
    """

    stage: Stage
    home: Path
    cloud: LocalCloud
    shell: Mapping[str, str]
    packages: Path
    people: dict[str, Person] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    rows: Sequence[Row] = MATRIX
    matrix: list[RowResult] = field(default_factory=list)
    log: Callable[[str], None] = print
    tree: Path = Path()  # the folder of the project that commands are typed in

    @property
    def parts(self) -> list[str]:
        """The stacks of the stage, in the order in which they are deployed."""
        without = () if self.stage.has_own_tracking else (TRACKING_STACK,)
        return [part for part in STACKS if part not in without]

    @property
    def stage_files(self) -> Path:
        """Where the stage's file with the made-up values lies."""
        return self.home / "stages"

    @property
    def place(self) -> Place:
        """The stage as `operate` knows it."""
        return Place(self.stage.label, self.home, stage_files=self.stage_files)

    @property
    def deployment(self) -> Deployment:
        """The outputs of the stage's stacks now, read as the administrator."""
        return read_deployment(self.place)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Start the cloud, become its administrator, and stop everything at the end."""
        with self.cloud.reserved():
            (self.home / "home").mkdir(parents=True, exist_ok=True)
            started = environment.isolated(self.shell, self.home) | self._settings()
            try:
                self.cloud.start(started)
                environment.replace(environment.local(self.shell, self.home))
                self._make_shim()
                shutil.rmtree(self.home / "images", ignore_errors=True)
                shutil.rmtree(self.home / "said", ignore_errors=True)
                yield
            finally:
                processes.stop_all()
                self.cloud.stop()

    @contextmanager
    def join(self) -> Iterator[None]:
        """Play in the cloud that another rehearsal holds, and leave it as it is."""
        environment.replace(environment.local(self.shell, self.home))
        try:
            yield
        finally:
            processes.stop_all()

    def _settings(self) -> dict[str, str]:
        version = self.stage.runtime.python
        runtime = "" if version == "same" else version
        interpreter = getattr(sys, "_base_executable", sys.executable)
        minute = {"LOCAL_CLOUD_MINUTE_SECONDS": str(MINUTE_SECONDS)}
        found = {"ROLLOUT_SCALE": ROLLOUT_SCALE, **minute}
        if runtime:
            found[f"LAMBDA_PYTHON{runtime.replace('.', '_')}"] = interpreter
        return found

    @property
    def shim(self) -> Path:
        """What the CDK CLI calls for docker."""
        return self.home / "bin" / "docker"

    def _make_shim(self) -> None:
        self.shim.parent.mkdir(exist_ok=True)
        program = shlex.join([sys.executable, "-P", docker.__file__])
        self.shim.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        self.shim.chmod(0o755)

    def variables(self, name: str) -> dict[str, str]:
        """The environment of a person's shell; no key but theirs is in it."""
        kept = environment.local(self.shell, self.home)
        kept |= {"CDK_DOCKER": str(self.shim), "REHEARSAL_IMAGES": str(self.home / "images")}
        # The root's key is the account's number here.
        kept |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "CDK_DEFAULT_ACCOUNT"), self.stage.account)
        if name == ADMINISTRATOR:
            return kept
        return {**kept, **self.person(name).keys}

    def person(self, name: str) -> Person:
        """Somebody, made on first use; the approver and the client in their roles."""
        if name not in self.people:
            self.people[name] = persons.create(self.stage, name)
        return self.people[name]

    def enter_role(self, name: str, output: str) -> None:
        """Let a person take the role that an output of the stage names, as they would."""
        kept = environment.local(self.shell, self.home)
        self.people[name] = persons.in_role(self.person(name), self.deployment[output], kept)

    def approver(self) -> str:
        """The name of who approves, in the stage's role for it where there is one."""
        if self.stage.learning.approve != "manual":
            return ADMINISTRATOR
        if "AWS_SESSION_TOKEN" not in self.person("approver").keys:
            self.enter_role("approver", outputs.APPROVER_ROLE_ARN)
        return "approver"

    def operate(self, name: str, *words: str) -> Done:
        """Run one command of ours for the stage as a person, in their shell."""
        return self.run((words[0], "--stage", self.stage.label, *words[1:]), self.variables(name))

    def run(self, words: Sequence[str], variables: Mapping[str, str]) -> Done:
        """Run one command of ours in a shell with these variables; what it said is kept."""
        argv = [sys.executable, "-m", "operate", words[0], "--home", str(self.home)]
        argv += ["--stage-files", str(self.stage_files), *words[1:]]
        self.numbers[words[0]] = self.numbers.get(words[0], 0) + 1
        log = self.home / "said" / f"{words[0]}-{self.numbers[words[0]]}.log"
        code = processes.run_logged(argv, env=variables, log=log, folder=self.tree)
        return Done(code, log.read_text(errors="replace"))

    def must(self, name: str, *words: str) -> str:
        """Run one command as a person; raises SceneError with its last words where it failed."""
        done = self.operate(name, *words)
        end = done.said.strip()[-FAILED_CHARACTERS:]
        require(done.code == 0, f"`operate {' '.join(words[:3])}` of the {name} failed: {end}")
        return done.said

    def cdk(self, name: str, *words: str) -> Done:
        """The CDK CLI as `operate cdk` runs it, with the packages of this interpreter."""
        packages = f"packages={self.packages.absolute()}"
        return self.operate(name, "cdk", *words, "--context", packages)

    def deploy(self, name: str = "deployer", *more: str) -> Done:
        """`make deploy CI=1`."""
        words = ("--all", "--import-existing-resources", "--require-approval", "never")
        return self.cdk(name, "deploy", *words, *more)
