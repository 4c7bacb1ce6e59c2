"""Ways to break a stage of the local cloud, each with the way back.

A fault is a context: inside it the stage is broken, after it it is whole. What cannot be undone by
a call of AWS is no fault for this file.
"""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdas.contract import outputs
from lambdas.ports import models, objects
from lambdas.ports.clients import client
from operate.deployment import Deployment
from operate.errors import OperateError
from operate.follow import until
from reviews.golden import GOLDEN_FILE

SERVER = b"SAGEMAKER_BIND_TO_PORT="  # in the environment of a model server, and of nothing else
WAIT_SECONDS = 60.0
OLD_PYTHON = "3.10"  # of which AWS takes no more care
ANSWER, PROBE = "lambdas.ratings.rate.handler", "lambdas.probe.ask.handler"


@dataclass(frozen=True)
class Broken:
    """The stage that is broken, and where its local cloud keeps what belongs to it."""

    deployment: Deployment

    @property
    def home(self) -> Path:
        """The folder of its local cloud."""
        return self.deployment.place.home

    def name(self, part: str = "") -> str:
        """The name of a part of the stage."""
        return self.deployment.place.name(part)

    def function(self, handler: str) -> str:
        """The name of the function with this handler."""
        pages = client("lambda").get_paginator("list_functions").paginate()
        for function in (item for page in pages for item in page["Functions"]):
            is_ours = function["FunctionName"].startswith(f"{self.name()}-")
            if is_ours and function["Handler"] == handler:
                return str(function["FunctionName"])
        raise OperateError(f"the stage has no function {handler}: deploy it first")

    def variables(self, handler: str) -> dict[str, str]:
        """The environment of the function with this handler."""
        found = client("lambda").get_function_configuration(FunctionName=self.function(handler))
        return dict(found.get("Environment", {}).get("Variables", {}))

    @contextmanager
    def configured(self, handler: str, **changes: Any) -> Iterator[None]:
        """A function with other settings."""
        name = self.function(handler)
        before = client("lambda").get_function_configuration(FunctionName=name)
        client("lambda").update_function_configuration(FunctionName=name, **changes)
        try:
            yield
        finally:
            whole = {key: before[key] for key in changes}
            client("lambda").update_function_configuration(FunctionName=name, **whole)

    @contextmanager
    def without_right(self, handler: str, action: str) -> Iterator[None]:
        """A function whose role lost the statements with an action."""
        role = str(
            client("lambda").get_function_configuration(FunctionName=self.function(handler))["Role"]
        ).rpartition("/")[2]
        with _policies_without(role, action):
            yield


def import_fails(stage: Broken) -> Any:
    """The function's module is not there."""
    return stage.configured(ANSWER, Handler="lambdas.ratings.lost.handler")


@contextmanager
def times_out(stage: Broken) -> Iterator[None]:
    """The function is ended before the model has answered."""
    with model_hangs(stage), stage.configured(ANSWER, Timeout=2):
        yield


@contextmanager
def throttled(stage: Broken) -> Iterator[None]:
    """No execution is left for the function."""
    name = stage.function(ANSWER)
    client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client("lambda").delete_function_concurrency(FunctionName=name)


@contextmanager
def gateway_not_let_in(stage: Broken) -> Iterator[None]:
    """The function's own policy names the gateway no more."""
    name = stage.function(ANSWER)
    policy = json.loads(client("lambda").get_policy(FunctionName=name)["Policy"])
    for statement in policy["Statement"]:
        client("lambda").remove_permission(FunctionName=name, StatementId=statement["Sid"])
    try:
        yield
    finally:
        for statement in policy["Statement"]:
            condition = statement["Condition"]["ArnLike"]["AWS:SourceArn"]
            client("lambda").add_permission(
                FunctionName=name,
                StatementId=statement["Sid"],
                Action=statement["Action"],
                Principal=statement["Principal"]["Service"],
                SourceArn=condition,
            )


def role_lost_the_model(stage: Broken) -> Any:
    """The function may ask the endpoint no more."""
    return stage.without_right(ANSWER, "sagemaker:InvokeEndpoint")


def stream_refuses(stage: Broken) -> Any:
    """The function may hand predictions over no more."""
    return stage.without_right(ANSWER, "firehose:PutRecordBatch")


@contextmanager
def endpoint_gone(stage: Broken) -> Iterator[None]:
    """Somebody deleted the endpoint; its configuration stays."""
    name, sagemaker = stage.name(), client("sagemaker")
    configuration = models.describe_endpoint(name).configuration
    sagemaker.delete_endpoint(EndpointName=name)
    try:
        yield
    finally:
        _await_gone(name)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=configuration)
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )


@contextmanager
def out_of_memory(stage: Broken) -> Iterator[None]:
    """The kernel kills the model server, and again once it was started anew: the endpoint fails."""
    for _ in range(2):
        _kill(until("a server", lambda: _model_servers(stage.home) or None, WAIT_SECONDS))
    try:
        yield
    finally:
        with endpoint_gone(stage):
            pass


