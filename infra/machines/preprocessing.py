"""The Preprocess machine's definition: plan shards, refine them side by side, finish the dataset.

Where a raw object was deleted (`removed`), the next dataset is listed without it.

In the state: what EventBridge said of the raw object; `message` what went wrong, in a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.machines.states import State, caught, explained, invoke, publish

MAX_SECONDS = 6 * 3_600  # of the largest file; each worker ends within a quarter of an hour


@dataclass(frozen=True, kw_only=True)
class PreprocessingParts:
    """What the machine uses; ARNs and names, which may hold CDK tokens.

    max_concurrency: workers side by side.
    """

    plan: str
    worker: str
    finish: str
    remove: str
    topic_arn: str
    subject: str
    max_concurrency: int


def definition(parts: PreprocessingParts) -> State:
    """The whole machine."""
    message = "States.Format('{}/{}: {}', $.bucket, $.key, $.message)"
    subject = f"{parts.subject}: a raw file was not taken in, or not out"
    return {
        "Comment": "Raw reviews to curated Parquet",
        "StartAt": "CheckEvent",
        "TimeoutSeconds": MAX_SECONDS,
        "States": {
            "CheckEvent": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.removed", "IsPresent": True, "Next": "RemoveSource"}],
                "Default": "PlanShards",
            },
            "RemoveSource": invoke(parts.remove, End=True, Catch=caught("CheckCause")),
            "PlanShards": invoke(parts.plan, Next="RefineShards", Catch=caught("CheckCause")),
            "RefineShards": _map(parts) | {"Next": "FinishDataset", "Catch": caught("CheckCause")},
            "FinishDataset": invoke(parts.finish, End=True, Catch=caught("CheckCause")),
            **explained("NotifyFailure"),
            "NotifyFailure": publish(parts.topic_arn, subject, message, Next="Failed"),
            "Failed": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.message"},
        },
    }


def _map(parts: PreprocessingParts) -> State:
    """Workers side by side over the lines of shards.jsonl, which plan wrote.

    A shard that fails for good fails nothing here: every worker leaves its own result
    object, and finish names the shards that left none.
    """
    return {
        "Type": "Map",
        "Label": "Refine",
        "MaxConcurrency": parts.max_concurrency,
        "ToleratedFailurePercentage": 100,
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"Bucket.$": "$.curated_bucket", "Key.$": "$.shards_key"},
        },
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "RefineShard",
            "States": {"RefineShard": invoke(parts.worker, End=True)},
        },
        "ResultPath": None,
    }
