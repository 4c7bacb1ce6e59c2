"""Licences of every locked package, as its own metadata states them, against [tool.licences].

`python .ci/licences.py` prints a table; exit 1 where a package may not be used, or states nothing.
Of alternatives (`A OR B`) one must be allowed, of what holds together (`A AND B`) all. An exception
is for tools alone: what ships (app, Lambda packages, training image) has none.
"""

import json
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, cast

import locks
from license_expression import AND, OR, Licensing
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

SHIPPED = re.compile(r"app|training|lambda-.*|detector-.*")  # groups
TABLE = Path(".local/licences.tsv")
# "BSD" does not say which one: every one of them is allowed or none.
ANY_BSD = "LicenseRef-BSD"
# What stands in `License` where it is no SPDX expression, in lower case and without "the".
PHRASES = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "mit license": "MIT",
    "mit license (mit)": "MIT",
    "bsd 3-clause license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd": ANY_BSD,
    "bsd license": ANY_BSD,
    "psfl": "PSF-2.0",
    "gplv2 | eplv1": "GPL-2.0-only OR EPL-1.0",
}
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": ANY_BSD,
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Zope Public License": "ZPL-2.1",
}


def licence_of(found: Distribution) -> str:
    """The SPDX expression that a package states; "" where it states none.

    Its expression counts first, then its `License`, then its classifiers. A classifier that we do
    not know becomes a LicenseRef of its name, which nothing allows.
    """
    about = cast("Message", found.metadata)
    if stated := about.get("License-Expression"):
        return str(stated)
    # Some put the whole text there: its first line is a name, or nothing that we know.
    first = str(about.get("License") or "").strip().partition("\n")[0].strip()
    phrase = first.lower().removeprefix("the ")
    if phrase in PHRASES:
        return PHRASES[phrase]
    try:
        return str(canonicalize_license_expression(first)) if first else _classified(about)
    except InvalidLicenseExpression:
        return _classified(about)


def _classified(about: Message) -> str:
    names = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    known = {CLASSIFIERS.get(name) or f"LicenseRef-{_slug(name)}" for name in names}
    return " AND ".join(sorted(known))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression can be met by allowed licences alone."""
    return bool(expression) and _holds(Licensing().parse(expression), allowed)


def _holds(parsed: Any, allowed: frozenset[str]) -> bool:
    if isinstance(parsed, OR):
        return any(_holds(part, allowed) for part in parsed.args)
    if isinstance(parsed, AND):
        return all(_holds(part, allowed) for part in parsed.args)
    return str(parsed) in allowed


@dataclass(frozen=True)
class Policy:
    """[tool.licences] of pyproject.toml. exceptions: by package, its licence and the reason."""

    allowed: frozenset[str]
    exceptions: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, root: Path) -> "Policy":
        """Raises KeyError where pyproject.toml has none."""
        stated = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["licences"]
        return cls(frozenset(stated["allowed"]), stated["exceptions"])

    def problem(self, package: str, licence: str, *, shipped: bool) -> str:
        """Why a package may not be used; "" where it may."""
        if is_allowed(licence, self.allowed):
            return ""
        said = f"its licence is {licence}" if licence else "it states no licence"
        if package not in self.exceptions:
            return (
                f"{said}, which [tool.licences] of pyproject.toml does not allow: take another "
                "package, or write an exception with its reason"
            )
        excepted = self.exceptions[package]
        if not excepted.get("reason", "").strip():
            return f"{said}, and its exception in [tool.licences.exceptions] gives no reason"
        if shipped:
            return f"{said}; an exception is for tools alone, and this package ships"
        if licence and licence != excepted["licence"]:
            return f"{said}, its exception was written for {excepted['licence']}"
        return ""


@dataclass(frozen=True)
class Row:
    """A package of a lock on this machine. licence: None where it is not installed here."""

    lock: str
    package: str
    version: str
    licence: str | None
    problem: str = ""


def rows(root: Path = locks.ROOT) -> Iterator[Row]:
    """Every pin that holds on this machine, lock by lock."""
    policy = Policy.read(root)
    for lock in locks.LOCKS:
        shipped = bool(SHIPPED.fullmatch(lock.group))
        installed = locks.installed_in(root / lock.venv) if lock.venv else {}
        for pin in locks.pins_of((root / lock.file).read_text()):
            if not pin.holds({}):
                continue
            if pin.name not in installed:
                yield Row(lock.file, pin.name, pin.version, None)
                continue
            licence = licence_of(installed[pin.name])
            problem = policy.problem(pin.name, licence, shipped=shipped)
            yield Row(lock.file, pin.name, pin.version, licence, problem)


def unused(root: Path, found: list[Row]) -> Iterator[str]:
    """Exceptions for packages that no lock pins any more."""
    pinned = {row.package for row in found}
    for name in sorted(set(Policy.read(root).exceptions) - pinned):
        yield f"pyproject.toml: [tool.licences.exceptions] {name}: no lock has it; delete it"


def npm_rows(root: Path = locks.ROOT) -> Iterator[Row]:
    """The packages of package-lock.json, which states their licences itself."""
    policy = Policy.read(root)
    content = json.loads((root / "package-lock.json").read_text())
    for path, about in content["packages"].items():
        if path:
            name, licence = path.rpartition("node_modules/")[2], about.get("license", "")
            problem = policy.problem(name, licence, shipped=True)
            yield Row("package-lock.json", name, about["version"], licence, problem)


def main() -> int:
    """Exit 1 where a package may not be used."""
    found = [*rows(), *npm_rows()]
    lines = [f"{r.lock}\t{r.package}\t{r.version}\t{r.licence or '?'}" for r in found]
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text("\n".join(["lock\tpackage\tversion\tlicence", *lines]) + "\n")
    bad = {f"{r.package} {r.version} ({r.lock}): {r.problem}" for r in found if r.problem}
    problems = sorted(bad) + list(unused(locks.ROOT, found))
    absent = Counter(row.lock for row in found if row.licence is None)
    judged = {(row.package, row.version): row.licence for row in found if row.licence is not None}
    counts = Counter(licence or "none stated" for licence in judged.values())
    if problems:
        print("\n".join(problems))
    else:
        for licence, count in counts.most_common():
            print(f"{count:5}  {licence}")
        print(f"{len(judged)} packages may be used; each stands in {TABLE}")
    for lock, count in sorted(absent.items()):
        print(f"not installed here, so not judged: {count} packages of {lock}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
