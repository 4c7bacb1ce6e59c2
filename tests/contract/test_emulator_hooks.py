"""Every name of MiniStack that our code touches is there, and takes what we hand to it.

MiniStack's internals are private and move without notice. The names are read from our source, so
that none can be forgotten; for what we replace, its signature and its caller stand here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType
from typing import Any

import pytest

from tests.emulator import ROOT, VENV, is_reachable

SOURCES = sorted((ROOT / "local_cloud").rglob("*.py"))

# what we replace: its parameters, and who must look it up by name when it calls it
REPLACED = {
    "app._dispatch_service_request": (
        "method path headers body query_params request_id",
        "app:app",
    ),
    "core.router._is_aws_service_name": ("scope_name", "core.router:detect_service"),
    "app.pin_signed_request": (
        "method raw_path query_params raw_headers handshake",
        "app:app",
    ),
    "core.iam_evaluator.check_credentials": ("access_key_id service", "app:_authenticate_only"),
    "services.apigateway_v1._lambda_proxy_response": ("result", ""),
    "app._enforce_execute_api": (
        "api_id stage method execute_path headers query_params iam_action",
        "app:_handle_execute_api_request",
    ),
    "app._handle_execute_api_request": (
        "host path method headers body query_params raw_path raw_query_string",
        "app:_handle_special_data_plane_request",
    ),
    "services.ecr._describe_images": ("data", "services.ecr:handle_request"),
    "services.apigateway_v1._call_lambda_raw": ("function_ref event *account_id *region", ""),
    "services.apigateway_v1.handle_execute": (
        "api_id stage_name method path headers body query_params",
        "app:_handle_execute_api_request",
    ),
    "services.apigateway_v1._execute_in_scope": (
        "request api_id stage_name method path headers body query_params owner_account_id "
        "owner_region",
        "",
    ),
    "core.iam_actions.access_denied_response": (
        "service action principal_arn request_id *error_code *message *headers *resource_arn "
        "*explicit_deny *resource_policy_arn",
        "app:_dispatch_service_request",
    ),
    "core.iam_evaluator.enforce": (
        "access_key_id iam_action service region resource_arn service_context",
        "app:_dispatch_service_request",
    ),
    "core.iam_evaluator._resolve_condition_key": ("key ctx", "core.iam_evaluator"),
    "core.lambda_runtime._detect_runtime_binary": ("runtime", "core.lambda_runtime:Worker._spawn"),
    "services.cloudformation.provisioners._cw_metric_alarm_record": ("name props", ""),
    "services.cloudformation.stacks._runs_on_worker_thread": ("resource_type", ""),
    "services.cloudformation.stacks._sends_back_failed_update": ("resource_type", ""),
    "services.cloudwatch._dispatch_alarm_actions": ("alarm old_state new_state reason", ""),
    "services.cloudwatch._evaluate_alarm": ("alarm", ""),
    "services.eventbridge._parse_rate_seconds": ("expr", "services.eventbridge"),
    "services.eventbridge._invoke_target": ("target event rule view", ""),
    "services.firehose._deliver_records_to_s3": ("stream dest records", ""),
    "services.firehose._deliver_to_s3": ("stream dest record_data lambda_keys", ""),
    "services.firehose._put_s3_object": ("bucket key body", ""),
    "services.lambda_svc._emit_lambda_logs": (
        "func request_id log_text error duration_ms *log_source",
        "",
    ),
    "services.lambda_svc._emit_lambda_metrics": ("function_name duration_ms error throttle", ""),
    "services.lambda_svc._execute_function_dispatch": ("func config event request_id started", ""),
    "services.eventbridge._disable_rule": ("data", "services.eventbridge:handle_request"),
    "services.eventbridge._enable_rule": ("data", "services.eventbridge:handle_request"),
    "services.eventbridge._put_events": (
        "data allow_aws_source",
        "services.eventbridge:handle_request",
    ),
    "services.lambda_svc._get_policy": (
        "func_name query_params path_qualifier",
        "services.lambda_svc",
    ),
    "services.stepfunctions._describe_execution": ("data", "services.stepfunctions"),
    "services.stepfunctions._start_execution": ("data", "services.stepfunctions"),
    "services.s3._complete_multipart_upload": (
        "bucket_name key body query_params headers",
        "",
    ),
    "services.s3._copy_object": ("bucket_name dest_key headers", ""),
    "services.s3._delete_objects": ("bucket_name body headers", ""),
    "services.s3._list_objects_v2": ("bucket_name query_params", ""),
    "services.sns._publish": ("params", "services.sns:handle_request"),
    "services.s3._get_object": ("bucket_name key headers query_params", ""),
    "services.s3._head_object": ("bucket_name key headers query_params", ""),
    "services.sqs.queue_policy_allows": (
        "queue_arn service source_arn source_account",
        "services.sns",
    ),
    "services.stepfunctions._invoke_resource": ("resource input_data", ""),
    "services.stepfunctions._read_map_items": ("reader effective ctx", ""),
    "services.stepfunctions._run_execution": ("exec_arn", ""),
}


@dataclass(frozen=True)
class Use:
    """One place where our code touches MiniStack; call: how it calls it, where it does."""

    where: str
    module: str
    name: str
    call: ast.Call | None = None
    replaces: bool = False

    @property
    def label(self) -> str:
        return f"{self.module.removeprefix('ministack.')}.{self.name}"

    def target(self) -> Any:
        return getattr(loaded(self.module), self.name)


@cache
def loaded(name: str) -> Any:
    """A module of MiniStack, or what a module holds; skips where the emulator is not installed."""
    if not is_reachable():
        pytest.skip(f"no emulator in {VENV.relative_to(ROOT)}: run `make cloud`")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)


def aliases(tree: ast.AST) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Local names of MiniStack's modules, and (module, name) of what is imported out of them."""
    modules: dict[str, str] = {}
    names: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                if item.name.split(".")[0] == "ministack":
                    modules[item.asname or item.name] = item.name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ministack":
            for item in node.names:
                modules[item.asname or item.name] = f"{node.module}.{item.name}"
                names.append((str(node.module), item.name))
    return modules, names


