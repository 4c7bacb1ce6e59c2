"""Events with their dead letters, streams with their roles, templates with their properties."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.extension import streams, templates
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, document, may, until

HERE = f"{REGION}:{ACCOUNT}"
EVENT = {"Source": "stars.local", "DetailType": "DatasetReady", "Detail": '{"dataset": "1"}'}
PASS = {"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}}


def machine(cloud: Cloud) -> str:
    role = cloud.role("machine", "states", may("lambda:InvokeFunction"))
    made = cloud.client("stepfunctions").create_state_machine(
        name="learn", definition=json.dumps(PASS), roleArn=role
    )
    return str(made["stateMachineArn"])


def rule(cloud: Cloud, **target: Any) -> str:
    """A rule for our event with one target and a dead-letter queue; returns the queue's URL."""
    events, sqs = cloud.client("events"), cloud.client("sqs")
    rule_arn = events.put_rule(Name="ready", EventPattern='{"source": ["stars.local"]}')["RuleArn"]
    lost = f"arn:aws:sqs:{HERE}:lost"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": lost,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    policy = {"Policy": document(statement)}
    url = sqs.create_queue(QueueName="lost", Attributes=policy)["QueueUrl"]
    events.put_targets(
        Rule="ready", Targets=[{"Id": "1", "DeadLetterConfig": {"Arn": lost}, **target}]
    )
    return str(url)


def waiting(cloud: Cloud, url: str) -> list[dict[str, Any]]:
    answer = cloud.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    return list(answer.get("Messages", []))


def runs(cloud: Cloud, arn: str) -> int:
    return len(cloud.client("stepfunctions").list_executions(stateMachineArn=arn)["executions"])


def test_a_rule_starts_a_machine_with_a_role_that_may(cloud: Cloud) -> None:
    arn = machine(cloud)
    role = cloud.role("starter", "events", may("states:StartExecution", on=arn))
    url = rule(cloud, Arn=arn, RoleArn=role)
    cloud.client("events").put_events(Entries=[EVENT])
    assert until(lambda: runs(cloud, arn)) == 1
    assert waiting(cloud, url) == []


@pytest.mark.parametrize(
    ("service", "rights"),
    [
        ("events", [may("states:StopExecution")]),
        ("events", []),
        ("lambda", [may("states:StartExecution")]),  # events may not assume it
    ],
)
def test_a_refused_target_sends_the_event_to_its_dead_letters(
    cloud: Cloud, service: str, rights: list[dict[str, Any]]
) -> None:
    arn = machine(cloud)
    url = rule(cloud, Arn=arn, RoleArn=cloud.role("starter", service, *rights))
    cloud.client("events").put_events(Entries=[EVENT])
    (message,) = waiting(cloud, url)
    event = json.loads(message["Body"])
    assert (event["source"], event["detail"]) == ("stars.local", {"dataset": "1"})
    said = {name: item["StringValue"] for name, item in message["MessageAttributes"].items()}
    assert said["TARGET_ARN"] == arn
    assert said["RULE_ARN"].endswith("rule/ready")
    assert said["ERROR_CODE"] == "NO_PERMISSIONS"
    assert runs(cloud, arn) == 0


def test_a_target_without_a_role_is_refused_too(cloud: Cloud) -> None:
    arn = machine(cloud)
    url = rule(cloud, Arn=arn)
    cloud.client("events").put_events(Entries=[EVENT])
    assert len(waiting(cloud, url)) == 1


@pytest.mark.parametrize("lets_in", [True, False])
def test_a_queue_and_a_topic_hear_only_where_their_policy_lets_events_in(
    cloud: Cloud, lets_in: bool
) -> None:
    who = {"Service": "events.amazonaws.com" if lets_in else "sns.amazonaws.com"}
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    heard = f"arn:aws:sqs:{HERE}:heard"
    policy = document(may("sqs:SendMessage", on=heard, Principal=who))
    queue = sqs.create_queue(QueueName="heard", Attributes={"Policy": policy})["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    publish = document(may("sns:Publish", on=topic, Principal=who))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=publish)
    lost = rule(cloud, Arn=heard)
    cloud.client("events").put_events(Entries=[EVENT])
    assert (len(waiting(cloud, queue)), len(waiting(cloud, lost))) == (
        (1, 0) if lets_in else (0, 1)
    )
    sqs.purge_queue(QueueUrl=lost)
    dead = {"DeadLetterConfig": {"Arn": f"arn:aws:sqs:{HERE}:lost"}}
    cloud.client("events").put_targets(Rule="ready", Targets=[{"Id": "1", "Arn": topic, **dead}])
    cloud.client("events").put_events(Entries=[EVENT])
    assert len(waiting(cloud, lost)) == (0 if lets_in else 1)


def test_a_target_without_a_rule_of_ours_is_refused_and_not_waved_through(cloud: Cloud) -> None:
    lost = rule(cloud, Arn=f"arn:aws:logs:{HERE}:log-group:/aws/events/x")
    cloud.client("events").put_events(Entries=[EVENT])
    assert len(waiting(cloud, lost)) == 1


def test_dead_letters_are_kept_only_where_the_queue_lets_events_in(cloud: Cloud) -> None:
    url = rule(cloud, Arn=machine(cloud))
    cloud.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    cloud.client("events").put_events(Entries=[EVENT])
    assert waiting(cloud, url) == []


def stream(cloud: Cloud, *rights: dict[str, Any]) -> Any:
    cloud.client("s3").create_bucket(Bucket="observations")
    role = cloud.role("delivery", "firehose", *rights)
    firehose = cloud.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="predictions",
        ExtendedS3DestinationConfiguration={
            "RoleARN": role,
            "BucketARN": "arn:aws:s3:::observations",
            "Prefix": "predictions/",
        },
    )
    return firehose


