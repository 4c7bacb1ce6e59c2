"""The folder that is a model: written whole by `train`, changed by nobody, checked when read.

model.json       what it is, how it was made, and the digest of every other file
vocabulary.txt   its n-grams, one a line, the commonest first
weights.npz      every array, float32 (topics: float16), no pickle
golden.jsonl     questions with their answers, asked after each release
training.json    out-of-fold metrics
baseline/        what normal looked like on the hold-out
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from monitoring.arrays import read_npz, write_npz
from reviews.digest import MODEL_FORMAT, digest_manifest
from reviews.golden import GOLDEN_FILE
from training.errors import ArtefactError, ConfigurationError
from training.features.tokens import COUNTS, TOKEN_RULES, FloatArray, keys_of
from training.features.verified import VERIFIED
from training.features.views import BOTH, VIEWS, HashBuckets, Lookup, Table
from training.model.decision import DecisionRule, star_shares
from training.model.scorer import Classifiers, Float32Array, Net, Scorer, Stack
from training.model.topics import Projection

FILES = (
    "vocabulary.txt",
    "weights.npz",
    GOLDEN_FILE,
    "training.json",
    "baseline/baseline.json",
    "baseline/baseline.npz",
)
MEGABYTE = 1 << 20
MIN_HASH_BITS, MAX_HASH_BITS = 10, 22  # the scorer has 80 bytes for each of 2 ** bits
MAX_BYTES = 256 * MEGABYTE  # of one file: nothing larger is even opened
MAX_EDGE_TOKENS, MAX_NETS = 10_000, 64
NET = ("inner", "inner_bias", "outer", "outer_bias")

Array = NDArray[Any]
Count = Annotated[int, Meta(ge=0)]


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the folder as it was written."""

    bytes: int
    sha256: str


class RowSummary(msgspec.Struct, frozen=True):
    """Rows that a model comes from, each review once. training_by_star: from one star to five."""

    read: Count
    training: Count
    hold_out: Count
    training_by_star: tuple[Count, Count, Count, Count, Count]
    languages: dict[str, Count]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """model.json. mode: `memory` or `streaming`, how it was trained.

    hash_bits: 0 for a vocabulary, else of hashed n-grams. sha256: of all the rest.
    """

    format: str
    version: str
    family: str
    mode: str
    detector: str  # of languages
    languages: tuple[str, ...]
    decision_rule: DecisionRule
    text_rules: str
    token_rules: str
    views: tuple[str, ...]
    views_left_out: tuple[str, ...]  # for want of n-grams
    edge_tokens: int
    hash_bits: int
    ngrams: int
    nets: int
    clip: float
    reads_verified: bool  # some training rows said whether the purchase was verified
    rows: RowSummary
    provenance: dict[str, str]
    configuration: dict[str, Any]
    files: dict[str, File]
    sha256: str


@dataclass(frozen=True)
class ModelParts:
    """What a model computes with.

    ngrams is empty where they are hashed into 2 ** hash_bits buckets; seen_buckets: then a bit
    for each bucket, see `views.HashBuckets`. base_rates: (5,) see `scorer.Scorer`.
    """

    ngrams: list[str]
    hash_bits: int
    classifiers: dict[str, Classifiers]
    stack: Stack | None
    projection: Projection
    edge_tokens: int
    base_rates: FloatArray
    seen_buckets: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    reads_verified: bool = False
    verified_weights: Float32Array | None = None

    def scorer(self) -> Scorer:
        """The arithmetic of these parts. Raises ArtefactError for a vocabulary that is unsound."""
        size = 1 << self.hash_bits if self.hash_bits else len(self.ngrams)
        return Scorer(
            self.lookup(),
            size,
            self.classifiers,
            self.stack,
            self.edge_tokens,
            self.base_rates,
            self.reads_verified,
            self.verified_weights,
        )

    def lookup(self) -> Lookup:
        """From hashes to the numbers that these parts weigh."""
        if self.hash_bits:
            return HashBuckets(self.hash_bits, self.seen_buckets)
        try:
            return Table(keys_of(self.ngrams))
        except ValueError as error:
            raise ArtefactError(f"vocabulary.txt: {error}") from error


