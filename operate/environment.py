"""The environment of the local stage: built from an allow-list, so that a shell's own variables
(accounts, proxies, certificates, foreign interpreters) reach nothing of it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from operate.errors import InputError

KEPT = {
    *("PATH", "SHELL", "USER", "LOGNAME", "TMPDIR", "TZ", "TERM", "COLORTERM", "COLUMNS"),
    *("LINES", "NO_COLOR", "FORCE_COLOR", "LANG", "LANGUAGE", "LOCPATH", "LOCALE_ARCHIVE"),
    "LD_LIBRARY_PATH",  # where an interpreter of Nix or conda finds its own libraries
    *("GIT_COMMIT", "UV", "JSII_NODE"),
    # settings of local_cloud
    *(
        "LOCAL_CLOUD_LOG_LEVEL",
        "LOCAL_CLOUD_MINUTE_SECONDS",
        "JOB_THREADS",
        "ROLLOUT_SCALE",
        "HEALTH_SECONDS",
    ),
}
KEPT_PREFIXES = ("LC_", "OPENBLAS_", "OMP_", "MKL_", "NIX_LD")
# What only the fetching of packages may see: where they come from, and how that is reached.
FETCHING = {
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HOME"),
    *("UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_FIND_LINKS", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST"),
    *("UV_KEYRING_PROVIDER", "UV_NATIVE_TLS", "UV_NO_CACHE", "UV_OFFLINE", "UV_SYSTEM_CERTS"),
    *("UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL"),
}
FETCHING_PREFIXES = ("UV_INDEX",)  # UV_INDEX_<NAME>_PASSWORD too
STEERING = {
    *("PYTHONPATH", "PYTHONHOME", "NODE_OPTIONS", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"),
    *("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VIRTUAL_ENV", "STAGE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
}
STEERING_PREFIXES = ("AWS_", "CDK_")
OWN = {"CDK_HOME"}  # set by our Makefile
THIS_MACHINE = "localhost,127.0.0.1,::1"
NOTHING = os.devnull


def isolated(shell: Mapping[str, str], home: Path) -> dict[str, str]:
    """What a child of the local stage gets before the cloud runs.

    HOME is a folder of the stage: ~/.aws, ~/.cdk.json and ~/.npmrc are the shell's own too.
    """
    own_home = (home / "home").resolve()
    kept = {k: v for k, v in shell.items() if k in KEPT or k.startswith(KEPT_PREFIXES)}
    return {
        **kept,
        "HOME": str(own_home),
        "PYTHONUTF8": "1",
        "NO_PROXY": THIS_MACHINE,
        "no_proxy": THIS_MACHINE,
        "AWS_CONFIG_FILE": NOTHING,
        "AWS_SHARED_CREDENTIALS_FILE": NOTHING,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
        **_shared_with_the_user(shell),
    }


def fetching(shell: Mapping[str, str], home: Path) -> dict[str, str]:
    """What a child gets that installs packages: also the way to the package index."""
    chosen = {k: v for k, v in shell.items() if k in FETCHING or k.startswith(FETCHING_PREFIXES)}
    return {**isolated(shell, home), **chosen}


def local(shell: Mapping[str, str], home: Path) -> dict[str, str]:
    """What reaches the local cloud that runs in this home, and nothing else.

    Raises InputError where none is running.
    """
    try:
        cloud = json.loads((home / "cloud.json").read_text())
    except FileNotFoundError:
        raise InputError(
            "the local cloud is not running: start it with `make run`, or name a stage with STAGE="
        ) from None
    return {
        **isolated(shell, home),
        "AWS_ENDPOINT_URL": cloud["endpoint_url"],
        "AWS_CA_BUNDLE": cloud["ca_bundle"],
        "NODE_EXTRA_CA_CERTS": cloud["ca_bundle"],
        "AWS_ACCESS_KEY_ID": cloud["account"],
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": cloud["region"],
        "AWS_DEFAULT_REGION": cloud["region"],
        "CDK_DEFAULT_ACCOUNT": cloud["account"],
        "CDK_DEFAULT_REGION": cloud["region"],
        "CDK_DISABLE_LEGACY_EXPORT_WARNING": "1",
    }


def replace(wanted: Mapping[str, str]) -> None:
    """Make this the environment of our own process, with nothing of the shell's left."""
    os.environ.clear()
    os.environ.update(wanted)


def left_out(shell: Mapping[str, str]) -> list[str]:
    """Names of the shell's variables that would have steered calls elsewhere, for a person."""
    return sorted(
        name
        for name, value in shell.items()
        if value
        and name not in OWN
        and (name.upper() in STEERING or name.startswith(STEERING_PREFIXES))
    )


def _shared_with_the_user(shell: Mapping[str, str]) -> dict[str, str]:
    """What the folder of the stage does not have: jsii's unpacked modules, git's settings."""
    user = Path(shell.get("HOME") or "/nonexistent")
    found = {}
    caches = "Library/Caches/com.amazonaws.jsii" if sys.platform == "darwin" else ".cache/aws/jsii"
    if os.access(user, os.W_OK):
        found["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(user / caches / "package-cache")
    if (user / ".gitconfig").is_file():  # safe.directory, in a clone of another user
        found["GIT_CONFIG_GLOBAL"] = str(user / ".gitconfig")
    return found
