"""The local cloud inside the test's own process: boto3 talks to it, and no socket is needed."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
import pytest_socket
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from urllib3 import HTTPResponse

from local_cloud import processes
from local_cloud.home import RunningCloud
from tests import emulator
from tests.unit.local_cloud import shapes

ACCOUNT, REGION = "000000000000", emulator.SETTINGS["MINISTACK_REGION"]
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/review-stars:test"
PYTHON = emulator.VENV / "bin" / "python"
PROGRAM = """
import http.server, json, os, pathlib, sys, time
root = pathlib.Path(os.environ["ML_ROOT"])
word = sys.argv[1] if len(sys.argv) > 1 else ""
print("I am", *sys.argv[1:], flush=True)
if word == "train":
    parameters = json.loads((root / "input/config/hyperparameters.json").read_text())
    files = sorted(p.relative_to(root).as_posix() for p in (root / "input/data").rglob("*.*"))
    (root / "model/model.json").write_text(json.dumps({"parameters": parameters, "files": files}))
elif word == "evaluate":
    (root / "processing/output/report").mkdir(parents=True, exist_ok=True)
    (root / "processing/output/report/evaluation.json").write_text(sys.argv[2])
elif word == "fail":
    (root / "output").mkdir(parents=True, exist_ok=True)
    (root / "output/failure").write_text(sys.argv[2])
    sys.exit(3)
elif word == "die":
    sys.exit("nobody told me what to do")
elif word == "wait":
    time.sleep(60)
elif word == "serve":
    model = root / "model/model.json"
    if not model.exists():
        sys.exit("no model to serve")
    name = json.loads(model.read_text())["parameters"].get("name", "")
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def log_message(self, *words): pass
        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def do_GET(self):
            self.answer(503 if name == "sick" else 200, b"")
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if body == b"die":
                os._exit(9)
            self.answer(500 if body == b"fail" else 200, name.encode())
    port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
    http.server.ThreadingHTTPServer((os.environ["BIND_HOST"], port), Handler).serve_forever()
"""


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Skip with a word where there is no emulator."""
    return emulator.module(module_path, parent)


