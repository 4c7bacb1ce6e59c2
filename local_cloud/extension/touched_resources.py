"""What a call touches beyond the one resource that MiniStack finds. Pure.

Gap: MiniStack authorizes calls that name several resources against "*", knows no PassRole, leaves
out some condition keys, and takes each action to be called as its operation.
Delete each row when MiniStack knows it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.permissions import encryption
from local_cloud.sagemaker.runtime import arns

Parameters = Mapping[str, Any]

KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"

# action -> (where the role stands, the service it is handed to)
PASSED_ROLES: dict[str, tuple[tuple[str, ...], str]] = {
    "sagemaker:CreateModel": (("ExecutionRoleArn",), "sagemaker"),
    "sagemaker:CreatePipeline": (("RoleArn",), "sagemaker"),
    "sagemaker:UpdatePipeline": (("RoleArn",), "sagemaker"),
    "sagemaker:CreateTrainingJob": (("RoleArn",), "sagemaker"),
    "sagemaker:CreateProcessingJob": (("RoleArn",), "sagemaker"),
    "cloudformation:CreateStack": (("RoleARN",), "cloudformation"),
    "cloudformation:UpdateStack": (("RoleARN",), "cloudformation"),
    "cloudformation:DeleteStack": (("RoleARN",), "cloudformation"),
    "cloudformation:CreateChangeSet": (("RoleARN",), "cloudformation"),
    "cloudformation:RollbackStack": (("RoleARN",), "cloudformation"),
    "cloudformation:ContinueUpdateRollback": (("RoleARN",), "cloudformation"),
    "states:CreateStateMachine": (("roleArn",), "states"),
    "states:UpdateStateMachine": (("roleArn",), "states"),
    "lambda:CreateFunction": (("Role",), "lambda"),
    "lambda:UpdateFunctionConfiguration": (("Role",), "lambda"),
    "firehose:CreateDeliveryStream": (
        ("ExtendedS3DestinationConfiguration", "RoleARN"),
        "firehose",
    ),
}

# action -> (where the names stand, the ARN after account and region)
NAMED: dict[str, tuple[str, str, str]] = {
    "ssm:GetParameters": ("Names", "ssm", "parameter/"),
    "ssm:DeleteParameters": ("Names", "ssm", "parameter/"),
    "cloudwatch:DescribeAlarms": ("AlarmNames", "cloudwatch", "alarm:"),
    "cloudwatch:DeleteAlarms": ("AlarmNames", "cloudwatch", "alarm:"),
    "cloudwatch:EnableAlarmActions": ("AlarmNames", "cloudwatch", "alarm:"),
    "cloudwatch:DisableAlarmActions": ("AlarmNames", "cloudwatch", "alarm:"),
    "ecr:DescribeRepositories": ("repositoryNames", "ecr", "repository/"),
    "ecr:DescribeImages": ("repositoryName", "ecr", "repository/"),
    "ecr:PutImage": ("repositoryName", "ecr", "repository/"),
    "budgets:ViewBudget": ("BudgetName", "budgets", "budget/"),
}
WITHOUT_REGION = {"budgets"}  # in the ARNs of their resources

# Operations whose action has another name, in AWS's service authorization reference.
ACTIONS = {
    "budgets:DescribeBudget": "budgets:ViewBudget",
}


def named(action: str, parameters: Parameters, *, region: str, account: str) -> list[str]:
    """List the ARNs of what the call names; empty where MiniStack's one resource is right."""
    service, _, operation = action.partition(":")
    if service == "sagemaker":
        return arns.resources(operation, parameters, account, region)
    if action not in NAMED:
        return []
    field, service, kind = NAMED[action]
    where = "" if service in WITHOUT_REGION else region
    return [
        f"arn:aws:{service}:{where}:{account}:{kind}{str(name).lstrip('/')}"
        for name in _names(parameters, field)
    ]


def _names(parameters: Parameters, field: str) -> list[Any]:
    """Read one name, or a list in its JSON spelling or in the Query protocol's flat one."""
    found = parameters.get(field)
    if found and isinstance(found, list | str):
        return found if isinstance(found, list) else [found]
    flat = [(k, v) for k, v in parameters.items() if k.startswith(f"{field}.member.")]
    return [value for _, value in sorted(flat)]


def passed_roles(action: str, parameters: Parameters) -> Iterator[tuple[str, str]]:
    """Give each role that the call hands to a service, with that service's principal."""
    if action not in PASSED_ROLES:
        return
    path, service = PASSED_ROLES[action]
    value: Any = parameters
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, str) and value:
        yield value, f"{service}.amazonaws.com"


def condition_keys(
    action: str, parameters: Parameters, headers: Mapping[str, str]
) -> dict[str, str]:
    """Give the service's own condition keys that MiniStack leaves out."""
    keys: dict[str, str] = {}
    if action == "cloudwatch:PutMetricData" and parameters.get("Namespace"):
        keys["cloudwatch:namespace"] = str(parameters["Namespace"])
    if action in ("sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"):
        keys |= arns.approval(parameters)
    if action == "events:PutEvents":
        sources = {str(entry.get("Source")) for entry in parameters.get("Entries") or []}
        if len(sources) == 1:  # of several none is given, so that a condition on it refuses
            keys["events:source"] = sources.pop()
    if action.startswith("cloudformation:") and parameters.get("RoleARN"):
        keys["cloudformation:RoleArn"] = str(parameters["RoleARN"])
    if action == "s3:PutObject" and (key := headers.get(KEY_HEADER)):
        keys[encryption.OWN_KEY] = encryption.key_arn(key)
    return keys
