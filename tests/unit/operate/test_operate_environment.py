"""What reaches the local stage of a shell, and what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operate import cdk, environment
from operate.errors import InputError

SHELL = {
    "PATH": "/usr/bin",
    "LANG": "C",
    "LC_ALL": "C",
    "TMPDIR": "/tmp",
    "UV": "/uv",
    "STAGE": "prod",
    "AWS_PROFILE": "work",
    "AWS_SESSION_TOKEN": "secret",
    "AWS_ENDPOINT_URL_S3": "https://s3.example",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_CONFIG_FILE": "/somebody/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/somebody/credentials",
    "AWS_CA_BUNDLE": "/company.pem",
    "CDK_DEFAULT_ACCOUNT": "999999999999",
    "CDK_CONTEXT_JSON": "{}",
    "HTTPS_PROXY": "http://proxy.example",
    "https_proxy": "http://proxy.example",
    "ALL_PROXY": "socks5://proxy.example",
    "NO_PROXY": "",
    "SSL_CERT_FILE": "/company.pem",
    "REQUESTS_CA_BUNDLE": "/company.pem",
    "NODE_OPTIONS": "--require /x.js",
    "NODE_EXTRA_CA_CERTS": "/company.pem",
    "PYTHONPATH": "/elsewhere",
    "PYTHONHOME": "/elsewhere",
    "VIRTUAL_ENV": "/elsewhere",
    "PIP_INDEX_URL": "https://index.example",
    "UV_DEFAULT_INDEX": "https://index.example",
    "UV_INDEX_OURS_PASSWORD": "secret",
    "UV_PROJECT_ENVIRONMENT": "/elsewhere",
    "npm_config_prefix": "/elsewhere",
    "GIT_DIR": "/elsewhere/.git",
    "DATABASE_PASSWORD": "secret",
}
CLOUD = {
    "endpoint_url": "https://localhost:4566",
    "ca_bundle": "/home/ca.crt",
    "account": "000000000000",
    "region": "us-east-1",
}


def test_the_local_stage_gets_the_local_cloud_and_nothing_of_the_shell(tmp_path: Path) -> None:
    (tmp_path / "cloud.json").write_text(json.dumps(CLOUD))
    got = environment.local(SHELL, tmp_path)
    assert {k: v for k, v in got.items() if SHELL.get(k) == v} == {
        name: SHELL[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR", "UV")
    }
    assert got["AWS_ENDPOINT_URL"] == CLOUD["endpoint_url"]
    assert got["AWS_CA_BUNDLE"] == got["NODE_EXTRA_CA_CERTS"] == CLOUD["ca_bundle"]
    assert got["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] == "false"
    assert got["AWS_CONFIG_FILE"] == got["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert "localhost" in got["NO_PROXY"]
    assert "localhost" in got["no_proxy"]


def test_files_of_the_home_folder_do_not_reach_it_either(tmp_path: Path) -> None:
    user = tmp_path / "user"
    (user / ".aws").mkdir(parents=True)
    (user / ".cdk.json").write_text('{"profile": "work"}')
    got = environment.isolated({**SHELL, "HOME": str(user)}, tmp_path / ".local")
    assert got["HOME"] == str(tmp_path / ".local" / "home")


def test_only_the_fetching_of_packages_sees_index_and_proxy(tmp_path: Path) -> None:
    got = environment.fetching(SHELL, tmp_path)
    for name in ("HTTPS_PROXY", "UV_DEFAULT_INDEX", "UV_INDEX_OURS_PASSWORD", "SSL_CERT_FILE"):
        assert got[name] == SHELL[name]
    for name in ("AWS_PROFILE", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT", "DATABASE_PASSWORD"):
        assert name not in got


def test_what_is_left_out_is_named_without_its_value() -> None:
    named = environment.left_out(SHELL)
    assert {"AWS_PROFILE", "HTTPS_PROXY", "https_proxy", "STAGE", "PYTHONPATH"} <= set(named)
    assert "NO_PROXY" not in named
    assert environment.left_out({"PATH": "/usr/bin", "AWS_PROFILE": ""}) == []


def test_without_a_running_cloud_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not running: start it with `make run`"):
        environment.local(SHELL, tmp_path)


def test_the_own_environment_is_replaced_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(os, "environ", {"AWS_PROFILE": "work"})
    environment.replace({"PATH": "/usr/bin"})
    assert os.environ == {"PATH": "/usr/bin"}


def test_the_cdk_gets_the_stage_our_node_and_our_python() -> None:
    got = cdk.environment({"PATH": "/usr/bin", "STAGE": "prod"}, "dev", CDK_VALIDATION="false")
    assert got["STAGE"] == "dev"
    assert got["PATH"].startswith(str(Path(".local/node").absolute()))
    assert Path(got["JSII_NODE"]).is_absolute()
    assert Path(got["CDK_PYTHON"]).is_absolute()
    assert got["CDK_VALIDATION"] == "false"
    assert cdk.command("deploy", "--all")[2:] == ["deploy", "--all"]


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (
            "one\n❌ deployment failed: no role\n    at deploy (cdk.js:1)\n",
            "❌ deployment failed: no role",
        ),
        ("Error: first\nlater\n", "Error: first"),
        ("only this\n\n", "only this"),
        ("", "it said nothing"),
    ],
)
def test_of_a_log_the_line_that_names_the_error_is_shown(
    tmp_path: Path, log: str, line: str
) -> None:
    file = tmp_path / "deploy.log"
    file.write_text(log)
    assert cdk.failure_reason(file) == line
