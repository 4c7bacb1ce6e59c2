"""A package in the registry: the keys of its metadata, and SageMaker's words for its approval.

The first keys are those of `Provenance`, which a model carries inside itself too.
"""

from __future__ import annotations

# metadata that Register writes
DATASET_ID = "dataset_id"
DATASET_MANIFEST_URI = "dataset_manifest_uri"
DATASET_VERSION_ID = "dataset_version_id"
DATASET_SHA256 = "dataset_sha256"
TEXT_RULES = "text_rules"
IMAGE_URI = "image_uri"
RUN_PREFIX = "run_prefix"
EVALUATION_PREFIX = "evaluation_prefix"
SIGNING_KEY = "signing_key"  # the fingerprint of the key that signed the model
# what the job itself found that it runs, and pointers: added by conclude
GIT_COMMIT = "git_commit"
CONFIGURATION_DIGEST = "configuration_digest"
PROGRAM_DIGEST = "program_digest"
UNKNOWN = "unknown"  # what no job recorded
EVALUATION_URI = "evaluation_uri"
REPORT_URI = "report_uri"
MODEL_CARD_URI = "model_card_uri"
BASELINE_URI = "baseline_uri"
# of a package that was promoted: the one of another account, and the sha256 of its model.tar.gz
PROMOTED_FROM = "promoted_from"
ARTEFACT_SHA256 = "artefact_sha256"

# SageMaker's own words for its approval and its status
APPROVED = "Approved"
PENDING = "PendingManualApproval"
COMPLETED = "Completed"
