"""The Learn machine's definition: one training run at a time, from a dataset to a release.

In the state: `reason` why the run was started; `prepared` whether it goes on and with what;
`started` and `run` the pipeline's execution; `concluded` what came of it; `message` what went
wrong, in a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.machines.states import State, call, caught, explained, invoke, publish, put_event
from lambdas.contract.events import RELEASE_REQUESTED
from lambdas.contract.learning import DATASET, PERSON, REGISTERED, WITHOUT_CHAMPION

POLL_SECONDS = 15  # a run of some hours stays far below 25,000 events
PACKAGE = "$.concluded.model_package_arn"


@dataclass(frozen=True, kw_only=True)
class LearningParts:
    """What the machine uses; ARNs and names, which may hold CDK tokens.

    releases: whether a model that passed its gate goes out without a person.
    """

    prepare: str
    conclude: str
    pipeline_name: str
    topic_arn: str
    subject: str
    event_source: str
    settle_seconds: int
    max_seconds: int
    releases: bool


def definition(parts: LearningParts) -> State:
    """The whole machine."""
    return {
        "Comment": "One training run at a time",
        "StartAt": "CheckReason",
        "TimeoutSeconds": parts.max_seconds,
        "States": {
            **_prepare(parts),
            **_follow(parts),
            **_hand_over(parts),
            **_fail(parts),
        },
    }


def _prepare(parts: LearningParts) -> dict[str, State]:
    """Wait for more files, ask whether this run may go on, start the pipeline."""
    return {
        "CheckReason": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.reason", "IsPresent": False, "Next": "AssumePerson"},
                {"Variable": "$.reason", "StringEquals": DATASET, "Next": "WaitForFiles"},
            ],
            "Default": "PrepareRun",
        },
        "AssumePerson": {
            "Type": "Pass",
            "Result": PERSON,
            "ResultPath": "$.reason",
            "Next": "PrepareRun",
        },
        "WaitForFiles": {"Type": "Wait", "Seconds": parts.settle_seconds, "Next": "PrepareRun"},
        "PrepareRun": invoke(
            parts.prepare,
            Parameters={
                "execution_arn.$": "$$.Execution.Id",
                "execution_name.$": "$$.Execution.Name",
                "machine_arn.$": "$$.StateMachine.Id",
                "reason.$": "$.reason",
            },
            ResultPath="$.prepared",
            Next="CheckPrepared",
            Catch=caught("CheckCause"),
        ),
        "CheckPrepared": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.prepared.proceed", "BooleanEquals": True, "Next": "StartPipeline"}
            ],
            "Default": "Refused",
        },
        # Another run goes on, or there is nothing to learn from: no fault, and no alert.
        "Refused": {"Type": "Succeed", "OutputPath": "$.prepared"},
        "StartPipeline": call(
            "sagemaker:startPipelineExecution",
            {
                "PipelineName": parts.pipeline_name,
                "ClientRequestToken.$": "$.prepared.token",
                "PipelineParameters.$": "$.prepared.parameters",
            },
            ResultPath="$.started",
            Next="WaitForPipeline",
            Catch=caught("CheckCause"),
        ),
    }


def _follow(parts: LearningParts) -> dict[str, State]:
    """Look until the pipeline has ended, then learn how."""
    arn = "$.started.PipelineExecutionArn"
    running = [
        {"Variable": "$.run.status", "StringEquals": status, "Next": "WaitForPipeline"}
        for status in ("Executing", "Stopping")
    ]
    return {
        "WaitForPipeline": {"Type": "Wait", "Seconds": POLL_SECONDS, "Next": "DescribePipeline"},
        "DescribePipeline": call(
            "sagemaker:describePipelineExecution",
            {"PipelineExecutionArn.$": arn},
            ResultSelector={"status.$": "$.PipelineExecutionStatus"},
            ResultPath="$.run",
            Next="CheckPipeline",
            Catch=caught("CheckCause"),
        ),
        "CheckPipeline": {"Type": "Choice", "Choices": running, "Default": "ConcludeRun"},
        "ConcludeRun": invoke(
            parts.conclude,
            Parameters={
                "pipeline_execution_arn.$": arn,
                "dataset_id.$": "$.prepared.dataset_id",
            },
            ResultPath="$.concluded",
            Next="CheckTracked",
            Catch=caught("CheckCause"),
        ),
        "CheckTracked": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.concluded.untracked", "StringEquals": "", "Next": "CheckOutcome"}
            ],
            "Default": "NotifyUntracked",
        },
        # What is said in vain costs no model either.
        "NotifyUntracked": publish(
            parts.topic_arn,
            f"{parts.subject}: a run is not in MLflow",
            "States.Format('dataset {}: {}', $.prepared.dataset_id, $.concluded.untracked)",
            Next="CheckOutcome",
            Catch=caught("CheckOutcome"),
        ),
        "CheckOutcome": {
            "Type": "Choice",
            "Choices": [
                {
                    "Variable": "$.concluded.outcome",
                    "StringEquals": REGISTERED,
                    "Next": "CheckChampion",
                }
            ],
            "Default": "NotifyNotRegistered",
        },
    }


def _hand_over(parts: LearningParts) -> dict[str, State]:
    """Ask for the release, or notify a person; then look for a newer dataset."""
    newer = {"Variable": "$.concluded.newer_dataset", "BooleanEquals": True, "Next": "LearnAgain"}
    name = "RequestRelease" if parts.releases else "NotifyPending"
    if parts.releases:
        detail: State = {"model_package_arn.$": PACKAGE}
        registered = put_event(
            parts.event_source, RELEASE_REQUESTED, detail, Next="CheckNewerDataset"
        )
    else:
        registered = publish(
            parts.topic_arn,
            f"{parts.subject}: a model waits for approval",
            f"States.Format('{{}} passed its gate and waits for approval', {PACKAGE})",
            Next="CheckNewerDataset",
        )
    unjudged = (
        f"States.Format('{{}} passed its gate, was not judged against the model that serves, and "
        f"waits for approval', {PACKAGE})"
    )
    return {
        "CheckChampion": {
            "Type": "Choice",
            "Choices": [
                {
                    "Variable": "$.reason",
                    "StringEquals": WITHOUT_CHAMPION,
                    "Next": "NotifyUnjudged",
                }
            ],
            "Default": name,
        },
        name: registered | {"Catch": caught("CheckCause")},
        # No stage releases by itself what was not compared with the model that serves.
        "NotifyUnjudged": publish(
            parts.topic_arn,
            f"{parts.subject}: a model waits for approval",
            unjudged,
            Next="CheckNewerDataset",
            Catch=caught("CheckCause"),
        ),
        "CheckNewerDataset": {"Type": "Choice", "Choices": [newer], "Default": "Learned"},
        "Learned": {"Type": "Succeed", "OutputPath": "$.concluded"},
        "NotifyNotRegistered": publish(
            parts.topic_arn,
            f"{parts.subject}: no model was registered",
            "States.Format('dataset {}: {}', $.prepared.dataset_id, $.concluded.reason)",
            Next="CheckNewerDatasetAnyway",
        ),
        "CheckNewerDatasetAnyway": {"Type": "Choice", "Choices": [newer], "Default": "NotLearned"},
        "NotLearned": {
            "Type": "Fail",
            "ErrorPath": "$.concluded.outcome",
            "CausePath": "$.concluded.reason",
        },
        "LearnAgain": {"Type": "Pass", "Parameters": {"reason": DATASET}, "Next": "PrepareRun"},
    }


def _fail(parts: LearningParts) -> dict[str, State]:
    """From any error to a sentence that a person gets."""
    subject = f"{parts.subject}: learning failed"
    return {
        **explained("NotifyFailure"),
        "NotifyFailure": publish(parts.topic_arn, subject, "$.message", Next="Failed"),
        "Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.message"},
    }
