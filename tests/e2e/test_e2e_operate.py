"""What a person does to a running stage, each command for real; destroy comes last.

Two versions exist when these begin: the first run's, and that of the second file; a third model
was refused.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reviews.model_archive import read_archive, write_archive
from tests.e2e.conftest import PREFIX, ROOT, Running, aws, operate, our_processes
from tests.e2e.test_e2e_loop import REVIEW, curl

pytestmark = pytest.mark.e2e
TWIN = "222222222222"  # the account that a package is promoted to
PACKAGES = f"arn:aws:sagemaker:us-east-1:000000000000:model-package/{PREFIX}"
COMMAND_SECONDS = 120
MEMORY_SECONDS = 15


def say(running: Running, *words: str, code: int = 0) -> str:
    """Run one command against the running cloud; returns what it said."""
    command = operate(*words, "--home", str(running.home))
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


def serves(running: Running, wanted: str) -> str:
    """The version that answers, or the status where none does, once it is the wanted one.

    Each worker of the function remembers the live record for ten seconds.
    """
    deadline = time.monotonic() + MEMORY_SECONDS
    while True:
        status, answer = curl(running, "/v1/ratings", REVIEW, signed=True)
        found = str(answer["model_version"]) if status == 200 else str(status)
        if found == wanted or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def test_status_tells_what_is_live_and_where(running: Running) -> None:
    said = say(running, "status")
    assert "live" in said
    assert "version 2" in said
    assert "version 1" in said
    assert f"{running.client['API_URL']}\n" in said
    assert " UTC" in said


def test_learning_on_request_says_its_steps_and_why_there_is_no_model(running: Running) -> None:
    said = " ".join(say(running, "learn", code=1).split())
    assert "Train Executing" in said
    assert "Gate Succeeded, Refused Failed" in said
    assert "worse than the champion's" in said


def test_drift_is_judged_on_request(running: Running) -> None:
    verdict = json.loads(say(running, "drift"))
    assert (verdict["verdict"] == "insufficient") is (verdict["n"] < 2000), verdict


def test_a_version_that_does_not_exist_is_refused_with_those_that_do(running: Running) -> None:
    assert "known are 2 (Approved), 1 (Approved)" in say(
        running, "release", "--version", "9", code=2
    )
    assert "has no version that is pending" in say(running, "release", code=2)


def test_a_rollback_brings_the_version_before_back(running: Running) -> None:
    assert serves(running, "2") == "2"
    # Forced: on a slow machine the latency alarm may ring for what went before.
    assert "version 1 released" in say(running, "rollback", "--force")
    assert serves(running, "1") == "1"


def test_a_release_goes_forward_again(running: Running) -> None:
    assert "version 2 released" in say(running, "release", "--version", "2", "--force")
    assert serves(running, "2") == "2"


def test_a_person_s_approval_starts_the_release(running: Running) -> None:
    """A package that waits, made of version 2's own model, becomes version 3."""
    sagemaker = aws(running, "sagemaker")
    known = sagemaker.describe_model_package(ModelPackageName=f"{PACKAGES}/2")
    kept = ("ModelPackageGroupName", "InferenceSpecification", "CustomerMetadataProperties")
    sagemaker.create_model_package(
        ModelApprovalStatus="PendingManualApproval", **{name: known[name] for name in kept}
    )
    said = say(running, "status")
    assert "PendingManualApproval" in said
    assert "signed by key" in said
    for _ in range(60):  # so that the latency alarm judges more than the golden set's one batch
        assert serves(running, "2") == "2"
    assert "version 3 released" in say(running, "release")
    assert serves(running, "3") == "3"


def test_a_stage_sleeps_and_wakes_with_the_same_version(running: Running) -> None:
    say(running, "sleep")
    assert serves(running, "503") == "503"
    assert "version 3 sleeps: `make wake` brings it back" in say(running, "status")
    assert "nothing to put to sleep" in say(running, "sleep", code=2)
    assert aws(running, "sagemaker").list_endpoints()["Endpoints"] == []
    say(running, "wake")
    assert serves(running, "3") == "3"


def unsigned(files: dict[str, bytes]) -> None:
    """Take the signature away."""
    del files["model.sig"]