def put(firehose: Any, *lines: str) -> None:
    firehose.put_record_batch(
        DeliveryStreamName="predictions", Records=[{"Data": f"{line}\n"} for line in lines]
    )


def delivered(cloud: Cloud) -> list[bytes]:
    s3 = cloud.client("s3")
    listed = s3.list_objects_v2(Bucket="observations").get("Contents", [])
    keys = [item["Key"] for item in listed]
    return [s3.get_object(Bucket="observations", Key=key)["Body"].read() for key in keys]


def test_records_are_gathered_into_one_object_in_their_order(cloud: Cloud) -> None:
    firehose = stream(cloud, may("s3:PutObject", on="arn:aws:s3:::observations/predictions/*"))
    streams.drain()
    put(firehose, "one", "two")
    put(firehose, "three")
    streams.drain()
    assert b"".join(until(lambda: delivered(cloud))) == b"one\ntwo\nthree\n"
    assert len(delivered(cloud)) <= 2  # the second's flush may fall in between


def test_a_stream_whose_role_may_not_write_loses_its_records_and_says_so(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    firehose = stream(cloud, may("s3:PutObject", on="arn:aws:s3:::observations/feedback/*"))
    put(firehose, "a secret")
    streams.drain()
    assert until(lambda: "a delivery stream lost 9 bytes" in caplog.text)
    assert "s3:PutObject" in caplog.text
    assert "a secret" not in caplog.text
    assert delivered(cloud) == []


BUCKET = {
    "BucketName": "raw",
    "VersioningConfiguration": {"Status": "Enabled"},
    "BucketEncryption": {
        "ServerSideEncryptionConfiguration": [
            {
                "ServerSideEncryptionByDefault": {
                    "SSEAlgorithm": "aws:kms",
                    "KMSMasterKeyID": f"arn:aws:kms:{HERE}:key/k",
                },
                "BucketKeyEnabled": True,
            }
        ]
    },
    "LoggingConfiguration": {"DestinationBucketName": "logs", "LogFilePrefix": "a<b&c/"},
    "LifecycleConfiguration": {
        "Rules": [
            {
                "Id": "old",
                "Prefix": "work/<x>",
                "Status": "Enabled",
                "ExpirationInDays": 30,
                "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
            }
        ]
    },
}


def deploy(cloud: Cloud, name: str, **resources: dict[str, Any]) -> str:
    """Create a stack and return its status once it has settled."""
    found = cloud.client("cloudformation")
    template = {"Resources": resources}
    found.create_stack(StackName=name, TemplateBody=json.dumps(template))
    return settled(cloud, name)


def settled(cloud: Cloud, name: str) -> str:
    def look() -> str:
        try:
            stacks = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError:
            return "GONE"
        status = str(stacks[0]["StackStatus"])
        return "" if status.endswith("_IN_PROGRESS") else status

    return str(until(look))


def test_a_bucket_of_a_template_has_its_encryption_its_log_and_its_lifecycle(
    cloud: Cloud,
) -> None:
    logs = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "logs"}}
    raw = {"Type": "AWS::S3::Bucket", "Properties": BUCKET, "DependsOn": "Logs"}
    assert deploy(cloud, "buckets", Logs=logs, Raw=raw) == "CREATE_COMPLETE"
    s3 = cloud.client("s3")
    rules = s3.get_bucket_encryption(Bucket="raw")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"].endswith("key/k")
    assert rules[0]["BucketKeyEnabled"] is True
    log = s3.get_bucket_logging(Bucket="raw")["LoggingEnabled"]
    assert (log["TargetBucket"], log["TargetPrefix"]) == ("logs", "a<b&c/")
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket="raw")["Rules"]
    assert rule["Filter"] == {"Prefix": "work/<x>"}
    assert rule["Expiration"]["Days"] == 30
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 2


