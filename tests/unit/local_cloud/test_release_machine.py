"""The release machine by itself: its ends that hang on who else changes the stack, and when."""

from __future__ import annotations

import io
import json
import sys
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.machines import release
from infra.machines.release_states import ReleaseParts
from lambdas.contract import releases
from tests.unit.local_cloud.conftest import Cloud, deploy_with, may, settled, until

# MiniStack leaves the pipes of its functions to the collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
STACK, FORMER, WANTED, OTHERS = "endpoint", "the former", "the wanted", "of another release"
PLAN = {"action": releases.GO, "rollout": "canary", "previous_package_arn": FORMER, "reason": ""}
ANSWERS: dict[str, dict[str, Any]] = {
    "validate": PLAN,
    "verify": {"served": True, "reason": "it serves"},
    "golden": {"passed": True, "reason": "golden answers match"},
    "record": {"message": "recorded"},
}
# Each call is written down; a function waits for as long as there is a file that holds it.
CODE = """
import json, os, pathlib, time
folder = pathlib.Path(os.environ["FOLDER"])

def handler(event, context):
    name = context.function_name
    with (folder / f"{name}.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\\n")
    while (folder / f"{name}.hold").exists():
        time.sleep(0.02)
    return json.loads((folder / f"{name}.json").read_text())
"""


@dataclass
class Stage:
    """An endpoint's stack, doubles of the release's functions, and a machine that uses them."""

    cloud: Cloud
    folder: Path
    machine: str = ""
    answers: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(ANSWERS))

    def release(self) -> str:
        """Start the release of the wanted package; returns the execution's ARN."""
        for name, answer in self.answers.items():
            (self.folder / f"{name}.json").write_text(json.dumps(answer))
        given = json.dumps({"model_package_arn": WANTED})
        states = self.cloud.client("stepfunctions")
        started = states.start_execution(stateMachineArn=self.machine, input=given)
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        states = self.cloud.client("stepfunctions")

        def look() -> dict[str, Any] | None:
            found = states.describe_execution(executionArn=execution)
            return dict(found) if found["status"] != "RUNNING" else None

        return dict(until(look, 60))

    def calls(self, name: str) -> list[dict[str, Any]]:
        """What a function was asked, in order."""
        file = self.folder / f"{name}.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def hold(self, name: str, *, is_held: bool) -> None:
        file = self.folder / f"{name}.hold"
        file.touch() if is_held else file.unlink()

    @property
    def shows(self) -> dict[str, str]:
        """What the stack's parameters are once it is still."""
        assert settled(self.cloud, STACK).endswith("_COMPLETE")
        [found] = self.cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        return {p["ParameterKey"]: p["ParameterValue"] for p in found["Parameters"]}

    def change(self, package: str, release_id: str) -> None:
        """What another release does to the stack."""
        values = {releases.MODEL_PACKAGE_ARN: package, releases.RELEASE: release_id}
        self.cloud.client("cloudformation").update_stack(
            StackName=STACK,
            UsePreviousTemplate=True,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": values[key]}
                if key in values
                else {"ParameterKey": key, "UsePreviousValue": True}
                for key in self.shows
            ],
        )