def uses(source: str, where: str) -> Iterator[Use]:
    """Every attribute of a module of MiniStack that a source reads, calls or replaces."""
    tree = ast.parse(source)
    modules, names = aliases(tree)
    for module, name in names:
        yield Use(where, module, name)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            if module:
                place = f"{where}:{node.lineno}"
                stored = isinstance(node.ctx, ast.Store)
                yield Use(place, module, node.attr, calls.get(id(node)), stored)


def all_uses() -> list[Use]:
    return [
        use
        for path in SOURCES
        for use in uses(path.read_text(), str(path.relative_to(ROOT / "local_cloud")))
    ]


def is_there(use: Use) -> bool:
    """Whether the name exists: an attribute of the module, or a module itself."""
    if hasattr(loaded(use.module), use.name):
        return True
    try:
        importlib.import_module(f"{use.module}.{use.name}")
    except ImportError:
        return False
    return True


def mismatch(use: Use) -> str:
    """Why MiniStack would refuse our call, or nothing; calls with * are not judged."""
    call = use.call
    if call is None or any(isinstance(item, ast.Starred) for item in call.args):
        return ""
    named = {item.arg: None for item in call.keywords if item.arg}
    try:
        inspect.signature(use.target()).bind(*call.args, **named)
    except (TypeError, ValueError) as error:
        return f"{use.where} {use.label}: {error}"
    return ""


def parameters(hook: str) -> str:
    """The names of a function's parameters by its source, `*` before those that go by name alone.

    The source, because a test before us may have put our own function in its place.
    """
    module, name = f"ministack.{hook}".rsplit(".", 1)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in tree_of(module).body:
        if isinstance(node, ast.ImportFrom) and name in [item.name for item in node.names]:
            return parameters(f"{node.module}.{name}".removeprefix("ministack."))
    body = tree_of(module).body
    arguments = next(node for node in body if isinstance(node, kinds) and node.name == name).args
    by_name = [f"*{item.arg}" for item in arguments.kwonlyargs]
    return " ".join([*(item.arg for item in arguments.args), *by_name])


@cache
def tree_of(module: str) -> ast.Module:
    """The source of a module of MiniStack, parsed."""
    return ast.parse(inspect.getsource(loaded(module)))


def names_in(code: Any) -> set[str]:
    """Every global, attribute and imported name that a piece of code looks up when it runs."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if inspect.iscode(constant):
            found |= names_in(constant)
    return found


@cache
def compiled(module: str) -> CodeType:
    """The byte code of a module of MiniStack."""
    return compile(tree_of(module), module, "exec")


def looked_up_in(module: str, path: str) -> set[str]:
    """The names that one function of a module looks up, or all its functions together."""
    code = compiled(module)
    functions = {item.co_name: item for item in code.co_consts if inspect.iscode(item)}
    if path:
        return names_in(functions[path.split(".")[0]])
    return set().union(*(names_in(item) for item in functions.values()))


def test_our_code_touches_many_names_of_ministack() -> None:
    assert len({use.label for use in all_uses()}) > 60


def test_every_name_that_we_touch_is_there() -> None:
    assert [f"{use.where} {use.label}" for use in all_uses() if not is_there(use)] == []


def test_a_name_that_has_moved_would_be_found() -> None:
    source = "from ministack.services import s3\ns3._no_such_name('bucket')\n"
    assert [use.label for use in uses(source, "x") if not is_there(use)] == [
        "services.s3._no_such_name"
    ]


def test_ministack_takes_what_we_hand_to_it() -> None:
    assert [why for use in all_uses() if (why := mismatch(use))] == []


def test_a_call_that_no_longer_fits_would_be_found() -> None:
    source = "from ministack.services import s3\ns3._get_object_data('bucket')\n"
    assert [bool(mismatch(use)) for use in uses(source, "x") if use.call] == [True]


def test_what_we_replace_stands_in_the_table() -> None:
    assert {use.label for use in all_uses() if use.replaces} == set(REPLACED)


@pytest.mark.parametrize("hook", REPLACED)
def test_what_we_replace_has_the_parameters_that_our_own_has(hook: str) -> None:
    assert parameters(hook) == REPLACED[hook][0]


@pytest.mark.parametrize("hook", REPLACED)
def test_what_we_replace_is_looked_up_when_it_is_called(hook: str) -> None:
    """A caller that bound the name at import would go past us."""
    module, name = f"ministack.{hook}".rsplit(".", 1)
    caller, _, function = REPLACED[hook][1].partition(":")
    calling = f"ministack.{caller}" if caller else module
    assert name in looked_up_in(calling, function)


def test_templates_have_the_handlers_that_we_wrap() -> None:
    loaded("ministack.app")
    from ministack.services.cloudformation import handlers, provisioners

    from local_cloud.extension import stacks, templates

    for kind in (*templates.APPLY, stacks.PARAMETER, stacks.ALARM):
        found = provisioners._RESOURCE_HANDLERS[kind]
        assert {"create", "update", "delete"} <= found.keys(), kind
        assert len(inspect.signature(found["create"]).parameters) == 3, kind
    assert set(stacks.OPERATIONS) <= handlers._ACTION_HANDLERS.keys()
