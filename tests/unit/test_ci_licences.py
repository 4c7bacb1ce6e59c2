"""`make licences` reads what installed packages state, and refuses what may not be used."""

import importlib.util
import sys
from email.message import Message
from importlib.metadata import PathDistribution
from pathlib import Path
from types import SimpleNamespace

import pytest

CI = Path(__file__).parents[2] / ".ci"


@pytest.fixture(scope="module")
def licences():
    """The script, which imports its neighbour `locks`."""
    sys.path.insert(0, str(CI))
    try:
        spec = importlib.util.spec_from_file_location("ci_licences", CI / "licences.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["ci_licences"] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(CI))
    return module


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["License-Expression: MIT", "License: BSD"], "MIT"),
        (["License: mpl-2.0 and mit"], "MPL-2.0 AND MIT"),
        (["License: Apache License, Version 2.0"], "Apache-2.0"),
        (
            [
                "License: Copyright 2018 Someone",
                "Classifier: License :: OSI Approved :: MIT License",
            ],
            "MIT",
        ),
        (
            [
                "License: Dual License",
                "Classifier: License :: OSI Approved :: BSD License",
                "Classifier: License :: OSI Approved :: Apache Software License",
            ],
            "Apache-2.0 AND LicenseRef-BSD",
        ),
        (
            ["Classifier: License :: Free for non-commercial use"],
            "LicenseRef-Free-for-non-commercial-use",
        ),
        (["Classifier: License :: OSI Approved"], ""),
        ([], ""),
    ],
)
def test_what_a_package_states_is_read_in_one_order(licences, tmp_path, lines, expected):
    folder = tmp_path / "alpha-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("\n".join(["Name: alpha", "Version: 1", *lines]) + "\n")
    assert licences.licence_of(PathDistribution(folder)) == expected


def test_what_a_package_does_not_state_is_no_error_to_a_reader_that_is_strict(licences):
    """importlib_metadata, once imported, reads for everybody and raises for what is absent."""

    class Strict(Message):
        def __getitem__(self, name):
            if name not in self:
                raise KeyError(name)
            return super().__getitem__(name)

    assert licences.licence_of(SimpleNamespace(metadata=Strict())) == ""


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", True),
        ("Apache-2.0 WITH LLVM-exception", False),  # not named, so not allowed
        ("LicenseRef-Free-for-non-commercial-use", False),
        ("", False),
    ],
)
def test_of_alternatives_one_is_enough_and_of_parts_all_are_needed(licences, expression, allowed):
    assert licences.is_allowed(expression, frozenset({"MIT", "Apache-2.0"})) is allowed


def test_an_exception_counts_for_tools_for_its_licence_and_with_a_reason(licences):
    why = {"licence": "GPL-3.0-only", "reason": "runs on a developer's machine alone"}
    policy = licences.Policy(frozenset({"MIT"}), {"alpha": why, "beta": {"licence": "X"}})
    assert policy.problem("alpha", "GPL-3.0-only", shipped=False) == ""
    assert "ships" in policy.problem("alpha", "GPL-3.0-only", shipped=True)
    assert "written for GPL-3.0-only" in policy.problem("alpha", "AGPL-3.0-only", shipped=False)
    assert "no reason" in policy.problem("beta", "X", shipped=False)
    assert "does not allow" in policy.problem("gamma", "GPL-3.0-only", shipped=False)
    assert "states no licence" in policy.problem("gamma", "", shipped=False)


def test_every_shipped_and_locked_package_may_be_used(licences):
    found = [*licences.rows(), *licences.npm_rows()]
    assert [row for row in found if row.problem] == []
    judged = {row.lock for row in found if row.licence}
    assert {"requirements.txt", "training/requirements.txt", "package-lock.json"} <= judged
    assert list(licences.unused(licences.locks.ROOT, found)) == []


def test_what_ships_is_installed_here_and_so_was_judged(licences):
    shipped = [lock for lock in licences.locks.LOCKS if licences.SHIPPED.fullmatch(lock.group)]
    of_the_stages = {lock.file for lock in shipped if lock.venv}
    absent = {row.lock for row in licences.rows() if row.licence is None}
    assert absent & of_the_stages == set()
    assert len(of_the_stages) == 8