@contextmanager
def model_hangs(stage: Broken) -> Iterator[None]:
    """The model server takes requests and answers none."""
    stopped = _model_servers(stage.home)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def answers_differ(stage: Broken) -> Iterator[None]:
    """The model answers otherwise than it did when it was made.

    What is changed is the record of those answers: a model that lies would have to be trained.
    """
    _, package = models.served_package(stage.name())
    bucket, key = objects.split_uri(models.describe_package(package).model_data_url)
    whole = objects.read(bucket, key)
    client("s3").put_object(Bucket=bucket, Key=key, Body=_with_other_answers(whole))
    try:
        with stage.configured(PROBE, MemorySize=1770):  # started anew, so that it reads again
            yield
    finally:
        client("s3").put_object(Bucket=bucket, Key=key, Body=whole)


@contextmanager
def api_stage_deleted(stage: Broken) -> Iterator[None]:
    """The stage of the API is gone; the API and all behind it are there."""
    api, label = stage.deployment[outputs.API_ID], stage.deployment[outputs.API_STAGE]
    gateway = client("apigateway")
    before = gateway.get_stage(restApiId=api, stageName=label)
    gateway.delete_stage(restApiId=api, stageName=label)
    try:
        yield
    finally:
        gateway.create_stage(restApiId=api, stageName=label, deploymentId=before["deploymentId"])


@contextmanager
def probe_silent(stage: Broken) -> Iterator[None]:
    """The schedule of the probe is switched off."""
    rule = stage.name("probe")
    client("events").disable_rule(Name=rule)
    try:
        yield
    finally:
        client("events").enable_rule(Name=rule)


@contextmanager
def runtime_near_its_end(stage: Broken) -> Iterator[None]:
    """The probe is told that the functions run on a Python that AWS has given up."""
    variables = stage.variables(PROBE) | {"RUNTIME": OLD_PYTHON}
    with stage.configured(PROBE, Environment={"Variables": variables}):
        yield


@contextmanager
def key_disabled(stage: Broken) -> Iterator[None]:
    """Somebody disables the key of the data."""
    alias = f"alias/{stage.name('data')}"
    key = client("kms").describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    client("kms").disable_key(KeyId=key)
    try:
        yield
    finally:
        client("kms").enable_key(KeyId=key)


@contextmanager
def trail_stopped(stage: Broken) -> Iterator[None]:
    """Somebody stops the trail."""
    client("cloudtrail").stop_logging(Name=stage.name())
    try:
        yield
    finally:
        client("cloudtrail").start_logging(Name=stage.name())


@contextmanager
def queue_not_empty(stage: Broken) -> Iterator[None]:
    """An event that started nothing waits in a dead-letter queue."""
    queues = client("sqs")
    url = queues.get_queue_url(QueueName=stage.name("learn-dead-letters"))["QueueUrl"]
    queues.send_message(QueueUrl=url, MessageBody="{}")
    try:
        yield
    finally:
        queues.purge_queue(QueueUrl=url)


@contextmanager
def stream_cannot_write(stage: Broken) -> Iterator[None]:
    """The delivery stream's role may not write to the bucket."""
    described = client("firehose").describe_delivery_stream(
        DeliveryStreamName=stage.name("predictions")
    )
    [destination] = described["DeliveryStreamDescription"]["Destinations"]
    role = destination["ExtendedS3DestinationDescription"]["RoleARN"].rpartition("/")[2]
    with _policies_without(role, "s3:PutObject"):
        yield


@contextmanager
def _policies_without(role: str, action: str) -> Iterator[None]:
    iam = client("iam")
    whole: dict[str, Any] = {}
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        kept = [s for s in document["Statement"] if action not in _listed(s["Action"])]
        if len(kept) < len(document["Statement"]):
            whole[name] = document
            cut = json.dumps({**document, "Statement": kept})
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=cut)
    if not whole:
        raise OperateError(f"the role {role} has no right to {action}: nothing can be taken away")
    try:
        yield
    finally:
        for name, document in whole.items():
            policy = json.dumps(document)
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _with_other_answers(archive: bytes) -> bytes:
    """A model.tar.gz whose golden answers are turned around: five stars are one."""
    made = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as whole,
        tarfile.open(fileobj=made, mode="w:gz", compresslevel=1) as changed,
    ):
        for member in whole:
            body = whole.extractfile(member)
            content = body.read() if body else b""
            if member.name.removeprefix("./") == GOLDEN_FILE:
                lines = [json.loads(line) for line in content.splitlines() if line]
                turned = [
                    {**n, "stars": 6 - n["stars"], "probabilities": n["probabilities"][::-1]}
                    for n in lines
                ]
                content = b"".join(json.dumps(line).encode() + b"\n" for line in turned)
                member.size = len(content)
            changed.addfile(member, io.BytesIO(content))
    return made.getvalue()


def _model_servers(home: Path) -> list[int]:
    """The processes of this local cloud's model servers."""
    mark = f"LOCAL_CLOUD_HOME={home.resolve()}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in variables and any(variable.startswith(SERVER) for variable in variables):
            found.append(int(entry.parent.name))
    return found


def _kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    folders = [Path(f"/proc/{pid}") for pid in pids]
    until("its death", lambda: not any(map(Path.exists, folders)) or None, WAIT_SECONDS)


def _await_gone(endpoint: str) -> None:
    def is_gone() -> bool | None:
        try:
            models.describe_endpoint(endpoint)
        except FileNotFoundError:
            return True
        return None

    until("the endpoint's end", is_gone, WAIT_SECONDS)
