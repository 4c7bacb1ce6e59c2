"""One execution of a pipeline: each step starts as soon as the steps that it needs have ended."""

import json
import queue
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from local_cloud.sagemaker.pipelines import cache
from local_cloud.sagemaker.pipelines.definitions import (
    PipelineDefinition,
    StepDefinition,
    all_steps,
    branch,
    needs,
)
from local_cloud.sagemaker.pipelines.expressions import (
    ExpressionError,
    Values,
    follow,
    resolve,
)
from local_cloud.sagemaker.pipelines.steps import (
    StepFailedError,
    StepRun,
    StepStoppedError,
    perform,
)
from local_cloud.sagemaker.runtime import emulator, roles
from local_cloud.sagemaker.runtime.store import STORE, JsonObject, now

EVENT = "SageMaker Model Building Pipeline Execution Status Change"
STEP_EVENT = "SageMaker Model Building Pipeline Execution Step Status Change"
ENDED = ("Succeeded", "Failed", "Stopped")


class RunningExecution:
    """A pipeline while it runs; `record` is what DescribePipelineExecution answers."""

    def __init__(
        self,
        record: JsonObject,
        *,
        definition: PipelineDefinition,
        parameters: dict[str, Any],
        role_arn: str,
    ) -> None:
        self.record = record
        self.definition = definition
        self.parameters = parameters
        self.steps: list[JsonObject] = []
        self.done = threading.Event()
        self._role_arn = role_arn
        self._results: dict[str, Mapping[str, Any]] = {}
        self._step_runs: dict[str, StepRun] = {}
        self._finished: queue.Queue[tuple[StepDefinition, str]] = queue.Queue()
        self._stopping = threading.Event()
        self._values = Values(
            parameters=parameters,
            execution=self._variables(),
            step=self._result,
            property_file=self._property_file,
            object_text=self._object_text,
        )

    def start(self) -> None:
        """Run in a thread of its own."""
        name = f"pipeline {self.record['PipelineExecutionArn']}"
        emulator.in_background(name, self._run, on_error=self._fail)

    def stop(self) -> None:
        """Ask every running step to end; the execution ends Stopped."""
        if not self.done.is_set():
            self._become("Stopping")
            self._stopping.set()
            for step_run in list(self._step_runs.values()):
                step_run.stop()

    def _variables(self) -> dict[str, Any]:
        arn = self.record["PipelineExecutionArn"]
        started = datetime.fromtimestamp(self.record["CreationTime"], UTC)
        return {
            "PipelineExecutionId": arn.rsplit("/", 1)[-1],
            "PipelineExecutionArn": arn,
            "PipelineArn": self.record["PipelineArn"],
            "PipelineName": self.record["PipelineArn"].rsplit("/", 1)[-1],
            "StartDateTime": started.isoformat(),
            "CurrentDateTime": started.isoformat(),
        }

    def _run(self) -> None:
        waiting, active = list(self.definition["Steps"]), 0
        failures: list[str] = []
        while True:
            if not failures and not self._stopping.is_set():
                ready = [step for step in waiting if needs(step) <= self._results.keys()]
                for step in ready:
                    waiting.remove(step)
                    active += 1
                    self._start(step)
            if not active:
                break  # nothing left, or only steps whose needs never ran
            step, failure = self._finished.get()
            active -= 1
            if failure:
                failures.append(f"{step['Name']}: {failure}")
            waiting += self._chosen(step)
        self._end(failures)

    def _fail(self, reason: str) -> None:
        """End Failed by an error of our own."""
        for step_run in list(self._step_runs.values()):
            step_run.stop()
        self._end([reason])

    def _chosen(self, step: StepDefinition) -> list[StepDefinition]:
        """The steps of the branch that a finished condition opens."""
        if step["Type"] != "Condition" or step["Name"] not in self._results:
            return []
        is_met = self._results[step["Name"]]["Outcome"]
        return branch(step, "IfSteps" if is_met else "ElseSteps")

    def _end(self, failures: list[str]) -> None:
        if failures:
            reason = f"Step failure: One or multiple steps failed. {'; '.join(failures)}"
            self.record["FailureReason"] = reason[:1300]
        try:
            if self._stopping.is_set():
                self._become("Stopped")
            else:
                self._become("Failed" if failures else "Succeeded")
        finally:
            self.done.set()

    def _become(self, status: str) -> None:
        before = self.record["PipelineExecutionStatus"]
        self.record.update(PipelineExecutionStatus=status, LastModifiedTime=now())
        notify_status(self.record, before)

    def _start(self, step: StepDefinition) -> None:
        """Begin one step in a thread of its own; `_finished` gets it, however it ends."""
        entry: JsonObject = {
            "StepName": step["Name"],
            "StepDisplayName": step.get("DisplayName", step["Name"]),
            "StepDescription": step.get("Description", ""),
            "StartTime": now(),
            "StepStatus": "Executing",
            "AttemptCount": 1,
            "Metadata": {},
        }
        self.steps.append(entry)
        emulator.in_background(
            f"step {step['Name']}",
            partial(self._perform, step, entry),
            on_error=partial(self._finish, step, entry, "Failed"),
        )

    def _perform(self, step: StepDefinition, entry: JsonObject) -> None:
        """One step from its arguments to its status."""
        self._notify_step(entry)
        try:
            self._results[step["Name"]] = self._outcome(step, entry)
        except StepStoppedError:
            self._finish(step, entry, "Stopped", "")
        except (StepFailedError, ExpressionError) as error:
            self._finish(step, entry, "Failed", str(error))
        else:
            self._finish(step, entry, "Succeeded", "")

    def _finish(self, step: StepDefinition, entry: JsonObject, status: str, failure: str) -> None:
        if entry["StepStatus"] != "Executing":
            return  # it had ended; only the event of that failed
        if failure:
            entry["FailureReason"] = failure[:1024]
        entry.update(StepStatus=status, EndTime=now())
        try:
            self._notify_step(entry)
        finally:
            self._finished.put((step, failure))

    def _outcome(self, step: StepDefinition, entry: JsonObject) -> Mapping[str, Any]:
        arguments = step.get("Arguments", {})
        if step["Type"] != "Condition":  # its branches refer to steps that did not run yet
            arguments = resolve(arguments, self._values)
        caching = step.get("CacheConfig") or {}
        key = f"{self.record['PipelineArn']}|{step['Name']}|" + cache.fingerprint(
            step["Type"], arguments
        )
        known = STORE.table("pipeline-cache").get(key)
        if known and cache.is_fresh(caching, finished=known["finished"], now=now()):
            entry["CacheHitResult"] = {"SourcePipelineExecutionArn": known["execution"]}
            entry["Metadata"] = known["metadata"]
            return dict(known["result"])
        step_run = StepRun(
            name=step["Name"],
            kind=step["Type"],
            arguments=arguments,
            execution_id=self._values.execution["PipelineExecutionId"],
            role_arn=self._role_arn,
            values=self._values,
            definition=step,
            metadata=entry["Metadata"],
        )
        self._step_runs[step["Name"]] = step_run
        if self._stopping.is_set():
            raise StepStoppedError
        result = perform(step_run)
        STORE.table("pipeline-cache")[key] = {
            "finished": now(),
            "result": dict(result),
            "metadata": entry["Metadata"],
            "execution": self.record["PipelineExecutionArn"],
        }
        return result

    def _result(self, name: str) -> Mapping[str, Any]:
        if name not in self._results:
            raise ExpressionError(f"step {name} has left nothing to refer to")
        return self._results[name]

    def _property_file(self, step_name: str, file_name: str) -> Any:
        step = next(s for s in all_steps(self.definition["Steps"]) if s["Name"] == step_name)
        known = {item["PropertyFileName"]: item for item in step.get("PropertyFiles", [])}
        if file_name not in known:
            raise ExpressionError(f"step {step_name} has no property file {file_name}")
        outputs = self._result(step_name).get("ProcessingOutputConfig", {}).get("Outputs", [])
        path = f"['{known[file_name]['OutputName']}'].S3Output.S3Uri"
        folder = follow(outputs, path, what=f"outputs of step {step_name}")
        uri = f"{folder.rstrip('/')}/{known[file_name]['FilePath']}"
        try:
            return json.loads(self._object_text(uri))
        except ValueError as error:
            raise ExpressionError(f"{uri} is not JSON: {error}") from None

    def _object_text(self, uri: str) -> str:
        try:
            bucket, key = emulator.split_uri(uri)
            roles.may_read(self._role_arn, bucket, key)
            return emulator.read_object(bucket, key).decode("utf-8")
        except (roles.AccessDeniedError, emulator.MissingObjectError) as error:
            raise ExpressionError(f"cannot read {uri}: {error}") from None

    def _notify_step(self, entry: JsonObject) -> None:
        detail = {
            "metadata": entry["Metadata"],
            "stepName": entry["StepName"],
            "currentStepStatus": entry["StepStatus"],
            "failureReason": entry.get("FailureReason", ""),
            "pipelineArn": self.record["PipelineArn"],
            "pipelineExecutionArn": self.record["PipelineExecutionArn"],
        }
        emulator.put_event(STEP_EVENT, self.record["PipelineExecutionArn"], detail)


def notify_status(record: JsonObject, before: str) -> None:
    """The event of an execution's new status."""
    ended = record["PipelineExecutionStatus"] in ENDED
    detail = {
        "pipelineExecutionDescription": record.get("PipelineExecutionDescription", ""),
        "pipelineExecutionDisplayName": record["PipelineExecutionDisplayName"],
        "currentPipelineExecutionStatus": record["PipelineExecutionStatus"],
        "previousPipelineExecutionStatus": before,
        "executionStartTime": _iso(record["CreationTime"]),
        "executionEndTime": _iso(record["LastModifiedTime"]) if ended else "",
        "pipelineArn": record["PipelineArn"],
        "pipelineExecutionArn": record["PipelineExecutionArn"],
    }
    emulator.put_event(EVENT, record["PipelineArn"], detail)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
