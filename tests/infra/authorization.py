"""Whether AWS takes a statement as it is written: actions, forms of ARNs, condition keys.

The needed part of AWS's Service Authorization Reference lies in authorization.json
(`reference.py`). IAM accepts a policy that names what no service ever asks for; the first call is
then denied, in the account alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import Any

from .policies import Statement, statements
from .reference import Action, reference
from .synthesis import Templates, listed, text

# CloudWatch Logs, API reference, LogGroup: `arn` "includes a trailing :*. Use this version to refer
# to the ARN in IAM policies when specifying permissions for all API actions", but for the three
# actions of tags. What it asks about is `...:log-group:NAME:log-stream:`, as its denials say.
GROUP = "arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}"
TAGS_OF_LOGS = ("logs:TagResource", "logs:UntagResource", "logs:ListTagsForResource")
# Forms that the reference does not list for these actions (a prefix of their names), and why.
ALSO = {
    # Step Functions guide, "IAM policies for using Distributed Map states".
    "states:": "arn:${Partition}:states:${Region}:${Account}:execution:${Machine}/${Label}:${Id}",
    # Lambda guide, "Resources and conditions for Lambda actions": versions and aliases are asked
    # about with their qualifier.
    "lambda:": "arn:${Partition}:lambda:${Region}:${Account}:function:${FunctionName}:${Qualifier}",
    # Older pages of the reference listed the group; where it is not asked about, it opens nothing.
    "sagemaker:CreateModelPackage": "arn:${Partition}:sagemaker:${Region}:${Account}"
    ":model-package-group/${ModelPackageGroupName}",
    # The reference lists tracking servers alone; whether an app is asked, nobody here has seen.
    "sagemaker-mlflow:": "arn:${Partition}:sagemaker:${Region}:${Account}:mlflow-app/${AppId}",
}
# Actions on one of several types, all of which the reference calls required.
ONE_SUFFICES = ("states:ListExecutions", "states:DescribeExecution")
# Condition keys that never hold, and why they stand.
ACKNOWLEDGED = {
    # CloudWatch Logs guide, "Encrypt log data": one statement, one condition, this action in it.
    ("kms:DescribeKey", "kms:EncryptionContext:aws:logs:arn"),
}
# Keys of every service (IAM user guide, "AWS global condition context keys").
GLOBAL_KEYS = {
    *("aws:CalledVia", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService"),
    *("aws:PrincipalServiceName", "aws:RequestedRegion", "aws:ResourceAccount"),
    *("aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn", "aws:SourceVpc"),
    *("aws:SourceVpce", "aws:ViaAWSService", "aws:SourceIp", "aws:PrincipalOrgID"),
}
# The ARN of what a template makes: `Ref` where it gives one, else `Arn`.
ARNS = {
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{id}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{id}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{id}",
    "AWS::Lambda::Version": "arn:aws:lambda:{region}:{account}:function:{id}:1",
    "AWS::Lambda::Alias": "arn:aws:lambda:{region}:{account}:function:{id}:live",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{id}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{id}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{id}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{id}",
    "AWS::SageMaker::MlflowApp": "arn:aws:sagemaker:{region}:{account}:mlflow-app/{id}",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{id}",
    "AWS::ECR::Repository": "arn:aws:ecr:{region}:{account}:repository/{id}",
}
REF_IS_ARN = (
    *("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"),
    *("AWS::Lambda::Version", "AWS::Lambda::Alias"),
)
# Parts of a form that hold slashes, and those that hold colons too.
PATHS = re.compile(
    r"ObjectName|LogGroupName|ParameterName\w*|RoleNameWithPath|UserNameWithPath|RepositoryName"
    r"|ApiSpecificResourcePath|AlarmName|ModelPackageName|Id"  # a package: GROUP/VERSION
)


def unknown_actions(templates: Templates) -> list[str]:
    """Actions that no service has (or that authorization.json lacks: see reference.py)."""
    return sorted(
        f"{statement.where}: {action}"
        for statement in statements(templates)
        for action in statement.actions
        if not _actions(action)
    )


def unfit_resources(templates: Templates) -> list[str]:
    """Resources of roles' statements of a form that none of the statement's actions takes."""
    return sorted(
        f"{statement.where}: {', '.join(statement.actions)} on {resource}"
        for statement in statements(templates, "identity")
        for resource in _resources(templates, statement)
        if not any(_takes(action, resource) for action in statement.actions)
    )


def idle_actions(templates: Templates) -> list[str]:
    """Actions of a statement whose resources are all of forms that the action never asks about."""
    return sorted(
        f"{statement.where}: {action} on {', '.join(statement.resources)}"
        for statement in statements(templates, "identity")
        for action in statement.actions
        if not any(_takes(action, resource) for resource in _resources(templates, statement))
    )


def half_granted(templates: Templates) -> list[str]:
    """Actions that ask about several types at once, of which a role was given some only."""
    granted: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for statement in statements(templates, "identity"):
        for role in _roles(statement):
            for action in statement.actions if statement.allows else []:
                granted[statement.holder.stack, role, action] += _resources(templates, statement)
    return sorted(
        f"{stack}/{role}: {action} on no {kind}"
        for (stack, role, action), resources in granted.items()
        for kind, is_required in _action(action).resources.items()
        if is_required and action not in ONE_SUFFICES and len(_action(action).resources) > 1
        if not any(_fits(action, kind, resource) for resource in resources)
    )


def unknown_conditions(templates: Templates) -> list[str]:
    """Condition keys that an action of the statement never has: it would be denied for ever."""
    return sorted(
        f"{statement.where}: {action} if {key}"
        for statement in statements(templates)
        for name in statement.actions
        for action in _actions(name)
        for key in statement.condition_keys
        if (action, key) not in ACKNOWLEDGED and not _has_key(action, key)
    )


def beyond_the_reference(templates: Templates) -> set[str]:
    """The entries of `ALSO` on which a statement stands."""
    return {
        name
        for statement in statements(templates, "identity")
        for action in statement.actions
        for resource in _resources(templates, statement)
        for name, form in ALSO.items()
        if action.startswith(name) and meets(resource, form)
        if not any(_fits(action, kind, resource) for kind in _action(action).resources)
    }


def _actions(pattern: str) -> list[str]:
    """The actions of the reference that a pattern means; only `kms:*` and its like hold a star."""
    if "*" not in pattern:
        return [pattern] if pattern in reference().actions else []
    wanted = re.compile(re.escape(pattern).replace(r"\*", ".*"))
    return [action for action in reference().actions if wanted.fullmatch(action)]


def _takes(action: str, resource: str) -> bool:
    """Whether an action asks about resources of this form."""
    kinds = _action(action).resources
    if not kinds:
        return resource == "*"
    return any(_fits(action, kind, resource) for kind in kinds) or _is_also(action, resource)


def _fits(action: str, kind: str, resource: str) -> bool:
    service = action.partition(":")[0]
    form = reference().resources[f"{service}:{kind}"].arn
    if form == GROUP and action not in TAGS_OF_LOGS:
        form = f"{GROUP}:log-stream:"
    return meets(resource, form)


def _is_also(action: str, resource: str) -> bool:
    return any(action.startswith(name) and meets(resource, form) for name, form in ALSO.items())


def _action(name: str) -> Action:
    return reference().actions.get(name, Action(resources={}, conditions=[]))


def _has_key(action: str, key: str) -> bool:
    taken = _action(action)
    service = action.partition(":")[0]
    types = [reference().resources[f"{service}:{kind}"] for kind in taken.resources]
    own = [*taken.conditions, *(key for found in types for key in found.conditions)]
    return key in GLOBAL_KEYS or any(_is_key(key, known) for known in own)


def _is_key(key: str, known: str) -> bool:
    """Whether a key is the known one; the reference writes `${TagKey}` for what varies."""
    pattern = re.sub(r"\\\$\\\{[^}]*\\\}", r"[^/]+", re.escape(known))
    return re.fullmatch(pattern, key, re.IGNORECASE) is not None


@cache
def meets(resource: str, form: str) -> bool:
    """Whether a resource of a policy, which may hold `*`, can be an ARN of this form.

    A part of a form (`${Name}`) is not empty and holds no colon, and a slash only where it is a
    path.
    """
    if resource == "*":
        return True
    parts = tuple(re.findall(r"\$\{[^}]+\}|.", form))

    @cache
    def meet(r: int, f: int) -> bool:
        if r == len(resource):
            return f == len(parts)
        if f == len(parts):
            return set(resource[r:]) <= {"*"}
        part = parts[f]
        if resource[r] == "*":
            return meet(r + 1, f) or meet(r, f + 1)
        if len(part) == 1:
            return resource[r] == part and meet(r + 1, f + 1)
        is_path = PATHS.fullmatch(part[2:-1]) is not None
        if resource[r] == ":" or (resource[r] == "/" and not is_path):
            return False
        return meet(r + 1, f) or meet(r + 1, f + 1)

    return meet(0, 0)


def _resources(templates: Templates, statement: Statement) -> list[str]:
    return [
        known(templates, statement.holder.stack, resource)
        for resource in listed(statement.body.get("Resource", "*"))
    ]


def known(templates: Templates, stack: str, value: Any) -> str:
    """A resource as the text that it will be: what a template makes has an ARN of its type."""
    exports = {
        output["Export"]["Name"]: (stack, output["Value"])
        for stack, template in templates.stacks.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }

    def arn(match: re.Match[str]) -> str:
        name = match[1]
        if name in exports:
            return known(templates, *exports[name])
        id, _, attribute = name.partition(".")
        kind = templates.stacks[stack]["Resources"][id]["Type"]
        if attribute in ("Arn", "TopicArn") or (not attribute and kind in REF_IS_ARN):
            stage = templates.stage
            return ARNS[kind].format(id=id, account=stage.account, region=stage.region)
        return id

    return re.sub(r"\$\{([^}]+)\}", arn, text(value))


def _roles(statement: Statement) -> list[str]:
    """The roles of the template that hold this statement."""
    if statement.holder.kind == "AWS::IAM::Role":
        return [statement.holder.id]
    return [text(role) for role in statement.holder.properties.get("Roles", [])]
