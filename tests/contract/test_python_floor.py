"""The oldest Python that is promised runs every line: nothing in the code came later.

Syntax is ruff's part (`target-version`). Here: names, methods and arguments of the standard
library that came after 3.11.0, also in its patch releases; tarfile's filters came with 3.11.4.
"""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# By module: what may be imported from it or read of it.
NAMES: dict[str, set[str]] = {
    "calendar": {"Month", "Day"},
    "collections.abc": {"Buffer"},
    "concurrent.futures": {"InterpreterPoolExecutor"},
    "copy": {"replace"},
    "functools": {"Placeholder"},
    "heapq": {"heapify_max", "heappush_max", "heappop_max", "heapreplace_max", "heappushpop_max"},
    "inspect": {"markcoroutinefunction", "getasyncgenstate", "BufferFlags"},
    "itertools": {"batched"},
    "math": {"sumprod", "fma"},
    "operator": {"is_none", "is_not_none"},
    "os": {"process_cpu_count", "listdrives", "unshare", "reload_environ"},
    "pathlib": {"UnsupportedOperation"},
    "queue": {"ShutDown"},
    "random": {"binomialvariate"},
    "statistics": {"kde", "kde_random"},
    "sys": {"monitoring", "activate_stack_trampoline", "is_remote_debug_enabled"},
    "tarfile": {"data_filter", "tar_filter", "fully_trusted_filter", "FilterError"},
    "threading": {"settrace_all_threads", "setprofile_all_threads"},
    "types": {"get_original_bases", "CapsuleType"},
    "typing": {
        *("override", "TypeAliasType", "ReadOnly", "TypeIs", "NoDefault"),
        *("get_protocol_members", "is_protocol"),
    },
    "uuid": {"uuid6", "uuid7", "uuid8", "NIL", "MAX"},
    "warnings": {"deprecated"},
}
MODULES = {
    "annotationlib",
    "compression",
    "concurrent.interpreters",
    "dbm.sqlite3",
    "pathlib.types",
}
MODULES |= {"string.templatelib"}
# Methods, but for those of modules of ours that have such a function.
METHODS = {"full_match", "copy_into", "move_into", "from_uri"}
WALKERS = {"ast", "os"}  # `ast.walk` and `os.walk` are old, `Path.walk` is not
# By name of the function or method: arguments.
ARGUMENTS: dict[str, set[str]] = {
    "extract": {"filter"},
    "extractall": {"filter"},
    "unpack_archive": {"filter"},
    "rmtree": {"onexc"},
    "glob": {"case_sensitive", "recurse_symlinks"},
    "rglob": {"case_sensitive", "recurse_symlinks"},
    "match": {"case_sensitive"},
    "relative_to": {"walk_up"},
    "is_relative_to": {"walk_up"},
    "exists": {"follow_symlinks"},
    "is_file": {"follow_symlinks"},
    "is_dir": {"follow_symlinks"},
    "read_text": {"newline"},
    "NamedTemporaryFile": {"delete_on_close"},
    "TemporaryDirectory": {"delete"},
    "add_argument": {"deprecated"},
    "add_parser": {"deprecated"},
    "ArgumentParser": {"suggest_on_error", "color"},
    "map": {"strict", "buffersize"},
    "getLogger": {"extra"},
    "parseaddr": {"strict"},
    "getaddresses": {"strict"},
}


def newer(source: str) -> list[str]:
    """What a source uses that Python 3.11.0 has not, with its line."""
    tree = ast.parse(source, feature_version=(3, 11))
    return [f"{line}: {name}" for node in ast.walk(tree) for line, name in _newer_in(node)]


def _newer_in(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Import():
            yield from ((node.lineno, a.name) for a in node.names if a.name in MODULES)
        case ast.ImportFrom(module=str(module)):
            for alias in node.names:
                name = f"{module}.{alias.name}"
                if module in MODULES or name in MODULES or alias.name in NAMES.get(module, ()):
                    yield node.lineno, name
        case ast.Attribute():
            module = ast.unparse(node.value)
            is_walk = node.attr == "walk" and module not in WALKERS
            if is_walk or node.attr in METHODS or node.attr in NAMES.get(module, ()):
                yield node.lineno, f"{module}.{node.attr}"
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            for keyword in node.keywords:
                if keyword.arg in ARGUMENTS.get(name, ()):
                    yield node.lineno, f"{name}({keyword.arg}=)"


def sources() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("no git checkout here: the files cannot be listed")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_the_promised_floor_is_the_one_that_is_tested() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"


def test_no_line_needs_a_newer_python() -> None:
    names = sources()
    assert len(names) > 200
    found = {name: newer((ROOT / name).read_text(encoding="utf-8")) for name in names}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "archive.extractall(folder, members, filter='data')",
        "archive.extract(member, filter=tarfile.data_filter)",
        "from itertools import batched",
        "import itertools; itertools.batched(x, 2)",
        "from typing import override",
        "for root, folders, files in folder.walk(): pass",
        "for root, folders, files in Path('a').walk(): pass",
        "shutil.rmtree(folder, onexc=print)",
        "folder.glob('*', case_sensitive=False)",
        "path.relative_to(other, walk_up=True)",
        "from compression import zstd",
        "os.process_cpu_count()",
        "tempfile.NamedTemporaryFile(delete_on_close=False)",
    ],
)
def test_what_is_newer_would_be_found(line: str) -> None:
    assert newer(line)


@pytest.mark.parametrize("line", ["type Row = tuple[int]", "def f[T](x: T) -> T: ..."])
def test_newer_syntax_would_be_found(line: str) -> None:
    with pytest.raises(SyntaxError):
        newer(line)


def test_what_is_old_passes() -> None:
    old = "os.walk(a); ast.walk(t); folder.rglob('*'); shutil.rmtree(f, onerror=g); map(f, x)"
    assert newer(old) == []
