"""The list of operations: what our source asks for is on it, and each entry has its test."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from local_cloud.operations import listed
from local_cloud.operations.listed import Operation
from local_cloud.operations.requests import Usage
from tests.contract.operations_in_source import in_file, in_source
from tests.emulator import is_reachable

ROOT = Path(__file__).parents[2]
OPERATIONS = list(listed.read().values())
NAMES = [f"{one.service}:{one.name}" for one in OPERATIONS]
PAGES = "https://docs.aws.amazon.com/"


@cache
def names_in(path: str) -> set[str]:
    """The names of a file's tests."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def is_test(reference: str) -> bool:
    path, _, name = reference.partition("::")
    return (ROOT / path).is_file() and name in names_in(path)


def top(path: str) -> str:
    """The parameter that a path begins with."""
    for mark in ".[{":
        path = path.partition(mark)[0]
    return path


def unlisted(used: list[tuple[Usage, str]]) -> list[str]:
    """What the list lacks of calls whose parameters are known by their first names alone."""
    known = {key: {top(path) for path in entry.parameters} for key, entry in listed.read().items()}
    cut = [
        (
            Usage(
                usage.service,
                usage.operation,
                tuple(
                    name
                    for name in usage.parameters
                    if name not in known.get((usage.service, usage.operation), set())
                ),
            ),
            where,
        )
        for usage, where in used
    ]
    return listed.unlisted(cut)


def test_every_call_of_our_source_is_on_the_list() -> None:
    used = list(in_source())
    assert len({usage.operation for usage, _ in used}) > 80
    found = unlisted(used)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('client("s3").get_bucket_acl(Bucket="b")', "s3:GetBucketAcl"),
        ('client("s3").get_object(Bucket="b", PartNumber=1)', "the parameter PartNumber"),
        ('x = client("sqs")\nx.tag_queue(QueueUrl="q")', "sqs:TagQueue"),
        ('def f():\n    return client("sns")\nf().list_topics()', "sns:ListTopics"),
        ('x: Any = client("ecr")\nx.list_tags_for_resource()', "ecr:ListTagsForResource"),
        ('client("iam").get_paginator("list_users").paginate()', "iam:ListUsers"),
        ('a, b = boto3.client("kms"), 1\na.encrypt(KeyId="k")', "kms:Encrypt"),
    ],
)
def test_a_call_that_is_not_on_the_list_is_named_with_where_to_write_it(
    line: str, found: str
) -> None:
    [sentence] = unlisted([(usage, "ours.py") for usage in in_file(line)])
    assert found in sentence
    assert sentence.startswith("ours.py")
    assert "local_cloud/operations/services/" in sentence


@pytest.mark.parametrize("entry", OPERATIONS, ids=NAMES)
def test_an_entry_is_of_botocore_s_model_has_a_page_of_aws_and_tests(entry: Operation) -> None:
    model = botocore.session.get_session().get_service_model(entry.service)
    assert entry.name in model.operation_names
    shape = model.operation_model(entry.name).input_shape
    members = set(shape.members) if shape else set()
    assert {top(path) for path in entry.parameters} <= members
    assert sorted(entry.parameters) == list(entry.parameters)
    assert entry.source.startswith(PAGES)
    assert entry.source.endswith(f"{entry.name}.html")
    assert entry.behaviour
    assert [one.test for one in entry.behaviour if not is_test(one.test)] == []
    assert [one.covered_by for one in entry.differs if not is_test(one.covered_by)] == []
    assert all(one.says.endswith(".") for one in (*entry.behaviour, *entry.differs))


@pytest.mark.parametrize("kind", list(listed.read_types()))
def test_a_resource_type_has_a_page_of_aws_and_tests(kind: str) -> None:
    entry = listed.read_types()[kind]
    _, service, name = kind.split("::")
    assert entry.source.startswith(PAGES)
    assert entry.source.endswith(f"aws-resource-{service}-{name}.html".lower())
    assert sorted(entry.properties) == list(entry.properties)
    assert entry.behaviour
    assert [one.test for one in entry.behaviour if not is_test(one.test)] == []
    assert [one.covered_by for one in entry.differs if not is_test(one.covered_by)] == []
    assert all(one.says.endswith(".") for one in (*entry.behaviour, *entry.differs))


def test_the_page_is_made_of_the_list() -> None:
    spec = importlib.util.spec_from_file_location("page", ROOT / "docs/operations_page.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.PAGE.read_text() == made.page(OPERATIONS, listed.read_types().values()), (
        "run `make diagrams`"
    )


def test_a_record_is_compared_by_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not is_reachable():
        pytest.skip("no emulator: run `make cloud`")
    from local_cloud.__main__ import main

    def compared(*lines: str) -> tuple[int, str]:
        (tmp_path / "operations.jsonl").write_text("".join(f"{line}\n" for line in lines))
        code = main(["operations", "--home", str(tmp_path)])
        return code, capsys.readouterr().out

    assert main(["operations", "--home", str(tmp_path)]) == 2  # nothing was recorded
    known: dict[str, Any] = {"service": "s3", "operation": "GetObject", "client": "Boto3"}
    line = repr({**known, "parameters": ["Bucket", "Range"]}).replace("'", '"')
    assert compared(line) == (0, "")
    code, said = compared(line.replace("GetObject", "GetObjectAcl"))
    assert (code, said.partition(",")[0]) == (1, "Boto3 uses s3:GetObjectAcl")
    code, said = compared(line.replace("Range", "PartNumber"))
    assert (code, said.partition(",")[0]) == (
        1,
        "Boto3 gives s3:GetObject the parameter PartNumber",
    )
    code, said = compared(line.replace('"s3"', '"?"'))
    assert code == 1
    assert "teach local_cloud/operations/requests.py" in said
    assert compared(line.replace("Boto3", "tests").replace("GetObject", "X")) == (0, "")
