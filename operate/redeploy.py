"""Back to the commit that served before: its own program deploys it, as it did the first time."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from operate import processes
from operate.assembly import checkout
from operate.place import Place


def redeploy(place: Place, commit: str) -> int:
    """Deploy a commit of this clone from a checkout of its own; returns make's exit status.

    Raises InputError where this clone has no such commit.
    """
    print(f"{commit} is deployed again to stage {place.stage}", flush=True)
    with TemporaryDirectory() as folder, checkout(commit, Path(folder) / "tree") as tree:
        words = ["make", "-C", str(tree), "deploy", f"STAGE={place.stage}", "CI=1"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return processes.run_attached(words, env={**kept, "MFLAGS": ""})
