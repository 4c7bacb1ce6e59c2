"""The training pipeline: the parameters of a run, and the step that others look for."""

from __future__ import annotations

DATASET_MANIFEST_URI = "DatasetManifestUri"
DATASET_ID = "DatasetId"
DATASET_VERSION_ID = "DatasetVersionId"
DATASET_SHA256 = "DatasetSha256"
TEXT_RULES = "TextRules"
CHAMPION_MODEL_URI = "ChampionModelUri"
CONFIGURATION_DIGEST = "ConfigurationDigest"
GIT_COMMIT = "GitCommit"
PROGRAM_DIGEST = "ProgramDigest"
TRACKING_URI = "TrackingUri"  # where a stage has an MLflow app of its own
MODEL_APPROVAL_STATUS = "ModelApprovalStatus"  # the stage's own, but for a run without champion

# What every run of the Learn machine sends.
SENT = (
    DATASET_MANIFEST_URI,
    DATASET_ID,
    DATASET_VERSION_ID,
    DATASET_SHA256,
    TEXT_RULES,
    CHAMPION_MODEL_URI,
    CONFIGURATION_DIGEST,
    GIT_COMMIT,
    PROGRAM_DIGEST,
)

NO_TRACKING = "none"  # a tracking address: there is no app, or not yet
TRACK = "Track"  # the step that sends a run to MLflow
SIGN = "Sign"  # the step between the gate and Register, and what it answers
SIGNED_MODEL_URI, SIGNING_KEY = "model_uri", "signing_key"
REFUSED = "Refused"  # the step that ends a run whose gate refused