def write_parts(folder: Path, parts: ModelParts) -> None:
    """Write vocabulary and arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{ngram}\n" for ngram in parts.ngrams)
    (folder / "vocabulary.txt").write_bytes(lines.encode())
    write_npz(folder / "weights.npz", _arrays(parts))


def write_manifest(folder: Path, about: Mapping[str, Any], max_megabytes: float) -> None:
    """Write model.json, with the digests of what stands in the folder.

    Raises ArtefactError where the folder is larger than it may be.
    """
    files = {name: _describe(folder / name) for name in FILES}
    size = sum(file.bytes for file in files.values())
    if size > max_megabytes * MEGABYTE:
        raise ArtefactError(
            f"the model has {size / MEGABYTE:.1f} MB, more than {max_megabytes:g}: "
            "lower max_bigrams or topics.ngrams"
        )
    together = "".join(files[name].sha256 for name in FILES)
    version = hashlib.sha256(together.encode()).hexdigest()[:12]
    content = {
        "format": MODEL_FORMAT,
        "version": version,
        "token_rules": TOKEN_RULES,
        **about,
        "files": files,
    }
    content["sha256"] = digest_manifest(content)
    text = msgspec.json.format(msgspec.json.encode(content), indent=1)
    (folder / "model.json").write_bytes(text + b"\n")


def read_manifest(folder: Path, text_rules: str) -> Manifest:
    """Read model.json and check every file against it. Raises ArtefactError."""
    try:
        content = msgspec.json.decode((folder / "model.json").read_bytes(), type=dict[str, Any])
        _check_versions(content, text_rules)  # before all else: another version has other fields
        manifest = msgspec.convert(content, Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ConfigurationError) as error:
        raise ArtefactError(f"model.json cannot be read: {type(error).__name__}") from error
    _check_manifest(manifest)
    if digest_manifest(content) != manifest.sha256:
        raise ArtefactError("model.json is not as it was written")
    for name in FILES:
        path = folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise ArtefactError(f"{name} is missing, or no plain file of a model's size")
        if _describe(path) != manifest.files[name]:
            raise ArtefactError(f"{name} is not the file that model.json was written with")
    return manifest


def _check_versions(content: Mapping[str, Any], text_rules: str) -> None:
    asked = {"format": MODEL_FORMAT, "text_rules": text_rules, "token_rules": TOKEN_RULES}
    for name, needed in asked.items():
        if (found := content.get(name)) != needed:
            raise ArtefactError(f"the model's {name} is {found!r}, this program reads {needed!r}")


def _check_manifest(manifest: Manifest) -> None:
    """Whether this program can compute with what a manifest says, whoever wrote it."""
    of_family = tuple(view for view in VIEWS if view in manifest.views)
    if manifest.views != BOTH and (not manifest.views or manifest.views != of_family):
        raise ArtefactError("model.json names views that no model has")
    if set(manifest.files) != set(FILES):
        raise ArtefactError("model.json does not list the files of a model")
    if not manifest.languages:
        raise ArtefactError("model.json names no language")
    if not (1 <= manifest.edge_tokens <= MAX_EDGE_TOKENS and 0 <= manifest.nets <= MAX_NETS):
        raise ArtefactError("model.json has edge_tokens or nets that no model has")
    if manifest.nets and not 0 < manifest.clip < math.inf:
        raise ArtefactError("model.json has a clip that no model has")
    prior = manifest.decision_rule.prior
    if manifest.decision_rule.name == "prior" and (
        len(prior) != 5 or not all(0 < p <= 1 for p in prior)
    ):
        raise ArtefactError("model.json has a decision rule without the share of each star")


def read_parts(folder: Path, manifest: Manifest) -> ModelParts:
    """Read vocabulary and arrays, and check that they fit together. Raises ArtefactError."""
    ngrams, arrays = _read_files(folder)
    if len(ngrams) != manifest.ngrams or bool(ngrams) == bool(manifest.hash_bits):
        raise ArtefactError(f"vocabulary.txt has {len(ngrams)} n-grams, not {manifest.ngrams}")
    if manifest.hash_bits and not MIN_HASH_BITS <= manifest.hash_bits <= MAX_HASH_BITS:
        raise ArtefactError(f"model.json says {manifest.hash_bits} hash_bits: no model has so many")
    size = 1 << manifest.hash_bits if manifest.hash_bits else len(ngrams)
    box = _Box(arrays)
    seen_buckets = np.zeros(0, np.uint8)
    if manifest.hash_bits:
        seen_buckets = box.take("seen_buckets", np.uint8, 1)
        if len(seen_buckets) * 8 != size:
            raise ArtefactError("weights.npz: the seen buckets do not match hash_bits")
    classifiers = {view: _classifiers(box, view, size) for view in manifest.views}
    width = len(next(iter(classifiers.values())).bias)
    if any(len(c.bias) != width for c in classifiers.values()) or (
        not manifest.nets and width != 5
    ):
        raise ArtefactError("the classifiers of the views do not fit together")
    stack = _stack(box, manifest) if manifest.nets else None
    extra = len(COUNTS) + (len(VERIFIED) if manifest.reads_verified else 0)
    if stack is not None and len(stack.mean) != width * len(classifiers) + extra:
        raise ArtefactError("the nets do not fit the classifiers")
    projection = Projection(
        box.take("topics.ngrams", np.int32, 1),
        box.take("topics.weights", np.float16, 2).astype(np.float32),
    )
    if len(projection.ngrams) != len(projection.weights) or not _are_within(
        projection.ngrams, size
    ):
        raise ArtefactError("the topics do not match the vocabulary")
    verified_weights = _verified_weights(box, manifest)
    if box.arrays:
        raise ArtefactError("weights.npz holds arrays that no model has")
    return ModelParts(
        ngrams,
        manifest.hash_bits,
        classifiers,
        stack,
        projection,
        manifest.edge_tokens,
        star_shares(manifest.rows.training_by_star),
        seen_buckets,
        manifest.reads_verified,
        verified_weights,
    )


def _read_files(folder: Path) -> tuple[list[str], dict[str, Array]]:
    """-> (n-grams, arrays by name)."""
    try:
        ngrams = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
        with ZipFile(folder / "weights.npz") as archive:
            if any(entry.compress_type != ZIP_STORED for entry in archive.infolist()):
                raise ArtefactError("weights.npz is compressed: a model's never is")
        arrays = read_npz(folder / "weights.npz")
    except (OSError, ValueError, KeyError, BadZipFile, MemoryError) as error:
        raise ArtefactError(f"the weights cannot be read: {type(error).__name__}") from error
    return ngrams, arrays


class _Box:
    """Arrays by name, each taken once, with the dtype and number of axes that it must have."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays

    def take(self, name: str, dtype: type[np.generic], axes: int) -> Array:
        array = self.arrays.pop(name, None)
        if array is None or array.dtype != dtype or array.ndim != axes:
            raise ArtefactError(f"weights.npz: {name} is missing, or not as a model's must be")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ArtefactError(f"weights.npz: {name} holds a value that is not finite")
        return array


