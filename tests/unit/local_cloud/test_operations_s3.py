"""S3 as the list of operations says that we rely on it, beside ranges, conditions and pages."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.unit.local_cloud.asking import refusal, status
from tests.unit.local_cloud.conftest import ACCOUNT, Cloud, may


@pytest.fixture
def s3(cloud: Cloud) -> Any:
    client = cloud.client("s3")
    client.create_bucket(Bucket="raw")
    client.put_bucket_versioning(Bucket="raw", VersioningConfiguration={"Status": "Enabled"})
    return client


def test_what_is_absent_is_named_by_its_code(s3: Any) -> None:
    s3.put_object(Bucket="raw", Key="a", Body=b"x")
    absent = "h0F9q.Zp5DXk3YvXbHGRb.NSQ1gBHfYL"
    assert refusal(s3.get_object, Bucket="raw", Key="none") == ("NoSuchKey", 404)
    assert refusal(s3.get_object, Bucket="none", Key="a") == ("NoSuchBucket", 404)
    assert refusal(s3.get_object, Bucket="raw", Key="a", VersionId=absent) == ("NoSuchVersion", 404)
    assert refusal(s3.head_object, Bucket="raw", Key="none") == ("404", 404)
    assert refusal(s3.put_object, Bucket="none", Key="a", Body=b"") == ("NoSuchBucket", 404)
    assert refusal(s3.list_objects_v2, Bucket="none") == ("NoSuchBucket", 404)


def test_what_is_absent_is_forbidden_to_one_who_may_not_list(cloud: Cloud, s3: Any) -> None:
    s3.put_object(Bucket="raw", Key="a", Body=b"x")
    reads = may("s3:GetObject", on="arn:aws:s3:::raw/*")
    role = cloud.role("reader", "account", reads)
    reader = cloud.client("s3", cloud.assume(role))
    assert reader.get_object(Bucket="raw", Key="a")["Body"].read() == b"x"
    assert refusal(reader.get_object, Bucket="raw", Key="none") == ("AccessDenied", 403)
    assert refusal(reader.head_object, Bucket="raw", Key="none") == ("403", 403)
    lists = may("s3:ListBucket", on="arn:aws:s3:::raw")
    cloud.allow("reader", reads, lists)
    assert refusal(reader.get_object, Bucket="raw", Key="none") == ("NoSuchKey", 404)


def test_a_named_version_asks_for_a_right_of_its_own(cloud: Cloud, s3: Any) -> None:
    version = s3.put_object(Bucket="raw", Key="a", Body=b"x")["VersionId"]
    role = cloud.role("reader", "account", may("s3:GetObject", on="arn:aws:s3:::raw/*"))
    reader = cloud.client("s3", cloud.assume(role))
    what = {"Bucket": "raw", "Key": "a", "VersionId": version}
    assert refusal(reader.get_object, **what) == ("AccessDenied", 403)
    cloud.allow("reader", may("s3:GetObjectVersion", on="arn:aws:s3:::raw/*"))
    assert reader.get_object(**what)["Body"].read() == b"x"


def test_a_listing_is_held_to_the_prefix_of_its_policy(cloud: Cloud, s3: Any) -> None:
    condition = {"StringLike": {"s3:prefix": "in/*"}}
    listing = may("s3:ListBucket", on="arn:aws:s3:::raw", Condition=condition)
    lister = cloud.client("s3", cloud.assume(cloud.role("lister", "account", listing)))
    assert status(lister.list_objects_v2(Bucket="raw", Prefix="in/a")) == 200
    assert refusal(lister.list_objects_v2, Bucket="raw", Prefix="out/") == ("AccessDenied", 403)
    assert refusal(lister.list_objects_v2, Bucket="raw") == ("AccessDenied", 403)


def test_a_write_says_its_version_and_the_hash_of_its_bytes(s3: Any) -> None:
    first = s3.put_object(Bucket="raw", Key="a", Body=b"one", ContentType="text/plain")
    second = s3.put_object(Bucket="raw", Key="a", Body=b"two")
    assert first["VersionId"] != second["VersionId"]
    assert second["ETag"] == f'"{hashlib.md5(b"two", usedforsecurity=False).hexdigest()}"'
    head = s3.head_object(Bucket="raw", Key="a", VersionId=first["VersionId"])
    assert (head["ContentLength"], head["ContentType"]) == (3, "text/plain")
    assert head["LastModified"].tzinfo is not None
    s3.create_bucket(Bucket="plain")
    assert "VersionId" not in s3.put_object(Bucket="plain", Key="a", Body=b"x")


def test_a_delete_leaves_a_marker_and_every_version(s3: Any) -> None:
    version = s3.put_object(Bucket="raw", Key="a", Body=b"x")["VersionId"]
    gone = s3.delete_object(Bucket="raw", Key="a")
    assert (status(gone), gone["DeleteMarker"]) == (204, True)
    assert refusal(s3.get_object, Bucket="raw", Key="a") == ("NoSuchKey", 404)
    assert refusal(s3.head_object, Bucket="raw", Key="a") == ("404", 404)
    assert s3.get_object(Bucket="raw", Key="a", VersionId=version)["Body"].read() == b"x"
    marker = {"Bucket": "raw", "Key": "a", "VersionId": gone["VersionId"]}
    assert refusal(s3.get_object, **marker) == ("MethodNotAllowed", 405)
    s3.delete_object(**marker)
    assert s3.get_object(Bucket="raw", Key="a")["Body"].read() == b"x"
    assert status(s3.delete_object(Bucket="raw", Key="never")) == 204


def test_versions_come_by_key_and_the_newest_first(s3: Any) -> None:
    made = [s3.put_object(Bucket="raw", Key="a", Body=b"x")["VersionId"] for _ in range(3)]
    s3.put_object(Bucket="raw", Key="b", Body=b"x")
    s3.delete_object(Bucket="raw", Key="a")
    page = s3.list_object_versions(Bucket="raw", Prefix="a")
    assert [item["VersionId"] for item in page["Versions"]] == made[::-1]
    assert [item["IsLatest"] for item in page["Versions"]] == [False] * 3
    assert [item["IsLatest"] for item in page["DeleteMarkers"]] == [True]
    first = s3.list_object_versions(Bucket="raw", Prefix="a", MaxKeys=1)
    assert first["IsTruncated"]
    assert len(first.get("Versions", []) + first.get("DeleteMarkers", [])) == 1


def test_a_batch_of_deletes_takes_a_thousand_and_no_more(s3: Any) -> None:
    many = [{"Key": f"k{number}"} for number in range(1001)]
    s3.put_object(Bucket="raw", Key="k0", Body=b"x")
    answer = s3.delete_objects(Bucket="raw", Delete={"Objects": many[:1000], "Quiet": True})
    assert "Deleted" not in answer
    assert "Errors" not in answer
    assert refusal(s3.delete_objects, Bucket="raw", Delete={"Objects": many}) == (
        "MalformedXML",
        400,
    )


def test_a_listing_has_at_most_a_thousand_keys_in_the_order_of_their_bytes(s3: Any) -> None:
    names = ["a b", "a+b", "a/ü", "a/z", "á", "Z"]
    for name in names:
        s3.put_object(Bucket="raw", Key=name, Body=b"x")
    page = s3.list_objects_v2(Bucket="raw")
    assert [item["Key"] for item in page["Contents"]] == sorted(names, key=str.encode)
    assert (page["KeyCount"], page["IsTruncated"]) == (len(names), False)
    assert page["MaxKeys"] == 1000
    part = s3.list_objects_v2(Bucket="raw", MaxKeys=2)
    assert (part["KeyCount"], part["IsTruncated"]) == (2, True)
    rest = s3.list_objects_v2(Bucket="raw", ContinuationToken=part["NextContinuationToken"])
    assert [item["Key"] for item in [*part["Contents"], *rest["Contents"]]] == sorted(
        names, key=str.encode
    )
    assert "Contents" not in s3.list_objects_v2(Bucket="raw", Prefix="nothing/")
    wrong = {"Bucket": "raw", "ContinuationToken": "not one of ours"}
    assert refusal(s3.list_objects_v2, **wrong) == ("InvalidArgument", 400)


def test_a_copy_onto_itself_must_change_something_and_is_a_new_version(s3: Any) -> None:
    source = {"Bucket": "raw", "Key": "a"}
    first = s3.put_object(Body=b"x", **source)["VersionId"]
    assert refusal(s3.copy_object, CopySource=source, **source) == ("InvalidRequest", 400)
    again = s3.copy_object(CopySource=source, MetadataDirective="REPLACE", **source)
    assert again["VersionId"] != first
    assert again["CopySourceVersionId"] == first
    missing = {"Bucket": "raw", "Key": "none"}
    assert refusal(s3.copy_object, CopySource=missing, **source) == ("NoSuchKey", 404)


def test_an_upload_in_parts_is_there_whole_or_not_at_all(s3: Any) -> None:
    place = {"Bucket": "raw", "Key": "big"}
    upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
    large, small = b"x" * (5 << 20), b"y"
    tags = [
        s3.upload_part(PartNumber=number, Body=body, **upload)["ETag"]
        for number, body in ((1, large), (2, small))
    ]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    assert refusal(s3.head_object, **place) == ("404", 404)
    wrong = {"Parts": parts[::-1]}
    assert refusal(s3.complete_multipart_upload, MultipartUpload=wrong, **upload) == (
        "InvalidPartOrder",
        400,
    )
    lost = {"Parts": [{"PartNumber": 1, "ETag": '"0"'}]}
    assert refusal(s3.complete_multipart_upload, MultipartUpload=lost, **upload) == (
        "InvalidPart",
        400,
    )
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    assert done["ETag"].endswith('-2"')
    assert s3.head_object(**place)["ContentLength"] == len(large) + 1
    gone = {**upload, "UploadId": "none"}
    assert refusal(s3.upload_part, PartNumber=1, Body=b"x", **gone) == ("NoSuchUpload", 404)


def test_parts_but_the_last_have_five_mebibytes(s3: Any) -> None:
    place = {"Bucket": "raw", "Key": "big"}
    upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(PartNumber=n, Body=b"x", **upload)["ETag"]}
        for n in (1, 2)
    ]
    wanted = {"Parts": parts}
    assert refusal(s3.complete_multipart_upload, MultipartUpload=wanted, **upload) == (
        "EntityTooSmall",
        400,
    )


def test_a_bucket_goes_only_empty_and_its_name_is_taken_once(cloud: Cloud, s3: Any) -> None:
    version = s3.put_object(Bucket="raw", Key="a", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket="raw", Key="a")["VersionId"]
    assert refusal(s3.delete_bucket, Bucket="raw") == ("BucketNotEmpty", 409)
    for one in (version, marker):
        s3.delete_object(Bucket="raw", Key="a", VersionId=one)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["raw"]
    assert status(s3.delete_bucket(Bucket="raw")) == 204
    assert s3.list_buckets()["Buckets"] == []
    assert refusal(s3.delete_bucket, Bucket="raw") == ("NoSuchBucket", 404)


def test_a_bucket_says_where_it_is_and_how_it_encrypts(s3: Any) -> None:
    assert s3.get_bucket_location(Bucket="raw")["LocationConstraint"] is None  # us-east-1
    found = s3.get_bucket_encryption(Bucket="raw")["ServerSideEncryptionConfiguration"]["Rules"]
    assert found[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert refusal(s3.get_bucket_location, Bucket="none") == ("NoSuchBucket", 404)
    assert status(s3.get_bucket_encryption(Bucket="raw", ExpectedBucketOwner=ACCOUNT)) == 200
