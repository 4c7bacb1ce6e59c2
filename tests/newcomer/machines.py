"""The machines and shells that people really have, as data, and few rows that cover many pairs."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

NOWHERE = "/nowhere/at-all"
REFUSING = "http://127.0.0.1:9"  # an address on which nobody listens
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PROXY = "proxy"  # stands for the address of the test's own proxy

FOLDERS = {"plain": "review-stars", "blank and accent": "my projects é/review stars"}
LOCALES = {
    "C": {"LANG": "C", "LC_ALL": "C"},
    "absent": {"LANG": "de_AT.UTF-8", "LC_ALL": "de_AT.UTF-8"},
}
ZONES = {"unset": {}, "half an hour off": {"TZ": "America/St_Johns"}}
SHELLS: dict[str, dict[str, str]] = {
    "empty": {},
    "tools": {
        "VIRTUAL_ENV": NOWHERE,
        "CONDA_PREFIX": NOWHERE,
        "PYTHONPATH": NOWHERE,
        "PYTHONDONTWRITEBYTECODE": "1",
        "NODE_OPTIONS": "--max-old-space-size=64",
        "CDK_DEFAULT_ACCOUNT": "999999999999",
        "CDK_DEFAULT_REGION": "eu-north-1",
        "CDK_HOME": NOWHERE,
        "CDK_OUTDIR": NOWHERE,
        "CDK_PYTHON": NOWHERE,
        "JSII_NODE": NOWHERE,
        "STAGE": "prod",
        "VERSION": "9",
        "FORCE": "1",
        "CI": "true",
        "ONCE": "no",
        "DATA": NOWHERE,
        "FILE": NOWHERE,
        "IN": NOWHERE,
        "PORT": "1",
    },
    "network": {
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), PROXY),
        "NO_PROXY": "",
        "AWS_PROFILE": "nobody",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "nobody",
        "AWS_SESSION_TOKEN": "nobody",
        "AWS_REGION": "eu-north-1",
        "AWS_DEFAULT_REGION": "eu-north-1",
        "AWS_CONFIG_FILE": NOWHERE,
        "AWS_CA_BUNDLE": NOWHERE,
        "AWS_ENDPOINT_URL": REFUSING,
        "AWS_ENDPOINT_URL_S3": REFUSING,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    },
}
SHELLS["everything"] = SHELLS["tools"] | SHELLS["network"]
# How packages are reached from here; all else of the test's own environment is left behind.
FETCHING = ("PIP_", "UV_", "npm_config_", "NPM_CONFIG_", "SSL_CERT_", "NODE_EXTRA_CA_CERTS")


@dataclass(frozen=True)
class Machine:
    """One way in which a newcomer's machine may be. The first value of each is the usual one."""

    folder: str = "plain"
    history: str = "clone"  # or an archive, without .git
    locale: str = "C"
    zone: str = "unset"
    umask: int = 0o022
    home: str = "own"  # or unset, or absent: a folder that nobody may make
    shell: str = "empty"
    user: str = "same"  # or an ordinary one, where the tests run as root
    jobs: str = "-j1"

    def __str__(self) -> str:
        values = [getattr(self, part.name) for part in fields(self)]
        return ", ".join(f"{v:03o}" if isinstance(v, int) else str(v) for v in values)


VALUES: dict[str, tuple[str | int, ...]] = {
    "folder": tuple(FOLDERS),
    "history": ("clone", "archive"),
    "locale": tuple(LOCALES),
    "zone": tuple(ZONES),
    "umask": (0o022, 0o077),
    "home": ("own", "unset", "absent"),
    "shell": ("empty", "tools", "network"),
    "user": ("same", "ordinary"),
    "jobs": ("-j1", "-j8"),
}
WORST = Machine(
    folder="blank and accent",
    history="archive",
    locale="C",
    zone="half an hour off",
    umask=0o077,
    home="own",
    shell="everything",
    user="same",
    jobs="-j8",
)


def pairs(machine: Mapping[str, str | int]) -> set[tuple[tuple[str, str | int], ...]]:
    """Every two values that a machine has together."""
    return set(itertools.combinations(sorted(machine.items()), 2))


def pairwise(values: Mapping[str, tuple[str | int, ...]] = VALUES) -> list[Machine]:
    """Few machines in which every two values meet: greedy, and the same each time."""
    names = sorted(values, key=lambda name: -len(values[name]))
    open_pairs = {
        tuple(sorted(((one, a), (other, b))))
        for one, other in itertools.combinations(names, 2)
        for a in values[one]
        for b in values[other]
    }
    rows = []
    while open_pairs:
        first = min(open_pairs, key=repr)
        row: dict[str, str | int] = dict(first)
        for name in names:
            if name not in row:
                row[name] = max(
                    values[name],
                    key=lambda value: len(pairs(row | {name: value}) & open_pairs),
                )
        open_pairs -= pairs(row)
        rows.append(Machine(**row))  # type: ignore[arg-type]
    return rows


def interpreters() -> Iterator[Path]:
    """One interpreter of each version that this machine has, Debian's own before all others.

    PY names the only one, as `make newcomer PY=python3.14` does.
    """
    if named := os.environ.get("PY"):
        yield Path(shutil.which(named) or named)
        return
    found: list[str] = ["/usr/bin/python3"]
    found += [path for v in PYTHONS if (path := shutil.which(f"python{v}"))]
    managed = Path.home() / ".pyenv" / "versions"
    found += [str(path) for v in PYTHONS for path in sorted(managed.glob(f"{v}*/bin/python3"))]
    seen = set()
    for path in found:
        version, real = describe(path)
        if version.startswith(tuple(f"{v}." for v in PYTHONS)) and version not in seen:
            seen.add(version)
            yield Path(real)


def describe(python: str) -> tuple[str, str]:
    """Its version and own path; empty where it does not start or cannot make environments."""
    program = "import ensurepip, platform, sys, venv; v = platform.python_version()"
    program += "; print(v, sys.executable, sep='\\n')"
    try:
        done = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, check=False, timeout=60
        )
    except OSError:
        return "", ""
    version, _, path = done.stdout.strip().partition("\n")
    return (version, path) if done.returncode == 0 else ("", "")
