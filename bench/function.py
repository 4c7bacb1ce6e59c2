"""One call of a handler, as Lambda makes it: only the package and the standard library are there.

python -I -S bench/function.py PACKAGE HANDLER EVENT OUT. Writes JSON to OUT: seconds of the import
(cold) and of the call, the peak of our memory, the answer.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
    aws_request_id="11111111-2222-3333-4444-555555555555",
    get_remaining_time_in_millis=lambda: 900_000,
)


def main(package: str, handler: str, event: str, out: str) -> None:
    """Import, call once, tell."""
    sys.path.insert(0, package)
    module, _, name = handler.rpartition(".")
    start, cpu = time.perf_counter(), time.process_time()
    function = getattr(importlib.import_module(module), name)
    ready, ready_cpu = time.perf_counter(), time.process_time()
    answer = function(json.loads(event), CONTEXT)
    told = {
        "import_seconds": ready - start,
        "import_cpu_seconds": ready_cpu - cpu,
        "wall_seconds": time.perf_counter() - ready,
        "cpu_seconds": time.process_time() - ready_cpu,
        "peak_megabytes": _peak_megabytes(),
        "answer": answer,
    }
    Path(out).write_text(json.dumps(told))


def _peak_megabytes() -> float:
    """Ours alone: the kernel's count for a child would begin with that of its parent."""
    words = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()
    return int(words[0]) / 1024


main(*sys.argv[1:])