def test_a_bucket_under_aws_s_own_key_is_left_without_encryption() -> None:
    assert templates._is_by_aws_key({"SSEAlgorithm": "aws:kms"})
    assert not templates._is_by_aws_key({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"})
    assert not templates._is_by_aws_key({"SSEAlgorithm": "AES256"})


def test_a_bucket_that_is_not_empty_stops_its_stack_from_going(cloud: Cloud) -> None:
    raw = {"Type": "AWS::S3::Bucket", "Properties": BUCKET | {"LoggingConfiguration": {}}}
    deploy(cloud, "buckets", Raw=raw)
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    version = s3.put_object(Bucket="raw", Key="a", Body=b"a")["VersionId"]
    cloudformation.delete_stack(StackName="buckets")
    assert settled(cloud, "buckets") == "DELETE_FAILED"
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in cloudformation.describe_stack_events(StackName="buckets")["StackEvents"]
    ]
    assert any("The bucket you tried to delete is not empty" in reason for reason in reasons)
    s3.delete_object(Bucket="raw", Key="a")  # a marker; the version is still there
    cloudformation.delete_stack(StackName="buckets")
    assert settled(cloud, "buckets") == "DELETE_FAILED"
    listed = s3.list_object_versions(Bucket="raw")
    for item in [*listed["Versions"], *listed["DeleteMarkers"]]:
        s3.delete_object(Bucket="raw", Key="a", VersionId=item["VersionId"])
    assert version in [item["VersionId"] for item in listed["Versions"]]
    cloudformation.delete_stack(StackName="buckets")
    assert settled(cloud, "buckets") in ("GONE", "DELETE_COMPLETE")


def test_a_group_that_holds_a_package_stops_its_stack_from_going(cloud: Cloud) -> None:
    name = {"ModelPackageGroupName": "stars"}
    deploy(cloud, "group", Group={"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": name})
    sagemaker = cloud.client("sagemaker")
    arn = sagemaker.create_model_package(**name)["ModelPackageArn"]
    cloud.client("cloudformation").delete_stack(StackName="group")
    assert settled(cloud, "group") == "DELETE_FAILED"
    sagemaker.delete_model_package(ModelPackageName=arn)
    cloud.client("cloudformation").delete_stack(StackName="group")
    assert settled(cloud, "group") in ("GONE", "DELETE_COMPLETE")


def test_a_topic_of_a_template_has_its_key(cloud: Cloud) -> None:
    topic = {"TopicName": "alerts", "KmsMasterKeyId": "alias/alerts"}
    deploy(cloud, "topic", Topic={"Type": "AWS::SNS::Topic", "Properties": topic})
    found = cloud.client("sns").get_topic_attributes(TopicArn=f"arn:aws:sns:{HERE}:alerts")
    assert found["Attributes"]["KmsMasterKeyId"] == "alias/alerts"


def test_a_stack_under_a_role_that_may_not_is_refused_and_goes_back(cloud: Cloud) -> None:
    parameter = {"Name": "/stars/live", "Type": "String", "Value": "none"}
    role = cloud.role("narrow", "cloudformation", may("ssm:GetParameters"))
    cloud.client("cloudformation").create_stack(
        StackName="live",
        RoleARN=role,
        TemplateBody=json.dumps(
            {"Resources": {"Live": {"Type": "AWS::SSM::Parameter", "Properties": parameter}}}
        ),
    )
    assert settled(cloud, "live") == "ROLLBACK_COMPLETE"
    events = cloud.client("cloudformation").describe_stack_events(StackName="live")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("is not authorized to perform: ssm:PutParameter" in text for text in reasons)


def test_a_stack_names_the_role_of_its_last_change_and_another_stack_names_none(
    cloud: Cloud,
) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "t"}}
    deploy(cloud, "bare", Topic=topic)
    cloudformation = cloud.client("cloudformation")
    role = cloud.role("narrow", "cloudformation", may("sns:*"))
    template = json.dumps({"Resources": {"Topic": topic}, "Description": "changed"})
    cloudformation.create_stack(StackName="roled", RoleARN=role, TemplateBody=template)
    settled(cloud, "roled")
    found = {item["StackName"]: item for item in cloudformation.describe_stacks()["Stacks"]}
    assert found["roled"]["RoleARN"] == role
    assert "RoleARN" not in found["bare"]
