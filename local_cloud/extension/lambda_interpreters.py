"""One Python for each Lambda runtime.

Gap: MiniStack runs every Python function with its own interpreter, and so with its own packages.
Delete when it takes an interpreter for each runtime.
"""

import os
from collections.abc import Callable

from ministack.core import lambda_runtime


def install() -> None:
    """`LAMBDA_PYTHON3_12=/path/to/python` runs functions of runtime `python3.12`."""
    detect: Callable[[str], tuple[str, str]] = lambda_runtime._detect_runtime_binary

    def detect_runtime_binary(runtime: str) -> tuple[str, str]:
        binary, script = detect(runtime)
        if runtime.startswith("python"):
            variable = "LAMBDA_" + runtime.upper().replace(".", "_")
            if variable not in os.environ:
                raise RuntimeError(f"no interpreter for {runtime}: {variable} is not set")
            binary = os.environ[variable]
        return binary, script

    lambda_runtime._detect_runtime_binary = detect_runtime_binary
