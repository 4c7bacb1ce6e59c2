"""Properties of templates that MiniStack drops, and what stops a stack from being deleted."""

from __future__ import annotations

from local_cloud.extension import templates
from tests.unit.local_cloud.conftest import (
    ACCOUNT,
    REGION,
    Cloud,
    deploy,
    settled,
)

HERE = f"{REGION}:{ACCOUNT}"
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
