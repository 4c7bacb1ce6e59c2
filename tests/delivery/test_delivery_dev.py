"""cd.yml and monitoring.yml run for stage dev: a deploy, the daily look, and the way back.

Their steps as they are written, in a clone, by the roles of the Delivery stack, in a local cloud
that is the account of the stage. In order: each test goes on from the one before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.delivery import vulnerabilities
from tests.delivery.deployed_stage import DeployedStage, prepared_stage
from tests.delivery.runner import JobRun, git
from tests.delivery.vulnerabilities import Database
from tests.delivery.workflows import ROOT

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (ROOT / ".local/venvs/emulator").exists(), reason="no local cloud: run `make setup`"
    ),
]
BROKEN = '\nraise RuntimeError("broken by a commit")\n'
MINUTE_SECONDS = 20  # of the cloud's alarms
QUIET_SECONDS = 6 * MINUTE_SECONDS  # within which an alarm ends whose cause is gone


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with vulnerabilities.serving() as made:
        yield made


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[DeployedStage]:
    """The clone's first commit is pushed; the account has the roles of GitHub's jobs."""
    folder = tmp_path_factory.mktemp("delivery")
    settings = {"LOCAL_CLOUD_MINUTE_SECONDS": str(MINUTE_SECONDS)}
    with prepared_stage(folder, "dev", **settings) as made:
        made.more |= database.variables()
        yield made


def look(stage: DeployedStage) -> JobRun:
    """A run of monitoring.yml."""
    done = stage.job("monitoring", "look", "dev-watch")
    assert done.ran == ['make watch STAGE="$STAGE" FILE=watch.json', "make issue FILE=watch.json"]
    assert done.conclusion == "success", done.said[-4000:]
    return done


def test_main_is_deployed_by_tokens_and_its_api_answers(stage: DeployedStage) -> None:
    done = stage.deploy()
    assert done.conclusion == "success", done.said[-4000:]
    assert done.ran == ['make deploy STAGE="$STAGE" CI=1', 'make smoke STAGE="$STAGE"']
    assert "the API answers, and no model is released yet" in done.said


def test_a_look_at_a_stage_that_is_well_opens_no_issue(
    stage: DeployedStage, database: Database
) -> None:
    wait_for_alarms(stage, ringing=False)
    assert "stage dev is well, and no issue is open" in look(stage).said
    assert {"boto3", "scikit-learn", "msgspec"} <= database.asked
    assert stage.repository.issues == []


def test_what_is_wrong_is_one_issue_which_the_next_look_renews(
    stage: DeployedStage, database: Database
) -> None:
    database.known["boto3"] = "PYSEC-0000-1"
    queue = dead_letters(stage)
    stage.aws("sqs").send_message(QueueUrl=queue, MessageBody="an event that nobody took")
    wait_for_alarms(stage, ringing=True)
    assert "issue 1 was opened" in look(stage).said
    [issue] = stage.repository.issues
    assert issue["title"] == "Stage dev needs a look"
    for what in ("boto3 PYSEC-0000-1", "learn-dead-letters 1", "started no training run"):
        assert what in issue["body"]
    assert "| ok | drift |" in issue["body"]
    database.known.clear()
    assert "issue 1 was renewed" in look(stage).said
    assert stage.repository.issues == [issue]
    assert "PYSEC-0000-1" not in issue["body"]
    assert "learn-dead-letters 1" in issue["body"]


def test_it_is_closed_when_all_is_well(stage: DeployedStage) -> None:
    stage.aws("sqs").purge_queue(QueueUrl=dead_letters(stage))
    wait_for_alarms(stage, ringing=False)
    assert "issue 1 was closed: stage dev is well again" in look(stage).said
    [issue] = stage.repository.issues
    assert issue["state"] == "closed"
    assert len(stage.repository.comments) == 1
    assert "no issue is open" in look(stage).said


def test_who_looks_may_do_nothing_else(stage: DeployedStage) -> None:
    role = stage.outputs("delivery")["WatchRoleArn"]
    keys = stage.keys(role, "dev-watch")
    assert stage.client("sqs", *keys).list_queues()["QueueUrls"]
    bucket = stage.outputs("foundation")["ObservationsBucket"]
    refused = {
        ("s3", "put_object"): {"Bucket": bucket, "Key": "monitoring/a.json", "Body": b"{}"},
        ("s3", "get_object"): {"Bucket": bucket, "Key": "predictions/a.gz"},
        ("sqs", "purge_queue"): {"QueueUrl": dead_letters(stage)},
        ("sqs", "receive_message"): {"QueueUrl": dead_letters(stage)},
        ("ssm", "put_parameter"): {
            "Name": stage.outputs("endpoint")["LiveParameter"],
            "Value": "0",
            "Overwrite": True,
        },
        ("cloudwatch", "set_alarm_state"): {
            "AlarmName": "review-stars-dev-learn-dead-letters",
            "StateValue": "OK",
            "StateReason": "none",
        },
        ("sts", "assume_role"): {
            "RoleArn": f"arn:aws:iam::{stage.number}:role/cdk-hnb659fds-deploy-role-"
            f"{stage.number}-us-east-1",
            "RoleSessionName": "look",
        },
    }
    for (service, operation), words in refused.items():
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            getattr(stage.client(service, *keys), operation)(**words)
    for place in ("dev", "prod-watch"):
        with pytest.raises(ClientError, match="AccessDenied"):
            stage.keys(role, place)


def test_a_commit_that_does_not_answer_goes_back_to_the_one_before(stage: DeployedStage) -> None:
    former = git(stage.clone, "rev-parse", "HEAD")
    file = stage.clone / "lambdas" / "ratings" / "rate.py"
    file.write_text(file.read_text() + BROKEN)
    stage.commit("feat(lambdas): break")
    done = stage.deploy()
    assert done.conclusion == "failure"
    assert done.ran[-1] == 'make redeploy STAGE="$STAGE"', done.said[-4000:]
    assert f"{former} is deployed again to stage dev" in done.said
    assert done.outcomes[max(done.outcomes)] == "success", done.said[-4000:]
    smoke = stage.job("cd", "deploy", "dev", only="make smoke")
    assert "the API answers, and no model is released yet" in smoke.said, smoke.said[-3000:]


def dead_letters(stage: DeployedStage) -> str:
    """The queue of events that started no training run."""
    name = "review-stars-dev-learn-dead-letters"
    return str(stage.aws("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def wait_for_alarms(stage: DeployedStage, *, ringing: bool) -> None:
    """Until one rings, or none does any more."""
    end = time.monotonic() + QUIET_SECONDS
    found: list[str] = []
    while time.monotonic() < end:
        alarms = stage.aws("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
        found = [alarm["AlarmName"] for alarm in alarms]
        if bool(found) == ringing:
            return
        time.sleep(1)
    raise AssertionError(f"ringing after {QUIET_SECONDS} s: {found or 'none'}")
