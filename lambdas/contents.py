"""What goes into a function's package: the modules that it imports, and what libraries keep."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

FUNCTIONS = ("preprocess", "ratings", "learn", "release", "monitor")
ROOMS = ("lambdas", "reviews", "monitoring")
NOT_CODE = {"requirements.txt"}
SERVICE = re.compile(r"client(?:_within)?\(\s*\"([a-z0-9-]+)\"")

# Folders and files of libraries that nothing at run time reads. numpy.testing reaches into
# numpy's own tests, so of tests only data and the modules named test_* go.
USELESS_FOLDERS = {"bin", "examples", "include", "__pycache__", "_pyinstaller", "distutils"}
POWERTOOLS = "aws_lambda_powertools"
ONLY_FOR_SCIPY = {"f2py", "fft", "ma", "polynomial", "testing"}  # of numpy, loaded on demand
KEPT_UTILITIES = {"__init__.py", "data_classes", "typing"}  # of Powertools: what our handlers use
USELESS_FILES = re.compile(
    r"\.(pyi|pyx|pxd|pxi|h|c|cpp|hpp|f90|f|pyc|a|md|rst|build|sav|mat|wav|nc|arff)$|/test_[^/]+\.py$"
    r"|/tests/data/|/numpy/_core/_simd\.|/nanoarrow/_ipc_lib\.|\.dist-info/(?!METADATA$)|\.lock$|/py\.typed$"
)


def modules(function: str, root: Path) -> list[Path]:
    """Every file of ours that a function needs, relative to the root, in order.

    Follows imports, also those inside functions, from the function's own modules.
    """
    own = root / "lambdas" / function
    open_ones = [path.relative_to(root) for path in sorted(own.glob("*.py"))]
    found: set[Path] = set()
    while open_ones:
        path = open_ones.pop()
        if path in found:
            continue
        found.add(path)
        open_ones += [Path(*path.parts[:n], "__init__.py") for n in range(1, len(path.parts))]
        for name in imported(ast.parse((root / path).read_bytes())):
            open_ones += _files(name, root)
    found |= {
        path.relative_to(root)
        for path in own.iterdir()
        if path.is_file() and path.suffix != ".py" and path.name not in NOT_CODE
    }
    return sorted(found)


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of what a module of ours may import from our rooms."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] in ROOMS)


def services(files: list[Path], root: Path) -> set[str]:
    """The AWS services that these files make clients of."""
    found: set[str] = set()
    for path in files:
        if path.suffix == ".py":
            found |= set(SERVICE.findall((root / path).read_text()))
    return found


def is_useless(path: Path, kept_services: set[str], *, has_scipy: bool) -> bool:
    """Whether a file of a library, relative to the package, can stay out of it."""
    parts = path.parts
    if parts[0] == "numpy" and parts[1] in ONLY_FOR_SCIPY and not has_scipy:
        return True
    if parts[:2] == ("botocore", "data"):
        return len(parts) > 3 and parts[2] not in kept_services
    if parts[:2] == (POWERTOOLS, "event_handler"):
        return True
    if parts[:2] == (POWERTOOLS, "utilities") and parts[2] not in KEPT_UTILITIES:
        return True
    if parts[:2] == ("boto3", "data") or USELESS_FOLDERS & set(parts[:-1]):
        return True
    return bool(USELESS_FILES.search(f"/{path.as_posix()}"))


def _files(name: str, root: Path) -> list[Path]:
    """The file of a module or of a package; none where the name is something inside one."""
    place = Path(*name.split("."))
    options = (place.with_suffix(".py"), place / "__init__.py")
    return [path for path in options if (root / path).is_file()]
