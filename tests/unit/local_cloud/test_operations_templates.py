"""What a template says of a resource is what the resource says of itself afterwards."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, deploy, document, may


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def test_a_queue_and_its_policy(cloud: Cloud) -> None:
    sqs, arn = cloud.client("sqs"), f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters"
    statement = may("sqs:SendMessage", on=arn, Principal={"Service": "events.amazonaws.com"})
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    settings = {"MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": True}
    status = deploy(
        cloud,
        "s",
        Queue=resource("AWS::SQS::Queue", QueueName="letters", **settings),
        Policy=resource("AWS::SQS::QueuePolicy", Queues=[{"Ref": "Queue"}], PolicyDocument=policy),
    )
    assert status == "CREATE_COMPLETE"
    url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["MessageRetentionPeriod"] == "1209600"
    assert found["SqsManagedSseEnabled"] == "true"
    assert json.loads(found["Policy"])["Statement"] == [statement]


def test_a_topic_its_policy_and_its_subscription(cloud: Cloud) -> None:
    sns, arn = cloud.client("sns"), f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
    statement = may("sns:Publish", on=arn, Principal={"Service": "cloudwatch.amazonaws.com"})
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    topic, endpoint = {"Ref": "Topic"}, {"Fn::GetAtt": ["Queue", "Arn"]}
    status = deploy(
        cloud,
        "s",
        Topic=resource("AWS::SNS::Topic", TopicName="alerts"),
        Queue=resource("AWS::SQS::Queue", QueueName="inbox"),
        Policy=resource("AWS::SNS::TopicPolicy", Topics=[topic], PolicyDocument=policy),
        Inbox=resource(
            "AWS::SNS::Subscription",
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=endpoint,
            RawMessageDelivery=True,
        ),
    )
    assert status == "CREATE_COMPLETE"
    found = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert json.loads(found["Policy"])["Statement"] == [statement]
    [one] = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert (one["Protocol"], one["Endpoint"].rsplit(":")[-1]) == ("sqs", "inbox")
    said = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
    assert said["RawMessageDelivery"] == "true"


def test_a_key_and_its_alias(cloud: Cloud) -> None:
    kms = cloud.client("kms")
    statement = may("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    status = deploy(
        cloud,
        "s",
        Key=resource("AWS::KMS::Key", EnableKeyRotation=True, KeyPolicy=policy),
        Alias=resource("AWS::KMS::Alias", AliasName="alias/data", TargetKeyId={"Ref": "Key"}),
    )
    assert status == "CREATE_COMPLETE"
    key = kms.describe_key(KeyId="alias/data")["KeyMetadata"]["KeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    found = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert found["Statement"] == [statement]


def test_a_key_that_signs_for_one_role_alone(cloud: Cloud) -> None:
    signer, other = (cloud.role(name, "account", may("kms:*")) for name in ("signer", "other"))
    everybody: dict[str, Any] = {"Resource": "*", "Principal": {"AWS": "*"}}
    allowed = may("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    but = {"ArnNotEquals": {"aws:PrincipalArn": signer}}
    denied = {"Effect": "Deny", "Action": "kms:Sign", "Condition": but, **everybody}
    status = deploy(
        cloud,
        "s",
        Key=resource(
            "AWS::KMS::Key",
            KeySpec="ECC_NIST_P256",
            KeyUsage="SIGN_VERIFY",
            KeyPolicy={"Version": "2012-10-17", "Statement": [allowed, denied]},
        ),
        Alias=resource("AWS::KMS::Alias", AliasName="alias/signing", TargetKeyId={"Ref": "Key"}),
    )
    assert status == "CREATE_COMPLETE"
    key = cloud.client("kms").describe_key(KeyId="alias/signing")["KeyMetadata"]
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    asked: Any = {"KeyId": key["KeyId"], "Message": bytes(32), "MessageType": "DIGEST"}
    asked["SigningAlgorithm"] = "ECDSA_SHA_256"
    made = cloud.client("kms", cloud.assume(signer)).sign(**asked)["Signature"]
    with pytest.raises(ClientError, match="not authorized to perform: kms:Sign"):
        cloud.client("kms", cloud.assume(other)).sign(**asked)
    checked = cloud.client("kms", cloud.assume(other)).verify(**asked, Signature=made)
    assert checked["SignatureValid"]


def test_a_role_and_the_policies_that_name_it(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": "lambda.amazonaws.com"},
            }
        ],
    }
    rights = json.loads(document(may("s3:GetObject")))
    status = deploy(
        cloud,
        "s",
        Role=resource("AWS::IAM::Role", RoleName="worker", AssumeRolePolicyDocument=trust),
        Policy=resource(
            "AWS::IAM::Policy", PolicyName="may", PolicyDocument=rights, Roles=[{"Ref": "Role"}]
        ),
    )
    assert status == "CREATE_COMPLETE"
    assert iam.get_role(RoleName="worker")["Role"]["AssumeRolePolicyDocument"] == trust
    found = iam.get_role_policy(RoleName="worker", PolicyName="may")["PolicyDocument"]
    assert found == rights


def test_a_log_group_its_stream_and_a_parameter(cloud: Cloud) -> None:
    logs, ssm = cloud.client("logs"), cloud.client("ssm")
    status = deploy(
        cloud,
        "s",
        Group=resource("AWS::Logs::LogGroup", LogGroupName="/ours", RetentionInDays=30),
        Stream=resource(
            "AWS::Logs::LogStream", LogGroupName={"Ref": "Group"}, LogStreamName="first"
        ),
        Parameter=resource("AWS::SSM::Parameter", Name="/ours/a", Type="String", Value="1"),
    )
    assert status == "CREATE_COMPLETE"
    [group] = logs.describe_log_groups(logGroupNamePrefix="/ours")["logGroups"]
    assert group["retentionInDays"] == 30
    [stream] = logs.describe_log_streams(logGroupName="/ours")["logStreams"]
    assert stream["logStreamName"] == "first"
    assert ssm.get_parameter(Name="/ours/a")["Parameter"]["Value"] == "1"


def test_a_rule_and_its_targets(cloud: Cloud) -> None:
    events = cloud.client("events")
    pattern = {"source": ["ours"]}
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters"
    target = {"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": arn}}
    status = deploy(
        cloud,
        "s",
        Heard=resource("AWS::Events::Rule", Name="heard", EventPattern=pattern, Targets=[target]),
        Timed=resource(
            "AWS::Events::Rule",
            Name="timed",
            ScheduleExpression="rate(1 hour)",
            State="DISABLED",
            Targets=[{**target, "Input": '{"a": 1}'}],
        ),
    )
    assert status == "CREATE_COMPLETE"
    heard, timed = (events.describe_rule(Name=name) for name in ("heard", "timed"))
    assert (json.loads(heard["EventPattern"]), heard["State"]) == (pattern, "ENABLED")
    assert (timed["ScheduleExpression"], timed["State"]) == ("rate(1 hour)", "DISABLED")
    [found] = events.list_targets_by_rule(Rule="timed")["Targets"]
    assert (found["Arn"], found["Input"]) == (arn, '{"a": 1}')
    assert found["DeadLetterConfig"] == {"Arn": arn}


def test_a_function_its_version_and_who_may_call_it(cloud: Cloud) -> None:
    functions = cloud.client("lambda")
    version = {"Ref": "Version"}
    settings = {
        "FunctionName": "answer",
        "Runtime": "python3.13",
        "Handler": "main.handler",
        "MemorySize": 1024,
        "Timeout": 29,
        "Architectures": ["arm64"],
        "EphemeralStorage": {"Size": 1024},
        "ReservedConcurrentExecutions": 5,
        "Environment": {"Variables": {"A": "1"}},
    }
    status = deploy(
        cloud,
        "s",
        Function=resource(
            "AWS::Lambda::Function",
            Role=cloud.role("answer", "lambda"),
            Code={"ZipFile": "def handler(event, context):\n    return 1\n"},
            **settings,
        ),
        Version=resource("AWS::Lambda::Version", FunctionName={"Ref": "Function"}),
        Permission=resource(
            "AWS::Lambda::Permission",
            FunctionName=version,
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=f"arn:aws:events:{REGION}:{ACCOUNT}:rule/timed",
        ),
        Retries=resource(
            "AWS::Lambda::EventInvokeConfig",
            FunctionName="answer",
            Qualifier={"Fn::GetAtt": ["Version", "Version"]},
            MaximumRetryAttempts=1,
            MaximumEventAgeInSeconds=600,
        ),
    )
    assert status == "CREATE_COMPLETE"
    found = functions.get_function_configuration(FunctionName="answer")
    for name in ("Runtime", "Handler", "MemorySize", "Timeout", "Architectures", "Environment"):
        assert found[name] == settings[name], name
    assert found["EphemeralStorage"] == {"Size": 1024}
    share = functions.get_function_concurrency(FunctionName="answer")
    assert share["ReservedConcurrentExecutions"] == 5
    policy = json.loads(functions.get_policy(FunctionName="answer", Qualifier="1")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}
    invoked = functions.get_function_event_invoke_config(FunctionName="answer", Qualifier="1")
    assert (invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]) == (1, 600)


def test_a_state_machine(cloud: Cloud) -> None:
    states = cloud.client("stepfunctions")
    definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    logging = {
        "Level": "ERROR",
        "IncludeExecutionData": False,
        "Destinations": [
            {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["Group", "Arn"]}}}
        ],
    }
    status = deploy(
        cloud,
        "s",
        Group=resource("AWS::Logs::LogGroup", LogGroupName="/machine"),
        Machine=resource(
            "AWS::StepFunctions::StateMachine",
            StateMachineName="ours",
            RoleArn=cloud.role("machine", "states"),
            DefinitionString=json.dumps(definition),
            LoggingConfiguration=logging,
        ),
    )
    assert status == "CREATE_COMPLETE"
    [found] = states.list_state_machines()["stateMachines"]
    found = states.describe_state_machine(stateMachineArn=found["stateMachineArn"])
    assert (found["name"], json.loads(found["definition"])) == ("ours", definition)
    assert found["roleArn"].endswith(":role/machine")
    assert found["loggingConfiguration"]["level"] == "ERROR"


def test_a_repository_of_images(cloud: Cloud) -> None:
    ecr = cloud.client("ecr")
    rules = {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged"}}]}
    statement = may("ecr:PutImage", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    del statement["Resource"]
    status = deploy(
        cloud,
        "s",
        Images=resource(
            "AWS::ECR::Repository",
            RepositoryName="stars",
            ImageTagMutability="IMMUTABLE",
            ImageScanningConfiguration={"ScanOnPush": True},
            LifecyclePolicy={"LifecyclePolicyText": json.dumps(rules)},
            RepositoryPolicyText={"Version": "2012-10-17", "Statement": [statement]},
        ),
    )
    assert status == "CREATE_COMPLETE"
    [found] = ecr.describe_repositories(repositoryNames=["stars"])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["imageScanningConfiguration"] == {"scanOnPush": True}
    policy = json.loads(ecr.get_repository_policy(repositoryName="stars")["policyText"])
    assert policy["Statement"] == [statement]
    kept = ecr.get_lifecycle_policy(repositoryName="stars")["lifecyclePolicyText"]
    assert json.loads(kept) == rules
