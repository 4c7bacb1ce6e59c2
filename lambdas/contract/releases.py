"""A release: what validate decides, how it goes out, how it ends, and what the stack is given."""

from __future__ import annotations

# what validate decides
GO, SERVING, REFUSE = "release", "serving", "refuse"

# how it goes out
CANARY, AT_ONCE = "canary", "at_once"

# how it ends
RELEASED, FAILED, REFUSED, SUPERSEDED = "released", "failed", "refused", "superseded"

ASKED, ASLEEP = "asked", "asleep"  # of a person's decision: it starts one, it ends all

# what a person decides; each command of `operate` is one
PUT, BACK, SLEEP, WAKE = "release", "rollback", "sleep", "wake"

# the parameters of the Endpoint stack
MODEL_PACKAGE_ARN, RELEASE, ROLLOUT = "ModelPackageArn", "Release", "Rollout"
# ... the public keys by which the server knows its model (DER, base64, commas between them)
SIGNING_KEYS = "SigningKeys"
# ... and the one that a release never changes: whether instances follow the load, where they may
SCALING, ON, OFF = "Scaling", "on", "off"
KEPT = (RELEASE, ROLLOUT, SIGNING_KEYS, SCALING)  # by what takes the model alone away