class Cloud:
    """MiniStack, our extension and our SageMaker, behind the clients of boto3."""

    def __init__(self) -> None:
        import ministack.app as ministack

        from local_cloud import extension, sagemaker

        sagemaker.register()
        extension.install()
        self.app, self._reset = ministack.app, ministack._reset_all_state
        self._root: dict[str, Any] = {}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def forget(self) -> None:
        """Empty the cloud. The emulator leaves the pipes of its functions to the collector."""
        from ministack.core import lambda_runtime

        workers = [w for pool in lambda_runtime._workers.values() for w in pool]
        processes = [worker._proc for worker in workers if worker._proc]
        self._reset()
        for process in processes:
            process.communicate()

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        """A client of the account's root, or with the credentials of AssumeRole."""
        if credentials is None and service in self._root:
            return self._root[service]
        made = self._client(service, credentials)
        if credentials is None:
            self._root[service] = made
        return made

    def _client(self, service: str, credentials: dict[str, str] | None) -> Any:
        found = credentials or {"AccessKeyId": ACCOUNT, "SecretAccessKey": "local"}
        client = boto3.Session(
            aws_access_key_id=found["AccessKeyId"],
            aws_secret_access_key=found["SecretAccessKey"],
            aws_session_token=found.get("SessionToken"),
            region_name=REGION,
        ).client(  # type: ignore[call-overload]
            service,
            endpoint_url="https://localhost:4566",
            config=Config(
                retries={"max_attempts": 0},
                s3={"addressing_style": "path"},
                inject_host_prefix=False,
            ),
        )
        client.meta.events.register("before-send", self._send)
        return client

    def _send(self, request: Any, **_: Any) -> AWSResponse:
        body = request.body or b""
        if hasattr(body, "read"):
            body = body.read()
        content = body.encode() if isinstance(body, str) else body
        future = asyncio.run_coroutine_threadsafe(self._ask(request, content), self.loop)
        status, headers, answer = future.result(30)
        target = request.headers.get("X-Amz-Target", "")
        named = target.decode() if isinstance(target, bytes) else target
        if named.startswith("SageMaker."):
            shapes.check(named.removeprefix("SageMaker."), status, answer)
        raw = HTTPResponse(
            io.BytesIO(answer),
            headers,
            status,
            preload_content=False,
            decode_content=False,
            request_method=request.method,
        )
        return AWSResponse(request.url, status, raw.headers, raw)

    async def _ask(self, request: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        parts = urlsplit(request.url)
        words = [(name, value) for name, value in request.headers.items()]
        words = [(n, v if isinstance(v, bytes) else str(v).encode()) for n, v in words]
        scope = {
            "type": "http",
            "method": request.method,
            "scheme": "https",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "headers": [
                (b"host", parts.netloc.encode()),
                (b"content-length", str(len(body)).encode()),
                *((n.lower().encode(), v) for n, v in words if n.lower() != "content-length"),
            ],
            "client": ("127.0.0.1", 1),
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {n.decode(): v.decode() for n, v in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:])

    def get(self, path: str, credentials: dict[str, str] | None = None) -> AWSResponse:
        """A plain GET, signed for our API where credentials are given."""
        request = AWSRequest("GET", f"https://localhost:4566{path}")
        if credentials:
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            keys = Credentials(*(credentials[name] for name in names))
            SigV4Auth(keys, "execute-api", REGION).add_auth(request)
        return self._send(request.prepare())

    def role(self, name: str, service: str, *statements: dict[str, Any]) -> str:
        """Make a role for a service, or for the "account"'s people; returns its ARN."""
        people, of_service = f"arn:aws:iam::{ACCOUNT}:root", f"{service}.amazonaws.com"
        who = {"AWS": people} if service == "account" else {"Service": of_service}
        statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}
        made = self.client("iam").create_role(
            RoleName=name, AssumeRolePolicyDocument=document(statement)
        )
        if statements:
            self.allow(name, *statements)
        return str(made["Role"]["Arn"])

    def allow(self, role: str, *statements: dict[str, Any]) -> None:
        """Give a role exactly these statements."""
        if statements:
            self.client("iam").put_role_policy(
                RoleName=role, PolicyName="may", PolicyDocument=document(*statements)
            )
        else:
            self.client("iam").delete_role_policy(RoleName=role, PolicyName="may")

    def assume(self, role_arn: str) -> dict[str, str]:
        """Credentials of a role of the account's people."""
        answer = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")
        return dict(answer["Credentials"])

    def inbox(self, name: str, pattern: dict[str, Any]) -> Callable[[], list[dict[str, Any]]]:
        """Hear events of the default bus; returns what gives those that came since."""
        sqs, events = self.client("sqs"), self.client("events")
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        lets_in = may("sqs:SendMessage", on=arn, Principal={"Service": "events.amazonaws.com"})
        policy = {"Policy": document(lets_in)}
        url = sqs.create_queue(QueueName=name, Attributes=policy)["QueueUrl"]
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])

        def received() -> list[dict[str, Any]]:
            found = []
            while True:
                messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
                if not messages.get("Messages"):
                    return found
                for message in messages["Messages"]:
                    found.append(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        return received


def document(*statements: dict[str, Any]) -> str:
    """A policy as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def may(*actions: str, on: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    """One statement that allows."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **more}


def until(probe: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first answer of a probe that is true; fails after so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := probe():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"nothing came within {seconds} s")


def deploy(cloud: Cloud, name: str, **resources: dict[str, Any]) -> str:
    """Create a stack and return its status once it has settled."""
    found = cloud.client("cloudformation")
    template = {"Resources": resources}
    found.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    return settled(cloud, name)


def deploy_with(cloud: Cloud, name: str, values: dict[str, str], served: str) -> str:
    """The same for a stack with these parameters. served: what its one resource holds of them."""
    kept = {"Name": "/stars/served", "Type": "String", "Value": {"Fn::Sub": served}}
    template = {
        "Parameters": {key: {"Type": "String", "Default": ""} for key in values},
        "Resources": {"Served": {"Type": "AWS::SSM::Parameter", "Properties": kept}},
    }
    cloud.client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()],
    )
    return settled(cloud, name)


def settled(cloud: Cloud, name: str) -> str:
    """The status of a stack once nothing is in progress; GONE for one that is not there."""

    def look() -> str:
        try:
            stacks = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError:
            return "GONE"
        status = str(stacks[0]["StackStatus"])
        return "" if status.endswith("_IN_PROGRESS") else status

    return str(until(look))


