"""Amazon States Language, a state at a time: what every machine of ours has alike.

Definitions are plain dicts. They become a template with `json.dumps`, never with
`Stack.to_json_string`: jsii drops None, and a state without its `"ResultPath": null` replaces
its input by its result.
"""

from __future__ import annotations

from typing import Any

State = dict[str, Any]

# What Lambda and Step Functions do wrong by themselves; doing it again is harmless, for every
# handler writes objects whose keys are a function of its input.
_RETRY = [
    {
        "ErrorEquals": [
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.ClientExecutionTimeoutException",
        ],
        "IntervalSeconds": 2,
        "MaxAttempts": 6,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    },
    {
        # Other files have all the workers: wait for them, six hours on average.
        "ErrorEquals": ["Lambda.TooManyRequestsException"],
        "IntervalSeconds": 2,
        "MaxAttempts": 720,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    },
    {
        "ErrorEquals": ["Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"],
        "IntervalSeconds": 5,
        "MaxAttempts": 2,
        "BackoffRate": 2,
    },
]


def caught(next: str) -> list[State]:
    """Any error goes to a state, beside the input and under `$.error`."""
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": next}]


def invoke(function_arn: str, **more: Any) -> State:
    """Call a Lambda function, and call it again where Lambda itself failed."""
    return {"Type": "Task", "Resource": function_arn, "Retry": _RETRY, **more}


def call(api: str, parameters: State, **more: Any) -> State:
    """Call an AWS API (`sagemaker:startPipelineExecution`), again where it was throttled.

    Only for calls that may be repeated.
    """
    retry = [
        {
            "ErrorEquals": ["States.TaskFailed"],
            "IntervalSeconds": 2,
            "MaxAttempts": 4,
            "BackoffRate": 2,
            "JitterStrategy": "FULL",
        }
    ]
    resource = f"arn:aws:states:::aws-sdk:{api}"
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, "Retry": retry, **more}


def publish(topic_arn: str, subject: str, message: str, **more: Any) -> State:
    """Publish to the topic; message: an intrinsic or a path (`States.Format('{}', $.message)`)."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": topic_arn, "Subject": subject, "Message.$": message},
        "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 2, "MaxAttempts": 4}],
        "ResultPath": None,
        **more,
    }


def put_event(source: str, detail_type: str, detail: State, **more: Any) -> State:
    """Put one event of our own on the default bus."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": detail}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::events:putEvents",
        "Parameters": {"Entries": [{**entry, "EventBusName": "default"}]},
        "Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 2, "MaxAttempts": 4}],
        "ResultPath": None,
        **more,
    }


def explained(next: str) -> dict[str, State]:
    """From `$.error` to a sentence in `$.message`; enter at "CheckCause".

    A Lambda error's cause is JSON with an `errorMessage`; any other cause is a text.
    """
    return {
        "CheckCause": {
            "Type": "Choice",
            "Choices": [
                {
                    "Variable": "$.error.Cause",
                    "StringMatches": '{*"errorMessage"*}',
                    "Next": "ParseCause",
                }
            ],
            "Default": "QuoteCause",
        },
        "ParseCause": {
            "Type": "Pass",
            "Parameters": {"cause.$": "States.StringToJson($.error.Cause)"},
            "ResultPath": "$.parsed",
            "Next": "QuoteMessage",
        },
        "QuoteMessage": {
            "Type": "Pass",
            "InputPath": "$.parsed.cause.errorMessage",
            "ResultPath": "$.message",
            "Next": next,
        },
        "QuoteCause": {
            "Type": "Pass",
            "InputPath": "$.error.Cause",
            "ResultPath": "$.message",
            "Next": next,
        },
    }


def update_stack(
    stack_name: str, role_arn: str, parameters: dict[str, str | None], **more: Any
) -> State:
    """Update with the template that a stack has; all its parameters, always the narrow role.

    parameters: by key its value, a path where it begins with $; None: the one that it has.
    Never again by itself: a second call would find the first one's update.
    """
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:cloudformation:updateStack",
        "Parameters": {
            "StackName": stack_name,
            "UsePreviousTemplate": True,
            "RoleARN": role_arn,
            "Parameters": [_parameter(key, value) for key, value in parameters.items()],
        },
        **more,
    }


def _parameter(key: str, value: str | None) -> State:
    if value is None:
        return {"ParameterKey": key, "UsePreviousValue": True}
    field = "ParameterValue.$" if value.startswith("$") else "ParameterValue"
    return {"ParameterKey": key, field: value}