def altered(files: dict[str, bytes]) -> None:
    """Change one byte of what the model has learned."""
    body = bytearray(files["weights.npz"])
    body[len(body) // 2] ^= 1
    files["weights.npz"] = bytes(body)


def package_of(running: Running, name: str, spoil: Callable[[dict[str, bytes]], None]) -> str:
    """Register version 3 once more, its archive spoiled; returns the ARN."""
    sagemaker, s3 = aws(running, "sagemaker"), aws(running, "s3")
    known = sagemaker.describe_model_package(ModelPackageName=f"{PACKAGES}/3")
    kept = ("ModelPackageGroupName", "InferenceSpecification", "CustomerMetadataProperties")
    wanted = {key: known[key] for key in kept}
    [container] = wanted["InferenceSpecification"]["Containers"]
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    files = read_archive(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert "model.sig" in files
    spoil(files)
    target = f"runs/{name}/signed/model.tar.gz"
    s3.put_object(Bucket=bucket, Key=target, Body=write_archive(files))
    container["ModelDataUrl"] = f"s3://{bucket}/{target}"
    made = sagemaker.create_model_package(ModelApprovalStatus="PendingManualApproval", **wanted)
    return str(made["ModelPackageArn"])


def what_serves(running: Running) -> tuple[str, Any]:
    """The live record, and the configuration of the endpoint with its name."""
    live = aws(running, "ssm").get_parameter(Name=f"/{PREFIX}/live")["Parameter"]["Value"]
    sagemaker = aws(running, "sagemaker")
    [endpoint] = sagemaker.list_endpoints()["Endpoints"]
    found = sagemaker.describe_endpoint(EndpointName=endpoint["EndpointName"])
    return live, (found["EndpointStatus"], found["EndpointConfigName"])


@pytest.mark.parametrize(
    ("number", "spoil", "sentence"),
    [
        (4, unsigned, "the model is not signed: it holds no model.sig"),
        (5, altered, "the model is not the one that was signed: weights.npz is not what was"),
    ],
)
def test_a_package_that_nobody_signed_or_somebody_changed_is_not_released(
    running: Running, number: int, spoil: Callable[[dict[str, bytes]], None], sentence: str
) -> None:
    assert package_of(running, spoil.__name__, spoil).endswith(f"/{number}")
    before = what_serves(running)
    for force in ((), ("--force",)):
        said = say(running, "release", "--version", str(number), *force, code=1)
        said = " ".join(said.split())
        assert f"version {number} cannot be trusted: s3://" in said
        assert sentence in said
    assert what_serves(running) == before
    assert serves(running, "3") == "3"
    assert f"version {number}" in say(running, "status")


def test_a_server_does_not_start_with_a_changed_model_even_where_no_release_looked(
    running: Running,
) -> None:
    """Version 5, approved, as who may make endpoints past the Release machine could start it."""
    sagemaker = aws(running, "sagemaker")
    _, (_, configuration) = what_serves(running)
    [variant] = sagemaker.describe_endpoint_config(EndpointConfigName=configuration)[
        "ProductionVariants"
    ]
    model = sagemaker.describe_model(ModelName=variant["ModelName"])
    [container] = model["Containers"]
    assert container["Environment"]["MODEL_SIGNATURE"] == "required"
    container["ModelPackageName"] = f"{PACKAGES}/5"
    name = "past-the-machine"
    sagemaker.create_model(
        ModelName=name, Containers=[container], ExecutionRoleArn=model["ExecutionRoleArn"]
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "ModelName": name}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    deadline = time.monotonic() + COMMAND_SECONDS
    while (found := sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    assert found["EndpointStatus"] == "Failed", found
    logs = aws(running, "logs").filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{name}")
    lines = " ".join(event["message"] for event in logs["events"])
    assert "SignatureError: the model is not the one that was signed: weights.npz" in lines
    sagemaker.delete_endpoint(EndpointName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
    assert serves(running, "3") == "3"


def test_each_call_of_the_api_has_its_line(running: Running) -> None:
    curl(running, "/v1/model", None, signed=False)
    logs = aws(running, "logs")
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
        if "Access" in group["logGroupName"]
    ]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=groups[0])
    lines = [json.loads(event["message"]) for page in pages for event in page["events"]]
    statuses = {(line["route"], line["status"]) for line in lines}
    assert {("/v1/ratings", "200"), ("/v1/ratings", "503"), ("/v1/model", "403")} <= statuses
    assert "Works great" not in json.dumps(lines)


@pytest.mark.parametrize("outage", ["a key is disabled", "the trail is stopped"])
def test_who_tampers_is_told_of_at_once(running: Running, outage: str) -> None:
    said = say(running, "outages", "--only", outage)
    assert f"✓ {outage}" in said


def test_the_trail_tells_who_wrote_the_raw_bucket(running: Running) -> None:
    s3, bucket = aws(running, "s3"), f"{PREFIX}-audit-000000000000-us-east-1"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    records = [
        record
        for key in keys
        for record in json.loads(
            gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        )["Records"]
    ]
    put = [
        record
        for record in records
        if record["eventName"] == "PutObject"
        and record["requestParameters"]["bucketName"].startswith(f"{PREFIX}-raw")
    ]
    assert len(put) >= 2
    names = {record["eventName"] for record in records}
    assert {"CreateModelPackage", "StartPipelineExecution", "AssumeRole"} <= names


def test_a_raw_file_is_taken_back_with_all_that_was_made_of_it(running: Running) -> None:
    s3, key = aws(running, "s3"), "incoming/reviews.jsonl.gz"
    said = " ".join(say(running, "remove", "reviews.jsonl.gz").split())
    assert f"{key} is removed" in said
    assert "is without it" in said
    assert "learned from it: it stays in them until they are replaced" in said
    raw, curated = f"{PREFIX}-raw", f"{PREFIX}-curated"
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    raw, curated = (next(b for b in buckets if b.startswith(name)) for name in (raw, curated))
    left = s3.list_object_versions(Bucket=raw, Prefix=key)
    assert not left.get("Versions")
    id = said.partition("dataset ")[2].split()[0]
    body = s3.get_object(Bucket=curated, Key=f"datasets/{id}/dataset.json")["Body"].read()
    assert key not in {source["key"] for source in json.loads(body)["sources"]}
    assert "no raw file incoming/reviews.jsonl.gz" in say(running, "remove", key, code=2)


def test_no_call_of_the_whole_journey_was_refused_a_right(running: Running) -> None:
    log = (running.home / "authorization.jsonl").read_text().splitlines()
    refused = [item for item in map(json.loads, log) if item["decision"] != "Allow"]
    # The other account's tests of promotion ask for rights that nobody there has.
    refused = [item for item in refused if f":{TWIN}:" not in item["principal"]]
    unsigned = [item for item in refused if item["principal"] == "anonymous"]
    assert [item for item in refused if item not in unsigned] == []


def test_destroy_empties_what_must_be_empty_and_leaves_no_stack(running: Running) -> None:
    cloudformation = aws(running, "cloudformation")
    said = say(running, "destroy")
    assert "emptied review-stars-local-raw" in said
    assert "deleted 5 package versions" in said
    assert "left, as they are the account's: the CDK bootstrap stack" in said
    listed = cloudformation.describe_stacks()["Stacks"]
    assert [item["StackName"] for item in listed if PREFIX in item["StackName"]] == []
    deadline = time.monotonic() + 10
    while "the stage was destroyed" not in running.log() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert "the stage was destroyed" in running.log()


def test_after_the_end_no_process_of_ours_is_left(running: Running) -> None:
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(60) == 0, running.log()[-3000:]
    nothing_is_left(running.home)


def starting(home: Path) -> subprocess.Popen[bytes]:
    """A run of its own, as far as a local cloud that answers."""
    with (home / "run.log").open("w") as log:
        process = subprocess.Popen(
            operate("run", "--home", str(home)),
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + COMMAND_SECONDS
    while not (home / "cloud.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert our_processes(home)
    return process


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_run_that_is_stopped_while_it_starts_leaves_nothing(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    process = starting(tmp_path)
    process.send_signal(number)
    assert process.wait(60) == status
    assert f"stopped by {number.name}" in (tmp_path / "run.log").read_text()
    nothing_is_left(tmp_path)


def test_an_emulator_that_is_killed_is_told_in_a_sentence(tmp_path: Path) -> None:
    process = starting(tmp_path)
    for line in our_processes(tmp_path):
        if "local_cloud.emulator" in line and "guard.py" not in line:
            os.kill(int(line.split()[0]), signal.SIGKILL)
    assert process.wait(60) == 1
    said = (tmp_path / "run.log").read_text()
    assert "the local cloud has ended by itself" in said
    assert str(tmp_path / "cloud.log") in said
    assert "Traceback" not in said
    nothing_is_left(tmp_path)


def nothing_is_left(home: Path) -> None:
    deadline = time.monotonic() + 10
    while our_processes(home) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert our_processes(home) == []
