"""Which operations of AWS our source asks for, read without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

from local_cloud.operations.requests import Usage

ROOT = Path(__file__).parents[2]
SOURCES = ("lambdas/ports", "operate", "rehearsal")
MAKERS = {"client", "client_within"}
# What boto3 makes of several operations.
MANAGED = {
    "upload_file": ("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
    "copy": ("HeadObject", "CopyObject"),
}


def in_source(folders: Iterable[str] = SOURCES) -> Iterator[tuple[Usage, str]]:
    """Every call of a client's method, with its literal parameters, and its file."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            where = path.relative_to(ROOT).as_posix()
            for usage in in_file(path.read_text()):
                yield usage, where


def in_file(source: str) -> Iterator[Usage]:
    """The same of one file's text."""
    tree = ast.parse(source)
    names = _named_clients(tree)
    strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not (service := _service(node.value, names)):
            continue
        parent = next((one for one in ast.walk(tree) if getattr(one, "func", None) is node), None)
        words = [key.arg for key in parent.keywords if key.arg] if parent else []
        if node.attr == "get_paginator" and isinstance(parent, ast.Call):
            first = parent.args[0]
            named = [first.value] if isinstance(first, ast.Constant) else strings
            paged = [word for word in named if isinstance(word, str)]
            words = _paginated(tree, parent)
        else:
            paged = [node.attr]
        for word in paged:
            yield from _usages(service, word, words)


def _named_clients(tree: ast.Module) -> dict[str, str]:
    """Services by the names of variables that hold a client, and of functions that return one."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for inner in node.body:
                if isinstance(inner, ast.Return) and (service := _made(inner.value)):
                    found[f"{node.name}()"] = service
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets[0] if isinstance(node, ast.Assign) else node.target
            value = node.value
            one_by_one = isinstance(targets, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(targets.elts, value.elts, strict=True) if one_by_one else [(targets, value)]
            for target, made in pairs:
                if isinstance(target, ast.Name) and (service := _made(made)):
                    found[target.id] = service
    return found


def _made(node: ast.AST | None) -> str:
    """The service of `client("s3", ...)` or `boto3.client("s3", ...)`, else nothing."""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    first = node.args[0]
    return str(first.value) if name in MAKERS and isinstance(first, ast.Constant) else ""


def _service(node: ast.AST, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _made(node) or names.get(f"{node.func.id}()", "")
    return _made(node)


def _paginated(tree: ast.Module, made: ast.Call) -> list[str]:
    """The keywords of `.paginate()` behind a paginator that is not kept."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "value", None) is made:
            return [key.arg for key in node.keywords if key.arg]
    return []


def _usages(service: str, method: str, words: Iterable[str]) -> Iterator[Usage]:
    model = _session().get_service_model(service)
    by_method = {xform_name(name): (name,) for name in model.operation_names}
    for name in (by_method | (MANAGED if service == "s3" else {})).get(method, ()):
        shape = model.operation_model(name).input_shape
        members = shape.members if shape else {}
        yield Usage(service, name, tuple(sorted(word for word in words if word in members)))


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()
