"""A release: what validate decides, how it goes out, how it ends, and what the stack is given."""

from __future__ import annotations

# what validate decides
GO, SERVING, REFUSE = "release", "serving", "refuse"

# how it goes out
CANARY, AT_ONCE = "canary", "at_once"

# how it ends
RELEASED, FAILED, REFUSED, SUPERSEDED = "released", "failed", "refused", "superseded"

# the parameters of the Endpoint stack
MODEL_PACKAGE_ARN, RELEASE, ROLLOUT = "ModelPackageArn", "Release", "Rollout"
