"""What goes into a function's package: the modules that it imports, and what libraries keep."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FUNCTIONS = ("preprocess", "ratings", "learn", "release", "monitor", "probe")
ROOMS = ("lambdas", "reviews", "monitoring")
DATA = ".json"  # beside the code; whatever else lies there (an editor's copy) is nobody's
SERVICE = re.compile(r"client(?:_within)?\(\s*\"([a-z0-9-]+)\"")

# Folders and files of libraries that nothing at run time reads. numpy.testing reaches into
# numpy's own tests, so of tests only data and the modules named test_* go.
USELESS_FOLDERS = {"bin", "examples", "include", "__pycache__", "_pyinstaller", "distutils"}
POWERTOOLS = "aws_lambda_powertools"
ONLY_FOR_SCIPY = {"f2py", "fft", "polynomial", "testing"}  # of numpy, loaded on demand
ALWAYS_KEPT = {"__init__.py", "typing", "jmespath_utils"}  # utilities of Powertools that it needs
UTILITY = re.compile(r"aws_lambda_powertools\.utilities\.([a-z_]+)")
USELESS_FILES = re.compile(
    r"\.(pyi|pyx|pxd|pxi|h|c|cpp|hpp|f90|f|pyc|a|md|rst|build|sav|mat|wav|nc|arff)$|/test_[^/]+\.py$"
    r"|/tests/data/|/dateutil/zoneinfo/.*gz$|/contrib/emscripten/|/numpy/_core/_simd\."
    r"|/nanoarrow/_ipc_lib\.|\.dist-info/(?!METADATA$)|\.lock$|/py\.typed$"
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
        for name in _imports(root / path, (root / path).stat().st_mtime_ns):
            open_ones += _files(name, root)
    found |= {path.relative_to(root) for path in own.iterdir() if path.suffix == DATA}
    return sorted(found)


@cache
def _imports(file: Path, changed: int) -> tuple[str, ...]:
    """What a file imports; read once for all functions. changed: when it was written."""
    return tuple(imported(ast.parse(file.read_bytes())))


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of what a module of ours may import from our rooms."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] in ROOMS)


@dataclass(frozen=True)
class Uses:
    """What our files use of the libraries that are larger than that.

    services: of AWS, those that they make clients of; utilities: of Powertools; scipy: which
    reaches into parts of numpy that nobody else does.
    """

    services: frozenset[str]
    utilities: frozenset[str]
    scipy: bool = False

    @classmethod
    def of(cls, files: list[Path], root: Path, *, scipy: bool) -> Uses:
        """Read it out of our files."""
        text = "\n".join((root / path).read_text() for path in files if path.suffix == ".py")
        utilities = ALWAYS_KEPT | set(UTILITY.findall(text))
        return cls(frozenset(SERVICE.findall(text)), frozenset(utilities), scipy)


def is_useless(path: Path, uses: Uses) -> bool:
    """Whether a file of a library, relative to the package, can stay out of it."""
    parts = path.parts
    if parts[0] == "numpy" and parts[1] in ONLY_FOR_SCIPY and not uses.scipy:
        return True
    if parts[:2] == ("botocore", "data"):
        return len(parts) > 3 and parts[2] not in uses.services
    if parts[:2] == (POWERTOOLS, "event_handler"):
        return True
    if parts[:2] == (POWERTOOLS, "utilities") and parts[2] not in uses.utilities:
        return True
    if parts[:2] == ("boto3", "data") or USELESS_FOLDERS & set(parts[:-1]):
        return True
    return bool(USELESS_FILES.search(f"/{path.as_posix()}"))


def _files(name: str, root: Path) -> list[Path]:
    """The file of a module or of a package; none where the name is something inside one."""
    place = Path(*name.split("."))
    options = (place.with_suffix(".py"), place / "__init__.py")
    return [path for path in options if (root / path).is_file()]
