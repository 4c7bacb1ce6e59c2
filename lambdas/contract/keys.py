"""Where everything lies in the four buckets: keys, and the prefixes that grants are made of."""

from __future__ import annotations

from hashlib import blake2b

# raw
INCOMING = "incoming/"

# curated
SOURCES = "sources/"  # a record of every refined source
WORK = "work/"  # what workers hand to each other; goes after the retention
REVIEWS = "reviews/"
REJECTED = "rejected/"
DATASETS = "datasets/"
PREDICT = "predict/"  # raw files for batch jobs to answer
PREDICTIONS = "predictions/"  # their answers here; what the API predicted in `observations`

# models
RUNS = "runs/"
EVALUATION = "evaluation"  # the folder of a run into which Evaluate writes
TRACKING = "tracking"  # and Track
SIGNED = "signed/model.tar.gz"  # of a run that passed its gate: the model with its signature
PROMOTED = f"{RUNS}promoted/"  # the runs of packages that were another account's
NO_CHAMPION = "champion-none/"  # stands for the missing champion
RELEASES = "releases/"
DECISION = f"{RELEASES}decision.json"  # the last of a person, until a machine takes its place

# observations, with PREDICTIONS
FEEDBACK = "feedback/"
MONITORING = "monitoring/"
MONITOR_STATE = f"{MONITORING}state.json"
FAILED = "failed/"  # what a stream could not deliver

# What Evaluate leaves in its folder, and others look for.
EVALUATION_FILE = "evaluation.json"
REPORT = "report.html"
CARD = "model_card.json"
CARD_PAGE = "model_card.md"
BASELINE = "baseline/"
TRACKING_FILE = "tracking.json"
DRIFT_FILE = "drift.json"  # of each drift check, below MONITORING
DATASET_FILE = "dataset.json"
MANIFEST_FILE = "manifest.json"
PROMOTION_FILE = "promotion.json"  # of a run under PROMOTED: whence, by whom, with which digests
CARDS = f"{RUNS}*/{EVALUATION}/{CARD}"  # of every run, as grants say it
SIGNED_MODELS = f"{RUNS}*/{SIGNED}"
EVALUATIONS = f"{RUNS}*/{EVALUATION}/{EVALUATION_FILE}"
TRACKED = f"{RUNS}*/{TRACKING}/{TRACKING_FILE}"


def source_hash(key: str) -> str:
    """16 hex digits that stand for a raw object's key, whatever its version.

    They begin the names of its folders under REVIEWS, REJECTED and WORK, before a `-`.
    """
    return blake2b(key.encode(), digest_size=8).hexdigest()


def source_records(key: str) -> str:
    """The prefix of what is known of all versions of a raw object."""
    return f"{SOURCES}{source_hash(key)}/"


def anything(prefix: str) -> str:
    """Every key under a prefix, as grants and conditions of policies say it."""
    return f"{prefix}*"


def dataset(id: str) -> str:
    """The record of a dataset, written last: it makes the dataset be there."""
    return f"{DATASETS}{id}/{DATASET_FILE}"


def manifest(id: str) -> str:
    """The Parquet objects of a dataset, in SageMaker's form."""
    return f"{DATASETS}{id}/{MANIFEST_FILE}"


def dataset_id(key: str) -> str | None:
    """The id of the dataset whose record a key is; None for any other key."""
    head, _, id_and_file = key.partition(DATASETS)
    id, _, file = id_and_file.partition("/")
    return id if not head and file == DATASET_FILE else None


def tracked(execution_id: str) -> str:
    """What became of sending a run to MLflow, by the id of the pipeline's execution."""
    return f"{RUNS}{execution_id}/{TRACKING}/{TRACKING_FILE}"


def release(name: str) -> str:
    """The record of one release."""
    return f"{RELEASES}{name}.json"