@pytest.fixture
def stage(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv(f"LAMBDA_PYTHON3_{sys.version_info.minor}", sys.executable)
    # As in the server: an update that a machine asks for goes on after the call.
    monkeypatch.setattr("ministack.app._MAIN_LOOP", cloud.loop)
    values = dict.fromkeys((releases.RELEASE, releases.ROLLOUT, releases.SCALING), "first")
    values[releases.MODEL_PACKAGE_ARN] = FORMER
    served = f"${{{releases.MODEL_PACKAGE_ARN}}} ${{{releases.RELEASE}}}"
    assert deploy_with(cloud, STACK, values, served) == "CREATE_COMPLETE"
    found = Stage(cloud, tmp_path)
    parts = ReleaseParts(
        stack_name=STACK,
        role_arn=cloud.role("narrow", "cloudformation", may("ssm:*")),
        topic_arn=cloud.client("sns").create_topic(Name="alerts")["TopicArn"],
        subject="stars",
        **{name: _function(found, name) for name in ANSWERS},
    )
    role = cloud.role(
        "machine", "states", may("lambda:*", "cloudformation:*", "iam:PassRole", "sns:Publish")
    )
    found.machine = cloud.client("stepfunctions").create_state_machine(
        name="release", definition=json.dumps(release.definition(parts)), roleArn=role
    )["stateMachineArn"]
    return found


def _function(stage: Stage, name: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", CODE)
    made = stage.cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role=stage.cloud.role(f"role-{name}", "lambda"),
        Handler="main.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=60,
        Environment={"Variables": {"FOLDER": str(stage.folder)}},
    )
    return str(made["FunctionArn"])


def busy_until_set(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let an update of the stack go on until the event is set, and others be asked meanwhile."""
    from ministack.services.cloudformation import provisioners, stacks

    done, handlers = threading.Event(), provisioners._RESOURCE_HANDLERS
    handler = handlers["AWS::SSM::Parameter"]

    def update(*given: Any, **more: Any) -> Any:
        assert done.wait(30)
        return handler["update"](*given, **more)

    monkeypatch.setitem(handlers, "AWS::SSM::Parameter", {**handler, "update": update})
    monkeypatch.setattr(stacks, "_runs_on_worker_thread", lambda _kind: True)
    return done


def outcomes(stage: Stage) -> list[tuple[str, str]]:
    return [(call["outcome"], call["reason"]) for call in stage.calls("record")]


def test_what_serves_and_answers_is_recorded_as_released(stage: Stage) -> None:
    ended = stage.ended(stage.release())
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert outcomes(stage) == [(releases.RELEASED, "golden answers match")]
    [asked] = stage.calls("validate")
    assert stage.shows[releases.MODEL_PACKAGE_ARN] == WANTED
    assert stage.shows[releases.RELEASE] == asked["release"]


def test_a_release_that_another_overtakes_before_its_look_ends_without_an_alert(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ministack.services.stepfunctions as states

    monkeypatch.setattr(states, "_SFN_WAIT_SCALE", 0.2)  # three seconds before it looks
    execution = stage.release()
    until(lambda: stage.calls("validate") and stage.shows[releases.MODEL_PACKAGE_ARN] == WANTED)
    stage.change(OTHERS, "later")
    ended = stage.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    [(outcome, reason)] = outcomes(stage)
    assert outcome == releases.SUPERSEDED
    [asked] = stage.calls("validate")
    assert reason == f"overtaken by a later release than {asked['release']}"
    assert (stage.calls("verify"), stage.calls("golden")) == ([], [])
    assert stage.shows[releases.MODEL_PACKAGE_ARN] == OTHERS


@pytest.mark.parametrize("failing", ["golden", "verify"])
def test_one_that_must_go_back_leaves_what_a_later_release_put_there(
    stage: Stage, failing: str
) -> None:
    refusals = {"golden": {"passed": False}, "verify": {"served": False}}
    stage.answers[failing] = {**refusals[failing], "reason": "not as it was judged"}
    stage.hold(failing, is_held=True)
    execution = stage.release()
    until(lambda: stage.calls(failing), 30)
    stage.change(OTHERS, "later")
    assert stage.shows[releases.RELEASE] == "later"
    stage.hold(failing, is_held=False)
    ended = stage.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert [outcome for outcome, _ in outcomes(stage)] == [releases.SUPERSEDED]
    assert stage.shows[releases.MODEL_PACKAGE_ARN] == OTHERS


def test_one_that_answers_otherwise_goes_back_to_the_former_at_once(stage: Stage) -> None:
    stage.answers["golden"] = {"passed": False, "reason": "2 of 8 golden answers differ"}
    ended = stage.ended(stage.release())
    assert (ended["status"], ended["error"]) == ("FAILED", "ReleaseFailed")
    assert ended["cause"] == "2 of 8 golden answers differ; now it serves"
    shown, [asked] = stage.shows, stage.calls("validate")
    assert shown[releases.MODEL_PACKAGE_ARN] == FORMER
    assert shown[releases.ROLLOUT] == releases.AT_ONCE
    assert shown[releases.RELEASE] not in ("first", asked["release"])
    assert outcomes(stage) == [(releases.FAILED, ended["cause"])]


def test_a_busy_stack_is_waited_for_and_the_package_judged_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.hold("validate", is_held=True)
    execution = stage.release()
    until(lambda: stage.calls("validate"), 30)
    done = busy_until_set(monkeypatch)
    stage.change(OTHERS, "earlier")
    stage.hold("validate", is_held=False)
    until(lambda: len(stage.calls("validate")) > 1, 30)
    done.set()
    ended = stage.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended.get("cause")
    assert stage.shows[releases.MODEL_PACKAGE_ARN] == WANTED
    assert outcomes(stage) == [(releases.RELEASED, "golden answers match")]


def test_a_refused_package_touches_nothing(stage: Stage) -> None:
    stage.answers["validate"] = {**PLAN, "action": "refuse", "reason": "it is not approved"}
    ended = stage.ended(stage.release())
    assert (ended["status"], ended["error"]) == ("FAILED", "ReleaseRefused")
    assert ended["cause"] == "it is not approved"
    assert stage.shows[releases.RELEASE] == "first"
    assert outcomes(stage) == [(releases.REFUSED, "it is not approved")]