def _classifiers(box: _Box, view: str, size: int) -> Classifiers:
    ngrams = box.take(f"{view}.ngrams", np.int32, 1)
    classifiers = Classifiers(
        ngrams,
        box.take(f"{view}.idf", np.float32, 1),
        box.take(f"{view}.weights", np.float32, 2),
        box.take(f"{view}.bias", np.float32, 1),
    )
    fits = (
        classifiers.idf.shape == ngrams.shape
        and classifiers.weights.shape == (len(ngrams), len(classifiers.bias))
        and _are_within(ngrams, size)
    )
    if not fits:
        raise ArtefactError(f"the weights of {view} do not match the vocabulary")
    return classifiers


def _are_within(ngrams: Array, size: int) -> bool:
    """Whether places ascend and lie in a vocabulary of that size."""
    ascend = bool((np.diff(ngrams) > 0).all())
    return ascend and (len(ngrams) == 0 or (ngrams[0] >= 0 and ngrams[-1] < size))


def _stack(box: _Box, manifest: Manifest) -> Stack:
    mean = box.take("stack.mean", np.float32, 1)
    scale = box.take("stack.scale", np.float32, 1)
    nets = []
    for i in range(manifest.nets):
        arrays = [box.take(f"net{i}.{n}", np.float32, 1 if "bias" in n else 2) for n in NET]
        net = Net(*arrays)
        hidden = len(net.inner_bias)
        if net.inner.shape != (len(mean), hidden) or net.outer.shape != (hidden, 5):
            raise ArtefactError(f"weights.npz: net {i} does not fit its inputs")
        nets.append(net)
    if scale.shape != mean.shape or not (scale > 0).all():
        raise ArtefactError("weights.npz: the scale of the nets' inputs is unsound")
    return Stack(mean, scale, manifest.clip, tuple(nets))


def _verified_weights(box: _Box, manifest: Manifest) -> Float32Array | None:
    """(2, 5) of the flags, where no net reads them."""
    if not manifest.reads_verified or manifest.nets:
        return None
    weights: Float32Array = box.take("verified_weights", np.float32, 2)
    if weights.shape != (len(VERIFIED), 5):
        raise ArtefactError("weights.npz: the weights of verified_purchase are no two rows of 5")
    return weights


def _arrays(parts: ModelParts) -> dict[str, Array]:
    arrays: dict[str, Array] = {
        "topics.ngrams": parts.projection.ngrams,
        "topics.weights": parts.projection.weights.astype(np.float16),
    }
    for view, classifiers in parts.classifiers.items():
        for name in ("ngrams", "idf", "weights", "bias"):
            arrays[f"{view}.{name}"] = getattr(classifiers, name)
    if parts.hash_bits:
        arrays["seen_buckets"] = parts.seen_buckets
    if parts.verified_weights is not None:
        arrays["verified_weights"] = parts.verified_weights
    if parts.stack is not None:
        arrays |= {"stack.mean": parts.stack.mean, "stack.scale": parts.stack.scale}
        for i, net in enumerate(parts.stack.nets):
            arrays |= {f"net{i}.{name}": getattr(net, name) for name in NET}
    return arrays


def _describe(path: Path) -> File:
    with path.open("rb") as file:
        return File(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
