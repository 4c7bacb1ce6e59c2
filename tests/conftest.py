"""What must be said before any test imports CDK, which starts a process of its own at its import.

Templates are made without CloudFormation's validation, which takes 3.5 s for each;
tests/infra/test_infra_synth.py validates in another process.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ["CDK_VALIDATION"] = "false"
if (node := Path(__file__).parents[1] / ".local/node/node").exists():
    os.environ.setdefault("JSII_NODE", str(node))
