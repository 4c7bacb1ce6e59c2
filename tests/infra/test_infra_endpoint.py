"""The live model's stack, and the role and machine that may change it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .policies import statements
from .synthesis import Json, Templates, text

OWNED = {
    "AWS::SageMaker::Model",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Endpoint",
    "AWS::SSM::Parameter",
}
# What CloudFormation calls to create, read, update, tag and delete each type.
CALLS = {
    "AWS::SageMaker::Model": ("CreateModel", "DescribeModel", "DeleteModel"),
    "AWS::SageMaker::EndpointConfig": (
        "CreateEndpointConfig",
        "DescribeEndpointConfig",
        "DeleteEndpointConfig",
    ),
    "AWS::SageMaker::Endpoint": (
        "CreateEndpoint",
        "DescribeEndpoint",
        "UpdateEndpoint",
        "DeleteEndpoint",
    ),
}
SCALED = {
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
}
RELEASED = {"ModelPackageArn", "Release", "Rollout", "SigningKeys"}
PARAMETERS = RELEASED | {"Scaling"}


def endpoint_stack(templates: Templates) -> Json:
    """The template of the Endpoint stack."""
    return templates.stacks["Endpoint"]


def one(templates: Templates, kind: str) -> Json:
    """The only resource of a type in the Endpoint stack."""
    [found] = [b for b in endpoint_stack(templates)["Resources"].values() if b["Type"] == kind]
    body: Json = found
    return body


def owned(templates: Templates) -> set[str]:
    """The types that the parameters may change."""
    return OWNED | SCALED if templates.stage.endpoint.scales else OWNED


def depends_on(value: object, names: set[str]) -> Iterator[str]:
    """The parameters and conditions that a body refers to."""
    match value:
        case {"Ref": name} if name in names:
            yield name
        case {"Condition": str(name), **rest} if name in names:
            yield name
            yield from depends_on(rest, names)
        case {"Fn::If": [name, *rest]} if name in names:
            yield str(name)
            yield from depends_on(rest, names)
        case dict():
            for inner in value.values():
                yield from depends_on(inner, names)
        case list():
            for inner in value:
                yield from depends_on(inner, names)


def touched(templates: Templates) -> set[str]:
    """The types of the resources that the parameters change."""
    names = PARAMETERS | set(endpoint_stack(templates)["Conditions"])
    return {
        body["Type"]
        for body in endpoint_stack(templates)["Resources"].values()
        if set(depends_on(body, names))
    }


def test_five_parameters_say_what_serves_who_signs_and_whether_it_scales(
    templates: Templates,
) -> None:
    parameters = endpoint_stack(templates)["Parameters"]
    assert set(parameters) == PARAMETERS
    assert parameters["ModelPackageArn"]["Default"] == ""
    assert parameters["Rollout"]["Default"] == "at_once"
    assert parameters["Rollout"]["AllowedValues"] == ["canary", "at_once"]
    assert parameters["Scaling"]["Default"] == "on"
    assert parameters["Scaling"]["AllowedValues"] == ["on", "off"]


def test_without_a_package_there_is_only_the_record(templates: Templates) -> None:
    conditional = {"Fn::Not": [{"Fn::Equals": [{"Ref": "ModelPackageArn"}, ""]}]}
    assert endpoint_stack(templates)["Conditions"]["HasModel"] == conditional
    for kind in OWNED - {"AWS::SSM::Parameter"}:
        assert one(templates, kind)["Condition"] == "HasModel"
    assert "Condition" not in one(templates, "AWS::SSM::Parameter")


def test_the_record_says_none_until_the_endpoint_serves(templates: Templates) -> None:
    record = one(templates, "AWS::SSM::Parameter")["Properties"]
    assert record["Name"] == templates.stage.live_parameter
    condition, released, otherwise = record["Value"]["Fn::If"]
    assert (condition, otherwise) == ("HasModel", "none")
    # The endpoint's name is not used: the reference makes the record wait for the rollout.
    position, choices = released["Fn::Select"]
    assert choices[position] == {"Ref": "ModelPackageArn"}
    assert {"Ref": "Endpoint"} in choices


def test_nothing_else_depends_on_the_parameters(templates: Templates) -> None:
    assert touched(templates) == owned(templates)


def test_something_else_that_depends_on_them_would_be_found(prod: Templates) -> None:
    description = {"Fn::If": ["HasModel", "yes", "no"]}
    added = prod.having("Endpoint", "Added", "AWS::CloudWatch::Alarm", AlarmDescription=description)
    assert touched(added) == owned(prod) | {"AWS::CloudWatch::Alarm"}


def test_the_stack_holds_no_role_no_rule_and_nothing_of_others(templates: Templates) -> None:
    """So that the narrow role can update it with its own template."""
    whole = json.dumps(endpoint_stack(templates))
    assert "AWS::IAM" not in whole
    assert "Fn::ImportValue" not in whole
    assert "Rules" not in endpoint_stack(templates)
    assert "BootstrapVersion" not in whole


def test_replaced_models_stay_until_the_machine_has_looked(templates: Templates) -> None:
    for kind in ("AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig"):
        body = one(templates, kind)
        assert body["UpdateReplacePolicy"] == "Retain"
        assert body["DeletionPolicy"] == "Delete"


def test_the_container_is_told_which_package_it_is(every_stage: dict[str, Templates]) -> None:
    """So that its answers name it, also while two variants answer."""
    package = {"Ref": "ModelPackageArn"}
    for templates in every_stage.values():
        [container] = one(templates, "AWS::SageMaker::Model")["Properties"]["Containers"]
        told = {"MODEL_VERSION": package}
        name, signed, unsigned = container["Environment"]["Fn::If"]
        assert (container["ModelPackageName"], name) == (package, "HasSigningKeys")
        assert unsigned == told
        trust = {"MODEL_SIGNATURE", "MODEL_SIGNING_KEYS"}
        assert set(signed) == {*told, *trust}
        assert signed["MODEL_VERSION"] == package


def test_names_hold_version_digest_and_release(templates: Templates) -> None:
    names = {"AWS::SageMaker::Model": "ModelName"}
    names["AWS::SageMaker::EndpointConfig"] = "EndpointConfigName"
    for kind, member in names.items():
        glue, parts = one(templates, kind)["Properties"][member]["Fn::Join"]
        assert glue == "-"
        prefix, version, digest, release = parts
        assert prefix == f"{templates.stage.name()}-"
        position, split = version["Fn::Select"]
        assert (position, split["Fn::Split"][0]) == (2, "/")
        assert len(digest) == 6
        assert release == {"Ref": "Release"}
        longest = f"{prefix}-99999-{digest}-01234567"
        assert len(longest) <= 63


def test_the_stage_names_the_kind_of_endpoint(every_stage: dict[str, Templates]) -> None:
    for templates in every_stage.values():
        wanted = templates.stage.endpoint
        configuration = one(templates, "AWS::SageMaker::EndpointConfig")["Properties"]
        [variant] = configuration["ProductionVariants"]
        assert variant["VariantName"] == "AllTraffic"
        endpoint = one(templates, "AWS::SageMaker::Endpoint")["Properties"]
        isolated = one(templates, "AWS::SageMaker::Model")["Properties"]
        if wanted.kind == "serverless":
            assert variant["ServerlessConfig"]["MemorySizeInMB"] == wanted.serverless_memory_mb
            assert "InstanceType" not in variant
            assert "DeploymentConfig" not in endpoint
        else:
            assert variant["InitialInstanceCount"] == wanted.instance_count
            assert "ServerlessConfig" not in variant
            assert isolated["EnableNetworkIsolation"] is True


def test_prod_goes_out_by_canary_and_comes_back_by_alarm(prod: Templates) -> None:
    assert prod.stage.endpoint.instance_count >= 2
    endpoint = one(prod, "AWS::SageMaker::Endpoint")["Properties"]
    condition, guarded, at_once = endpoint["DeploymentConfig"]["Fn::If"]
    assert condition == "IsCanary"
    routing = guarded["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert routing["CanarySize"] == {"Type": "INSTANCE_COUNT", "Value": 1}
    assert 0 < routing["WaitIntervalInSeconds"] <= 3600
    watched = [alarm["AlarmName"] for alarm in guarded["AutoRollbackConfiguration"]["Alarms"]]
    assert watched == list(prod.stage.guardrails)
    # An alarm that is on already cannot undo an undo.
    assert "AutoRollbackConfiguration" not in at_once


def test_a_stage_that_scales_follows_the_load_while_a_model_serves(prod: Templates) -> None:
    wanted = prod.stage.endpoint
    assert wanted.scales
    target = one(prod, "AWS::ApplicationAutoScaling::ScalableTarget")
    policy = one(prod, "AWS::ApplicationAutoScaling::ScalingPolicy")
    assert target["Condition"] == policy["Condition"] == "IsScaled"
    both = endpoint_stack(prod)["Conditions"]["IsScaled"]["Fn::And"]
    assert both == [{"Condition": "HasModel"}, {"Fn::Equals": [{"Ref": "Scaling"}, "on"]}]
    bounds = target["Properties"]
    assert (bounds["MinCapacity"], bounds["MaxCapacity"]) == (2, 4)
    # A reference to the endpoint: registered after it, and deregistered before it goes.
    assert bounds["ResourceId"] == {
        "Fn::Join": [
            "",
            ["endpoint/", {"Fn::GetAtt": ["Endpoint", "EndpointName"]}, "/variant/AllTraffic"],
        ]
    }
    tracked = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    assert tracked["TargetValue"] == wanted.invocations_per_instance
    metric = tracked["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == "SageMakerVariantInvocationsPerInstance"


def test_a_release_keeps_the_instances_of_a_stage_that_scales_and_of_no_other(
    every_stage: dict[str, Templates],
) -> None:
    for templates in every_stage.values():
        endpoint = one(templates, "AWS::SageMaker::Endpoint")["Properties"]
        assert endpoint.get("RetainAllVariantProperties", False) is templates.stage.endpoint.scales
        made = {b["Type"] for b in endpoint_stack(templates)["Resources"].values()}
        assert bool(made & SCALED) is templates.stage.endpoint.scales


def test_every_guardrail_is_an_alarm_of_the_stack_that_knows_its_metric(
    templates: Templates,
) -> None:
    where = {
        alarm.properties["AlarmName"]: alarm.stack
        for alarm in templates.resources("AWS::CloudWatch::Alarm")
    }
    assert [where[name] for name in templates.stage.guardrails] == [
        "Endpoint",
        "Endpoint",
        "Serving",
    ]


SCALING_RIGHTS = {
    *(f"application-autoscaling:{verb}ScalableTarget" for verb in ("Register", "Deregister")),
    *(f"application-autoscaling:{verb}ScalingPolicy" for verb in ("Put", "Delete")),
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    *("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"),
    "iam:CreateServiceLinkedRole",
}


def narrow(templates: Templates) -> dict[str, set[str]]:
    """What the narrow role may: an action, and on what."""
    rights: dict[str, set[str]] = {}
    for grant in statements(templates, "identity"):
        if grant.holder.id.startswith("ReleaseEndpointRole"):
            for action in grant.actions:
                rights.setdefault(action, set()).update(grant.resources)
    return rights


def test_the_narrow_role_can_do_all_that_the_stack_needs(templates: Templates) -> None:
    rights = narrow(templates)
    needed = {f"sagemaker:{call}" for kind in touched(templates) for call in CALLS.get(kind, ())}
    tags = {f"sagemaker:{verb}Tags" for verb in ("Add", "List", "Delete")}
    record = {"ssm:PutParameter", "ssm:GetParameters", "ssm:AddTagsToResource"}
    record |= {"ssm:RemoveTagsFromResource", "ssm:ListTagsForResource"}
    around = {"iam:PassRole", "cloudwatch:DescribeAlarms"}
    scaling = SCALING_RIGHTS if templates.stage.endpoint.scales else set()
    assert set(rights) == needed | tags | record | around | scaling


def test_the_narrow_role_reaches_this_endpoint_alone(templates: Templates) -> None:
    stage = templates.stage
    scaling = {
        stage.arn("application-autoscaling", "scalable-target/*"),
        "*",  # describes targets and policies
        stage.arn(
            "cloudwatch", f"alarm:TargetTracking-endpoint/{stage.name()}/variant/AllTraffic-*"
        ),
        f"arn:aws:iam::{stage.account}:role/aws-service-role/"
        "sagemaker.application-autoscaling.amazonaws.com/"
        "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint",
    }
    assert {r for resources in narrow(templates).values() for r in resources} == {
        *(scaling if stage.endpoint.scales else ()),
        stage.arn("sagemaker", f"model/{stage.name()}--*"),
        stage.arn("sagemaker", f"endpoint-config/{stage.name()}--*"),
        stage.arn("sagemaker", f"endpoint/{stage.name()}"),
        stage.arn("ssm", f"parameter{stage.live_parameter}"),
        stage.role_arn("model"),
        *(stage.arn("cloudwatch", f"alarm:{name}") for name in stage.guardrails),
    }


def test_the_machine_updates_that_stack_with_the_narrow_role_or_not_at_all(
    templates: Templates,
) -> None:
    grants = [
        grant
        for grant in statements(templates, "identity")
        if "cloudformation:UpdateStack" in grant.actions
    ]
    [grant] = grants
    assert grant.holder.id.startswith("ReleaseMachineRole")
    name = templates.stage.stack_name("Endpoint")
    assert grant.resources == [templates.stage.arn("cloudformation", f"stack/{name}/*")]
    [role] = grant.conditions["StringEquals"].values()
    assert text(role).startswith("${ReleaseEndpointRole")


def states(templates: Templates) -> Any:
    """The states of the Release machine."""
    [machine] = [
        m for m in templates.resources("AWS::StepFunctions::StateMachine") if m.stack == "Serving"
    ]
    return json.loads(text(machine.properties["DefinitionString"]))["States"]


def test_an_update_keeps_the_template_and_sends_every_parameter(templates: Templates) -> None:
    updates = [
        state["Parameters"]
        for state in states(templates).values()
        if state.get("Resource", "").endswith("cloudformation:updateStack")
    ]
    assert len(updates) == 2  # forth and back
    kept = {"ParameterKey": "Scaling", "UsePreviousValue": True}
    assert all(kept in update["Parameters"] for update in updates)
    for update in updates:
        assert update["UsePreviousTemplate"] is True
        assert update["RoleARN"].startswith("${ReleaseEndpointRole")
        assert {parameter["ParameterKey"] for parameter in update["Parameters"]} == PARAMETERS


def test_an_edit_of_a_package_releases_nothing(templates: Templates) -> None:
    templates.of("Serving").has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {
                    "ModelPackageGroupName": [templates.stage.name()],
                    "ModelApprovalStatus": ["Approved"],
                    "UpdatedModelPackageFields": ["ModelApprovalStatus"],
                },
            }
        },
    )


def test_the_model_s_role_may_look_at_the_guardrails_alone(templates: Templates) -> None:
    [grant] = [
        grant
        for grant in statements(templates, "identity")
        if grant.holder.id.startswith("ModelRole") and "cloudwatch:DescribeAlarms" in grant.actions
    ]
    alarms = [templates.stage.arn("cloudwatch", f"alarm:{a}") for a in templates.stage.guardrails]
    assert sorted(grant.resources) == sorted(alarms)