@pytest.fixture(autouse=True)
def only_this_machine() -> None:
    """Model servers listen on this machine; nothing else may be reached."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


@cache
def wanted_operations() -> dict[str, set[tuple[str, str]]]:
    """The operations of the list by the test that it names for them."""
    from local_cloud.operations import listed

    found: dict[str, set[tuple[str, str]]] = {}
    for key, entry in listed.read().items():
        for behaviour in entry.behaviour:
            found.setdefault(behaviour.test, set()).add(key)
    return found


@pytest.fixture(autouse=True)
def asks_what_the_list_says(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A test that the list names for an operation asks for that operation."""
    name = getattr(request.node, "originalname", request.node.name)
    wanted = wanted_operations().get(f"tests/unit/local_cloud/{request.path.name}::{name}", set())
    if not wanted:
        yield
        return
    from local_cloud.operations import recorder

    record = tmp_path / "record"
    record.mkdir()
    monkeypatch.setenv("OPERATIONS_LOG", str(record / "operations.jsonl"))
    yield
    found = {(usage.service, usage.operation) for usage, _ in recorder.read(record)}
    assert wanted <= found, f"{name} is on the list for {wanted - found}, it asks for {found}"


@pytest.fixture(scope="session")
def one_cloud() -> Cloud:
    """The cloud of this process: what it wraps, it wraps once."""
    return Cloud()


@pytest.fixture
def cloud(one_cloud: Cloud, home: Path) -> Iterator[Cloud]:
    """An empty cloud with a home of its own."""
    yield one_cloud
    one_cloud.forget()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where jobs, servers and the decision log of this test lie."""
    program = tmp_path / "program"
    (program / "training").mkdir(parents=True)
    (program / "training" / "__main__.py").write_text(PROGRAM)
    for name, value in {
        "LOCAL_CLOUD_HOME": str(tmp_path),
        "PROGRAM_ROOT": str(program),
        "TRAINING_PYTHON": sys.executable,
        "AUTHORIZATION_LOG": str(tmp_path / "authorization.jsonl"),
        "ROLLOUT_SCALE": "0.01",
        "HEALTH_SECONDS": "5",
    }.items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def decisions(home: Path) -> Callable[[], list[dict[str, Any]]]:
    """The decision log of this test."""

    def read() -> list[dict[str, Any]]:
        log = home / "authorization.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    return read


def taken() -> tuple[socket.socket, int]:
    """A port of this machine that something listens on."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening, int(listening.getsockname()[1])


class SupervisorRun:
    """`python -m local_cloud up` as a person starts it, without MLflow."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        command = [str(PYTHON), "-m", "local_cloud", "up", "--home", str(home), "--no-tracking"]
        self.process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=emulator.ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def ready(self) -> SupervisorRun:
        """Wait until it serves."""
        until(lambda: (self.home / "cloud.json").exists() or self.process.poll() is not None, 40)
        assert self.process.poll() is None, self.process.communicate()[0]
        return self

    def ended(self) -> tuple[int, str]:
        """Wait for the end: exit status and what it printed."""
        printed, _ = self.process.communicate(timeout=30)
        return self.process.returncode, printed

    def client(self, service: str, **credentials: str) -> Any:
        """A client of boto3, of the account's root or with other credentials."""
        cloud = RunningCloud.read(self.home)
        keys = credentials or {
            "aws_access_key_id": cloud.account,
            "aws_secret_access_key": "local",
        }
        session = boto3.Session(region_name=cloud.region, **keys)  # type: ignore[arg-type]
        return session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=cloud.endpoint_url,
            verify=cloud.ca_bundle,
            config=Config(s3={"addressing_style": "path"}),
        )


@pytest.fixture
def up(tmp_path: Path) -> Iterator[SupervisorRun]:
    """A local cloud of its own processes; call `ready()` before use."""
    listening, port = taken()
    listening.close()
    home = tmp_path.resolve()
    run = SupervisorRun(home, port)
    yield run
    if run.process.poll() is None:
        run.process.kill()
        run.process.communicate()
    until(lambda: not processes.marked(home))
