"""What make makes of its command line and of the shell's variables."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CALLS = ["destroy", "release", "rollback", "learn", "predict", "ask", "deploy", "status", "run"]
SWITCHES = ["FORCE", "ONCE", "CI", "ALONE", "EXPLAIN"]
TEXTS = ["VERSION", "CONFIRM", "DATA", "PORT", "OUT", "IN", "FILE", "TEXT", "TITLE", "STAGE"]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """make, in a shell that has nothing but these variables set."""
    home = os.environ.get("HOME", "/tmp")
    shell = {"PATH": os.environ["PATH"], "HOME": home, "PY": sys.executable, **variables}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=shell, capture_output=True, text=True, check=False
    )


def calls(*knobs: str, **variables: str) -> dict[str, list[str]]:
    """The arguments of `python -m operate` for every command that changes something, by command."""
    done = run("-n", *CALLS, *knobs, **variables)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.replace("\\\n", " ").splitlines()
    found = [
        shlex.split(line.partition("-m operate ")[2]) for line in lines if "-m operate " in line
    ]
    return {("deploy" if words[0] == "cdk" else words[0]): words for words in found}


@cache
def untouched() -> dict[str, list[str]]:
    return calls()


def test_nothing_is_taken_from_the_environment() -> None:
    exported = {**dict.fromkeys(SWITCHES, "1"), **dict.fromkeys(TEXTS, "prod"), "VERIFIED": "yes"}
    assert calls(**exported) == untouched()
    assert {words[words.index("--stage") + 1] for words in untouched().values()} == {"local"}


def test_what_the_command_line_says_is_taken() -> None:
    named = calls("STAGE=prod", "VERSION=7", "CONFIRM=prod", STAGE="dev")
    assert named["destroy"] == ["destroy", "--stage", "prod", "--confirm", "prod"]
    given = ["--version", "7", "--confirm", "prod"]
    assert named["rollback"] == ["rollback", "--stage", "prod", *given]
    assert named["deploy"][:5] == ["cdk", "--stage", "prod", "deploy", "--all"]


def test_what_is_not_taken_is_named() -> None:
    line = run("-n", "destroy", STAGE="prod").stdout.splitlines()[-1]
    assert "STAGE is not taken from the environment: write make destroy STAGE=..." in line


@pytest.mark.parametrize("no", ["0", "no", "NO", "false", "off", "n", "", " "])
def test_no_means_no(no: str) -> None:
    assert calls(*(f"{switch}={no}" for switch in SWITCHES)) == untouched()


@pytest.mark.parametrize("yes", ["1", "yes", "YES", "true", "on", "y"])
def test_yes_means_yes(yes: str) -> None:
    switched = calls(*(f"{switch}={yes}" for switch in SWITCHES))
    assert "--force" in switched["rollback"]
    assert "--force" in switched["release"]
    assert "--once" in switched["run"]
    assert "--alone" in switched["learn"]
    assert "--explain" in switched["ask"]
    assert switched["deploy"][-2:] == ["--require-approval", "never"]


@pytest.mark.parametrize("odd", ["maybe", "2", "no no", "%", "yes please"])
def test_what_is_neither_is_refused_before_anything_is_done(odd: str) -> None:
    done = run("-n", "rollback", f"FORCE={odd}")
    assert done.returncode == 2
    assert f"FORCE={odd} is neither yes nor no" in done.stderr
    assert done.stdout == ""


def test_a_knob_that_does_not_exist_is_refused() -> None:
    done = run("-n", "destroy", "STGE=prod")
    assert done.returncode == 2
    assert "no knob STGE: known are STAGE" in done.stderr


@pytest.mark.parametrize("text", ["it's $5", 'say "no"', "a  b", "`id` $(id)", "é;b", "#1"])
def test_a_knob_is_one_word_whatever_is_in_it(text: str) -> None:
    said = calls(f"TEXT={text}", f"DATA={text}", f"STAGE={text}", f"VERSION={text}")
    assert said["ask"] == ["ask", "--stage", text, "--text", text]
    assert said["run"] == ["run", "--stage", text, "--data", text]
    assert said["release"] == ["release", "--stage", text, "--version", text]


def test_a_text_of_several_lines_is_one_word_too() -> None:
    assert calls("TEXT=one\ntwo")["ask"][-1] == "one two"


@pytest.mark.parametrize(("knob", "said"), [("yes", ["yes"]), ("0", ["no"]), ("", [])])
def test_verified_is_yes_no_or_not_said(knob: str, said: list[str]) -> None:
    asked = calls("TEXT=x", f"VERIFIED={knob}")["ask"]
    assert asked[5:] == (["--verified", *said] if said else [])


def test_foreign_settings_of_python_and_node_reach_no_recipe() -> None:
    foreign = {
        "PYTHONPATH": "/elsewhere",
        "PYTHONHOME": "/elsewhere",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NODE_OPTIONS": "--bad",
        "VIRTUAL_ENV": "/elsewhere",
        "PIP_TARGET": "/elsewhere",
        "UV_PYTHON": "2.7",
        "npm_config_prefix": "/elsewhere",
    }
    kept = {
        "PIP_INDEX_URL": "https://index.example/simple",
        "UV_INDEX_OURS_PASSWORD": "x",
        "HTTPS_PROXY": "http://proxy.example",
    }
    done = run("--eval", "probe: ; @env", "probe", **foreign, **kept)
    seen = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert kept.items() <= seen.items()
    assert set(foreign) & set(seen) == set()


@pytest.mark.parametrize("home", ["", "/nonexistent"])
def test_without_a_writable_home_there_is_one_of_ours(home: str) -> None:
    done = run("--eval", "probe: ; @echo $$HOME", "probe", HOME=home)
    assert done.stdout.strip() == str(ROOT / ".local" / "home")


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "old python"
    old.write_text("#!/bin/sh\necho 3.10\n")
    old.chmod(0o755)
    done = run("-n", "run", PY=str(old))
    assert "old python is Python 3.10: 3.11 or later is needed" in done.stderr


def test_the_list_of_commands_fits_a_narrow_terminal() -> None:
    lines = run("help").stdout.splitlines()
    assert len(lines) > 20
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("target", ["help", "ready"])
def test_a_locale_that_this_machine_lacks_is_no_word_of_make(target: str) -> None:
    done = run(target, LANG="xx_XX.UTF-8", LC_ALL="xx_XX.UTF-8")
    assert "locale" not in done.stdout + done.stderr
