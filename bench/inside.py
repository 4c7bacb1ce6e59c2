"""How the CPU time of our refine divides: python -m bench.inside SOURCE, in a process of its own.

Prints JSON: CPU seconds of the whole (start-up apart) and of language detection.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from reviews import language, parquet
from reviews.bulk.refinery import Refinery
from reviews.refine import Refiner

spent = {"language": 0.0}


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, its CPU seconds added up."""

    def run(*arguments: Any) -> Any:
        start = time.process_time()
        try:
            return function(*arguments)
        finally:
            spent["language"] += time.process_time() - start

    return run


def main(source: Path) -> None:
    """Refine a file with a clock around all that tells languages."""
    detector = timed(language.identifier())
    languages = timed(Refinery._languages)
    start = time.process_time()
    with (
        patch.object(language, "identifier", lambda name=language.DEFAULT: detector),
        patch.object(Refinery, "_languages", languages),
        source.open("rb") as raw,
        Path("/dev/null").open("wb") as nowhere,
    ):
        refiner = Refiner()
        parquet.write(refiner.stream(raw), nowhere)
    total = time.process_time() - start
    print(json.dumps({"cpu_seconds": total, "language_cpu_seconds": spent["language"]}))


main(Path(sys.argv[1]))
