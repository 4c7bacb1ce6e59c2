"""A database of known vulnerabilities that answers pip-audit in the form of OSV's API.

What it knows is made up; that pip-audit asks of every locked package, and reads the answer, is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.delivery import stand_in
from tests.delivery.stand_in import Answered, Asked

PATH = "/v1/query"


@dataclass
class Database:
    """known: an id by the name of a package, of each of its versions."""

    known: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)  # packages
    url: str = ""

    def variables(self) -> dict[str, str]:
        """By which pip-audit asks here."""
        return {"PIP_AUDIT_VULNERABILITY_SERVICE": "osv", "PIP_AUDIT_OSV_URL": self.url}

    def answer(self, asked: Asked) -> Answered:
        """One question, of one version of one package."""
        query = asked.json()
        name = query["package"]["name"]
        if (asked.method, asked.path, query["package"]["ecosystem"]) != ("POST", PATH, "PyPI"):
            return Answered(404, {"message": "Not Found"})
        self.asked.add(name)
        return Answered(200, {"vulns": [self._record(name)]} if name in self.known else {})

    def _record(self, name: str) -> dict[str, Any]:
        affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": []}
        return {"id": self.known[name], "summary": "made up", "affected": [affected]}


@contextmanager
def serving() -> Iterator[Database]:
    """An empty one, on a free port of this machine."""
    made = Database()
    with stand_in.serving(made.answer) as address:
        made.url = address + PATH
        yield made
