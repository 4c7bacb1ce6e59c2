"""IAM, STS, KMS, SSM, CloudWatch, CloudTrail, API Gateway, ECR, Budgets as we rely on them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.unit.local_cloud.asking import refusal
from tests.unit.local_cloud.conftest import ACCOUNT, REGION, Cloud, deploy, document, may


def test_a_caller_is_named_by_account_and_session(cloud: Cloud) -> None:
    found = cloud.client("sts").get_caller_identity()
    assert (found["Account"], found["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    role = cloud.role("person", "account")
    found = cloud.client("sts", cloud.assume(role)).get_caller_identity()
    assert found["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/person/test"


def test_a_role_is_assumed_where_it_trusts_and_its_session_may(cloud: Cloud) -> None:
    person = cloud.assume(cloud.role("someone", "account", may("sts:AssumeRole")))
    sts, role = cloud.client("sts", person), cloud.role("function", "lambda")
    asked = {"RoleArn": role, "RoleSessionName": "test"}
    assert refusal(sts.assume_role, **asked) == ("AccessDenied", 403)
    gone = {**asked, "RoleArn": role.replace("function", "none")}
    assert refusal(sts.assume_role, **gone) == ("AccessDenied", 403)
    trusted = cloud.role("person", "account")
    keys = sts.assume_role(RoleArn=trusted, RoleSessionName="test")["Credentials"]
    assert {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"} <= keys.keys()
    wrong = {**keys, "SessionToken": "none"}
    code, status = refusal(cloud.client("sqs", wrong).list_queues)
    assert (code, status) in {("UnrecognizedClientException", 403), ("InvalidClientTokenId", 403)}


def test_a_user_has_the_rights_of_its_policies(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    iam.create_user(UserName="client")
    assert refusal(iam.create_user, UserName="client") == ("EntityAlreadyExists", 409)
    key = iam.create_access_key(UserName="client")["AccessKey"]
    user = cloud.client("sqs", key)
    assert refusal(user.list_queues)[0] in ("AccessDenied", "AccessDeniedException")
    iam.put_user_policy(
        UserName="client", PolicyName="may", PolicyDocument=document(may("sqs:ListQueues"))
    )
    assert not user.list_queues().get("QueueUrls")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.put_user_policy(UserName="none", PolicyName="may", PolicyDocument=document(may("a:B")))


def test_a_key_that_is_deleted_opens_nothing(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    iam.create_user(UserName="client")
    iam.put_user_policy(
        UserName="client", PolicyName="may", PolicyDocument=document(may("sqs:ListQueues"))
    )
    old, new = (iam.create_access_key(UserName="client")["AccessKey"] for _ in range(2))
    listed = iam.list_access_keys(UserName="client")["AccessKeyMetadata"]
    assert {one["AccessKeyId"] for one in listed} == {old["AccessKeyId"], new["AccessKeyId"]}
    iam.delete_access_key(UserName="client", AccessKeyId=old["AccessKeyId"])
    [left] = iam.list_access_keys(UserName="client")["AccessKeyMetadata"]
    assert left["AccessKeyId"] == new["AccessKeyId"]
    assert refusal(cloud.client("sqs", old).list_queues)[1] == 403
    assert not cloud.client("sqs", new).list_queues().get("QueueUrls")


def test_a_role_gives_its_policies_back_as_documents(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    cloud.role("worker", "lambda", may("s3:GetObject"))
    assert iam.list_role_policies(RoleName="worker")["PolicyNames"] == ["may"]
    found = iam.get_role_policy(RoleName="worker", PolicyName="may")["PolicyDocument"]
    assert found["Statement"][0]["Action"] == ["s3:GetObject"]
    iam.put_role_policy(RoleName="worker", PolicyName="may", PolicyDocument=document(may("a:B")))
    found = iam.get_role_policy(RoleName="worker", PolicyName="may")["PolicyDocument"]
    assert found["Statement"][0]["Action"] == ["a:B"]
    broken = {"RoleName": "worker", "PolicyName": "may", "PolicyDocument": "{no json"}
    assert refusal(iam.put_role_policy, **broken) == ("MalformedPolicyDocument", 400)
    assert refusal(iam.get_role, RoleName="none") == ("NoSuchEntity", 404)
    absent = {"RoleName": "worker", "PolicyName": "none"}
    assert refusal(iam.get_role_policy, **absent) == ("NoSuchEntity", 404)


def test_a_trust_policy_is_replaced(cloud: Cloud) -> None:
    iam, role = cloud.client("iam"), cloud.role("worker", "lambda")
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    statement["Principal"] = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}  # type: ignore[assignment]
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=document(statement))
    found = iam.get_role(RoleName="worker")["Role"]["AssumeRolePolicyDocument"]
    assert found["Statement"] == [statement]
    assert cloud.assume(role)["AccessKeyId"]


def test_a_key_is_found_by_its_alias_with_its_state(cloud: Cloud) -> None:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/data", TargetKeyId=key)
    found = kms.describe_key(KeyId="alias/data")["KeyMetadata"]
    assert (found["KeyId"], found["KeyState"], found["Enabled"]) == (key, "Enabled", True)
    kms.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId="alias/none")
    assert refusal(kms.disable_key, KeyId="none") == ("NotFoundException", 400)
    assert refusal(kms.enable_key, KeyId="none") == ("NotFoundException", 400)


def test_a_key_that_is_named_by_its_alias_is_authorized_as_the_key(cloud: Cloud) -> None:
    kms = cloud.client("kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    kms.create_alias(AliasName="alias/signing", TargetKeyId=made["KeyId"])
    alias = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/signing"
    of_key = cloud.role("of-key", "account", may("kms:GetPublicKey", on=made["Arn"]))
    of_alias = cloud.role("of-alias", "account", may("kms:GetPublicKey", on=alias))
    for name in ("alias/signing", alias, made["KeyId"]):
        found = cloud.client("kms", cloud.assume(of_key)).get_public_key(KeyId=name)
        assert found["KeyId"] == made["Arn"]
        with pytest.raises(ClientError, match="not authorized to perform: kms:GetPublicKey"):
            cloud.client("kms", cloud.assume(of_alias)).get_public_key(KeyId=name)


def test_a_key_signs_and_a_changed_digest_does_not_verify(cloud: Cloud) -> None:
    kms = cloud.client("kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    digest, other = hashlib.sha256(b"model").digest(), hashlib.sha256(b"another").digest()
    asked: Any = {"KeyId": made["KeyMetadata"]["KeyId"], "MessageType": "DIGEST"}
    asked["SigningAlgorithm"] = "ECDSA_SHA_256"
    signature = kms.sign(**asked, Message=digest)["Signature"]
    assert kms.verify(**asked, Message=digest, Signature=signature)["SignatureValid"]
    with pytest.raises(kms.exceptions.KMSInvalidSignatureException):
        kms.verify(**asked, Message=other, Signature=signature)
    public = load_der_public_key(kms.get_public_key(KeyId=asked["KeyId"])["PublicKey"])
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_a_parameter_has_its_value_or_its_code(cloud: Cloud) -> None:
    ssm = cloud.client("ssm")
    ssm.put_parameter(Name="/stars/a", Value="1", Type="String")
    found = ssm.get_parameter(Name="/stars/a")["Parameter"]
    assert (found["Value"], found["Version"]) == ("1", 1)
    assert refusal(ssm.get_parameter, Name="/stars/b") == ("ParameterNotFound", 400)
    again = {"Name": "/stars/a", "Value": "2", "Type": "String"}
    assert refusal(ssm.put_parameter, **again) == ("ParameterAlreadyExists", 400)
    ssm.delete_parameter(Name="/stars/a")
    assert refusal(ssm.delete_parameter, Name="/stars/a") == ("ParameterNotFound", 400)


def alarm(name: str) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "Namespace": "Test",
        "MetricName": name,
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "ignore",  # whoever evaluates it meanwhile keeps its state
    }


def test_alarms_are_found_by_prefix_state_and_kind_in_pages(cloud: Cloud) -> None:
    watch = cloud.client("cloudwatch")
    for name in ("s-1", "s-2", "s-3", "other"):
        watch.put_metric_alarm(**alarm(name))
        watch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")
    watch.put_composite_alarm(AlarmName="s-all", AlarmRule='ALARM("s-1")')
    for name in ("s-1", "s-all"):
        watch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    both = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    found = watch.describe_alarms(AlarmNamePrefix="s-", StateValue="ALARM", **both)
    assert [item["AlarmName"] for item in found["MetricAlarms"]] == ["s-1"]
    assert [item["AlarmName"] for item in found["CompositeAlarms"]] == ["s-all"]
    assert "s-all" not in [
        item["AlarmName"] for item in watch.describe_alarms().get("CompositeAlarms", [])
    ]  # metric alarms alone, unless both kinds are asked for
    pages = watch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix="s-", PaginationConfig={"PageSize": 2}
    )
    sizes = [[item["AlarmName"] for item in page["MetricAlarms"]] for page in pages]
    assert sizes == [["s-1", "s-2"], ["s-3"]]
    named = watch.describe_alarms(AlarmNames=["s-2", "none"], StateValue="OK")
    assert [item["AlarmName"] for item in named["MetricAlarms"]] == ["s-2"]


def test_a_metric_that_was_written_is_listed_with_its_dimensions(cloud: Cloud) -> None:
    watch = cloud.client("cloudwatch")
    stage = {"Name": "Stage", "Value": "prod"}
    written = ((), (stage,), (stage, {"Name": "Model", "Value": "1"}))
    for where in written:
        one = {"MetricName": "Errors", "Value": 1, "Dimensions": list(where)}
        watch.put_metric_data(Namespace="Ours", MetricData=[one])
    pages = watch.get_paginator("list_metrics")
    found = list(pages.paginate(Namespace="Ours", MetricName="Errors").search("Metrics[]"))
    names = {tuple(sorted(d["Name"] for d in one["Dimensions"])) for one in found}
    assert names == {(), ("Stage",), ("Model", "Stage")}
    for other in ({"MetricName": "Other"}, {"MetricName": "Errors", "Namespace": "Theirs"}):
        assert watch.list_metrics(**{"Namespace": "Ours", **other})["Metrics"] == []


def test_streams_of_a_log_say_when_they_were_made(cloud: Cloud) -> None:
    logs, began = cloud.client("logs"), time.time()
    logs.create_log_group(logGroupName="/ours")
    assert logs.describe_log_streams(logGroupName="/ours")["logStreams"] == []
    for number in range(60):  # more than a page
        logs.create_log_stream(logGroupName="/ours", logStreamName=f"{number}")
    pages = list(logs.get_paginator("describe_log_streams").paginate(logGroupName="/ours"))
    made = [one["creationTime"] for page in pages for one in page["logStreams"]]
    assert len(made) == 60
    assert len(pages) == 2
    assert min(made) >= int(1000 * began)
    assert refusal(logs.describe_log_streams, logGroupName="/none") == (
        "ResourceNotFoundException",
        400,
    )


def test_a_trail_is_stopped_started_and_deleted(cloud: Cloud) -> None:
    trails, bucket = cloud.client("cloudtrail"), "trail"
    cloud.client("s3").create_bucket(Bucket=bucket)
    trails.create_trail(Name="ours", S3BucketName=bucket)
    assert not trails.get_trail_status(Name="ours")["IsLogging"]
    trails.start_logging(Name="ours")
    assert trails.get_trail_status(Name="ours")["IsLogging"]
    trails.stop_logging(Name="ours")
    assert not trails.get_trail_status(Name="ours")["IsLogging"]
    again = {"Name": "ours", "S3BucketName": bucket}
    assert refusal(trails.create_trail, **again) == ("TrailAlreadyExistsException", 400)
    trails.delete_trail(Name="ours")
    for call in (trails.delete_trail, trails.start_logging, trails.stop_logging):
        assert refusal(call, Name="ours")[0] == "TrailNotFoundException"


def test_events_may_be_looked_up(cloud: Cloud) -> None:
    now = dt.datetime.now(dt.UTC)
    asked = {"StartTime": now - dt.timedelta(minutes=5), "EndTime": now, "MaxResults": 10}
    found = cloud.client("cloudtrail").lookup_events(**asked)
    assert isinstance(found["Events"], list)


def test_a_stage_of_an_api_goes_and_comes_back(cloud: Cloud) -> None:
    gateway = cloud.client("apigateway")
    api = gateway.create_rest_api(name="ours")["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    method = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(authorizationType="NONE", **method)
    gateway.put_integration(type="MOCK", **method)
    deployment = gateway.create_deployment(restApiId=api)["id"]
    stage = {"restApiId": api, "stageName": "prod"}
    gateway.create_stage(deploymentId=deployment, **stage)
    assert gateway.get_stage(**stage)["deploymentId"] == deployment
    gateway.delete_stage(**stage)
    assert refusal(gateway.get_stage, **stage) == ("NotFoundException", 404)
    assert refusal(gateway.delete_stage, **stage) == ("NotFoundException", 404)


MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "a", "size": 1, "digest": "sha256:" + "0" * 64},
        "layers": [],
    }
)


def test_an_image_is_found_by_tag_and_digest(cloud: Cloud) -> None:
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName="stars", imageTagMutability="IMMUTABLE")
    named = {"registryId": ACCOUNT, "repositoryName": "stars"}
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    put = {"repositoryName": "stars", "imageManifest": MANIFEST, "imageManifestMediaType": kind}
    digest = ecr.put_image(imageTag="one", **put)["image"]["imageId"]["imageDigest"]
    assert digest == "sha256:" + hashlib.sha256(MANIFEST.encode()).hexdigest()
    for which in ({"imageTag": "one"}, {"imageDigest": digest}):
        [found] = ecr.describe_images(imageIds=[which], **named)["imageDetails"]
        assert (found["imageDigest"], found["imageTags"]) == (digest, ["one"])
    other = {"imageTag": "two"}
    assert refusal(ecr.describe_images, imageIds=[other], **named) == (
        "ImageNotFoundException",
        400,
    )
    gone = {**named, "repositoryName": "none"}
    assert refusal(ecr.describe_images, imageIds=[other], **gone) == (
        "RepositoryNotFoundException",
        400,
    )
    changed = {**put, "imageManifest": MANIFEST.replace('"size": 1', '"size": 2')}
    assert refusal(ecr.put_image, imageTag="one", **changed) == (
        "ImageTagAlreadyExistsException",
        400,
    )
    repositories = ecr.describe_repositories(repositoryNames=["stars"])["repositories"]
    assert repositories[0]["repositoryUri"] == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/stars"
    assert refusal(ecr.describe_repositories, repositoryNames=["none"])[0] == (
        "RepositoryNotFoundException"
    )
    [token] = ecr.get_authorization_token()["authorizationData"]
    assert token["authorizationToken"]


def test_images_are_listed_and_deleted_by_their_digests(cloud: Cloud) -> None:
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName="stars")
    named = {"repositoryName": "stars"}
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    for number in (1, 2):
        manifest = MANIFEST.replace('"size": 1', f'"size": {number}')
        ecr.put_image(
            imageManifest=manifest, imageManifestMediaType=kind, imageTag=f"t{number}", **named
        )
    pages = ecr.get_paginator("list_images").paginate(**named)
    found = [image for page in pages for image in page["imageIds"]]
    assert {image["imageTag"] for image in found} == {"t1", "t2"}
    digests = [{"imageDigest": image["imageDigest"]} for image in found]
    gone = ecr.batch_delete_image(imageIds=digests, **named)
    assert {one["imageDigest"] for one in gone["imageIds"]} == {
        one["imageDigest"] for one in digests
    }
    assert ecr.list_images(**named)["imageIds"] == []
    again = ecr.batch_delete_image(imageIds=digests[:1], **named)  # an answer of status 200
    assert [one["failureCode"] for one in again["failures"]] == ["ImageNotFound"]


def test_quotas_have_their_names_codes_and_values(cloud: Cloud) -> None:
    quotas = cloud.client("service-quotas")
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        pages = quotas.get_paginator(operation).paginate(ServiceCode="sagemaker")
        found = {item["QuotaName"]: item for page in pages for item in page["Quotas"]}
        one = found["ml.m5.large for endpoint usage"]
        assert one["Value"] > 0
        assert one["QuotaCode"].startswith("L-")
    code = refusal(quotas.list_service_quotas, ServiceCode="none")
    assert code == ("NoSuchResourceException", 400)


def test_a_budget_of_a_template_says_its_limit(cloud: Cloud) -> None:
    properties = {
        "Budget": {
            "BudgetName": "month",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": 50, "Unit": "USD"},
        }
    }
    budget = {"Type": "AWS::Budgets::Budget", "Properties": properties}
    assert deploy(cloud, "s", Budget=budget) == "CREATE_COMPLETE"
    asked = {"AccountId": ACCOUNT, "BudgetName": "month"}
    found = cloud.client("budgets").describe_budget(**asked)["Budget"]
    assert float(found["BudgetLimit"]["Amount"]) == 50
    absent = {**asked, "BudgetName": "none"}
    assert refusal(cloud.client("budgets").describe_budget, **absent) == ("NotFoundException", 400)
    # The action has another name than the operation, and the ARN no region.
    for action, name, is_refused in (
        ("budgets:ViewBudget", "month", False),
        ("budgets:ViewBudget", "other", True),
        ("budgets:DescribeBudget", "month", True),
    ):
        statement = may(action, on=f"arn:aws:budgets::{ACCOUNT}:budget/{name}")
        role = cloud.role(f"{action[8:]}-{name}", "account", statement)
        client = cloud.client("budgets", cloud.assume(role))
        if is_refused:
            assert refusal(client.describe_budget, **asked) == ("AccessDeniedException", 403)
        else:
            assert client.describe_budget(**asked)["Budget"]["BudgetName"] == "month"
