"""What holds a contract of several rooms: a name stands in its home, and is imported elsewhere.

The guards read sources as text, so that a test can show them a copy in which one side was
renamed. Each returns what it found, in sentences; nothing found is good.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = "lambdas/contract/"
ROOMS = ("lambdas", "infra", "operate", "bench", "app.py")
Sources = Mapping[str, str]

# Where a name of the contract belongs: (the end of what is called, position or keyword).
CALLS = (
    ("own_metric", 1),
    ("add_metric", 0),
    ("add_dimension", 0),
    ("CfnOutput", 1),
    ("put_event", 1),
    ("events.publish", 1),
    ("list_keys", 1),
    ("list_objects", 1),
    ("objects.read", 1),
    ("put_bytes", 1),
    ("put_file", 1),
    ("arn_for_objects", 0),
    ("may_read", 1),
    ("may_write", 1),
    ("may_list", 1),
    ("place.name", 0),
    ("machine_arn", 1),
    ("_fail_with", 0),
    ("Decision", 0),
    ("self._parameter", 0),
    ("stacks.outputs", 0),
)
KEYWORDS = ("namespace", "detail_type", "source", "prefix", "output", "notify_on")
AWS_OWN = re.compile(
    r"AWS/|AWSLogs/|/aws/|aws\.|Object Created$|Object Deleted$"
    r"|SageMaker Model Package State Change$|CloudWatch Alarm State Change$"
)
KEY = re.compile(r"[a-z_-]+/")
OUR_NAME = re.compile(r"(?:^|/)review-stars[.-]")  # begins every name of a stage
# Variables and attributes that hold a word of the contract wherever they are compared.
COMPARED = {"live", "arn", "outcome", "action", "reason", "approval", "asked_for"}
MAPPINGS = {"metadata", "deployment", "found", "known", "deployed"}
# Names of the contract that are common words or SageMaker's own fields, and mean that elsewhere.
# A sentence that holds a prefix is found all the same.
COMMON = re.compile(r"[a-z_]+|[A-Z][a-z]+")
EXCEPTIONS = {
    ("lambdas/ports/jobs.py", "ImageUri"),  # fields of SageMaker's API
    ("lambdas/ports/models.py", "ModelPackageArn"),
    ("lambdas/ports/models.py", "ModelApprovalStatus"),
    ("infra/acknowledged.py", "review-stars"),  # patterns: one that fits nothing fails the synth
    ("infra/blocks/guardrails.py", "EndpointName"),  # a dimension of SageMaker's metrics
    ("infra/constructs/learning.py", "DatasetReady"),  # the construct's id
    ("infra/constructs/release.py", "ModelApprovalStatus"),  # a field of SageMaker's event
    ("infra/machines/learning.py", "PipelineName"),  # fields of SageMaker's API
    ("infra/pipeline/pipeline.py", "ModelApprovalStatus"),
    ("infra/pipeline/pipeline.py", "ImageUri"),
    ("lambdas/ratings/request.py", "reviews/"),  # a field of a request
    ("infra/stacks/operations.py", "ModelErrors"),  # ids of alarms
    ("infra/stacks/operations.py", "ObservationsDropped"),
    ("operate/faults.py", "alias/"),  # KMS's and a queue's own words
    ("operate/outages.py", "rehearsal"),
    ("infra/constructs/tampering.py", "AWS API Call via CloudTrail"),  # EventBridge's own words
    ("infra/constructs/endpoint.py", "LastRollout"),  # an output that nobody reads
    ("infra/constructs/scaling.py", "LastScaling"),  # likewise
    ("infra/machines/diagram.py", "is"),
    ("lambdas/learn/conclude.py", "RegisterModel"),  # a field of SageMaker's API
    ("operate/run.py", "report.html"),  # a file of this machine
}


@cache
def read() -> Sources:
    """The sources of the rooms that share `lambdas/contract`, by path."""
    files = [
        path
        for room in ROOMS
        for path in ([ROOT / room] if room.endswith(".py") else sorted((ROOT / room).rglob("*.py")))
    ]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in files}


def values(sources: Sources) -> dict[str, str]:
    """Every text of the contract with its name."""
    found: dict[str, str] = {}
    for path, text in sources.items():
        if path.startswith(HOME):
            for name, value in _assigned(path, text):
                found.setdefault(value, f"{path.removeprefix(HOME).removesuffix('.py')}.{name}")
    return found


def second_literals(sources: Sources) -> list[str]:
    """Texts of the contract that stand outside their home."""
    known = values(sources)
    exact = {value for value in known if not COMMON.fullmatch(value)}
    prefixes = [re.escape(value) for value in known if value.endswith("/")]
    inside = re.compile(rf"(?:^|[/ ])({'|'.join(prefixes)})")
    found = []
    for path, text in _users(sources):
        for line, value in _strings(path, text):
            match = inside.search(value)
            hit = match[1] if match else value if value in exact else None
            if OUR_NAME.search(value):
                hit = "review-stars"
            if hit and (path, hit) not in EXCEPTIONS:
                found.append(f"{path}:{line} spells {hit!r}: import {known[hit]}")
    return found


def literals_in_its_place(sources: Sources) -> list[str]:
    """Texts where a name of the contract belongs: one of them renamed would be heard by none."""
    return [
        f"{path}:{line} spells {value!r}"
        for path, text in _users(sources)
        if not path.startswith(("lambdas/ports/", "bench/"))
        for line, value in _misplaced(path, text)
        if (path, value) not in EXCEPTIONS
    ]


def one_sided(sources: Sources) -> list[str]:
    """Names that one side writes and the other never reads, or the other way round."""
    used: dict[str, set[str]] = {}
    for path, text in _users(sources):
        room = "infra" if path == "app.py" else path.split("/")[0]
        for name in _used(path, text):
            used.setdefault(name, set()).add(room)
    found = []
    for name, rooms in sorted(used.items()):
        writer = WRITERS.get(name.split(".")[0])
        if writer and writer not in rooms and name not in WRITTEN_ELSEWHERE:
            found.append(f"{name} is read in {', '.join(sorted(rooms))}; {writer} lacks it")
    names = {name for name in values(sources).values() if not name.startswith("names.")}
    return found + [f"nobody uses {name}" for name in sorted(names - set(used))]


WRITERS = {"metrics": "lambdas", "events": "lambdas", "outputs": "infra", "packages": "infra"}
WRITTEN_ELSEWHERE = {  # by the function that concludes a run; asked for by machines of infra
    "packages.EVALUATION_URI",
    "packages.REPORT_URI",
    "packages.MODEL_CARD_URI",
    "packages.BASELINE_URI",
    "packages.COMPLETED",
    "packages.PROMOTED_FROM",  # by operate, when a person promotes
    "packages.ARTEFACT_SHA256",
    "events.RELEASE_REQUESTED",
    "outputs.MACHINES",
}


def _users(sources: Sources) -> Iterator[tuple[str, str]]:
    for path, text in sources.items():
        if not path.startswith((HOME, "infra/packaging/")):
            yield path, text


@cache
def _assigned(path: str, text: str) -> list[tuple[str, str]]:
    """Names that are given a text at the top of a module, with it."""
    found = []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        pairs: Iterable[tuple[ast.expr, ast.expr]] = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = zip(target.elts, value.elts, strict=True)
        for name, part in pairs:
            if isinstance(name, ast.Name) and isinstance(part, ast.Constant):
                found.append((name.id, str(part.value)))
    return found


@cache
def _strings(path: str, text: str) -> list[tuple[int, str]]:
    """Texts of the code with their lines, without docstrings."""
    tree = ast.parse(text)
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documents
    ]


@cache
def _misplaced(path: str, text: str) -> list[tuple[int, str]]:
    """Texts written out where a node takes a name of the contract, with their lines."""
    tree = ast.parse(text)
    found = [literal for node in ast.walk(tree) for literal in _in(node)]
    if not path.startswith("infra/"):  # whose f-strings of this form are ARNs
        found += [literal for node in ast.walk(tree) for literal in _keys(node)]
    return [(node.lineno, node.value) for node in found if not AWS_OWN.match(node.value)]


def _keys(node: ast.AST) -> Iterator[ast.Constant]:
    """What an f-string of a key of a bucket begins with."""
    if isinstance(node, ast.JoinedStr):
        yield from (begin for begin in _literals(node) if KEY.fullmatch(begin.value))


def _in(node: ast.AST) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Call):
        yield from _in_call(node)
    elif isinstance(node, ast.Subscript) and _last(node.value) in MAPPINGS:
        yield from (found for found in _literals(node.slice) if not found.value.isupper())
    elif isinstance(node, ast.Compare) and _last(node.left) in COMPARED:
        yield from (found for other in node.comparators for found in _literals(other))
    elif isinstance(node, ast.Dict):
        yield from _in_dict(node)


def _in_call(node: ast.Call) -> Iterator[ast.Constant]:
    called = f".{ast.unparse(node.func)}"
    for name, position in CALLS:
        if called.endswith(f".{name}"):
            several = name.startswith("may_")
            for argument in node.args[position:] if several else node.args[position : position + 1]:
                yield from _literals(argument)
    for keyword in node.keywords:
        if keyword.arg in KEYWORDS:
            yield from _literals(keyword.value)


def _in_dict(node: ast.Dict) -> Iterator[ast.Constant]:
    for key, value in zip(node.keys, node.values, strict=True):
        field = key.value if isinstance(key, ast.Constant) else ""
        if field in ("StringEquals", "ParameterKey"):
            yield from (literal for literal in _literals(value) if literal.value)
        if field == "CustomerMetadataProperties" and isinstance(value, ast.Dict):
            yield from (found for inner in value.keys if inner for found in _literals(inner))


def _literals(node: ast.AST) -> Iterator[ast.Constant]:
    """The text that an argument begins with, where it is written out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    elif isinstance(node, ast.JoinedStr) and node.values:
        yield from _literals(node.values[0])
    elif isinstance(node, ast.List | ast.Tuple):
        for part in node.elts:
            yield from _literals(part)


def _last(node: ast.AST) -> str:
    """`live` of `live`, `approval` of `found[0].approval`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@cache
def _used(path: str, text: str) -> frozenset[str]:
    """Names of the contract that a source uses, as `module.NAME`."""
    tree = ast.parse(text)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = {
        alias.asname or alias.name: alias.name
        for node in imports
        if node.module == "lambdas.contract"
        for alias in node.names
    }
    named = {
        f"{str(node.module).removeprefix('lambdas.contract.')}.{alias.name}"
        for node in imports
        if str(node.module).startswith("lambdas.contract.")
        for alias in node.names
    }
    reached = {
        f"{modules[node.value.id]}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
    }
    return frozenset(named | reached)
