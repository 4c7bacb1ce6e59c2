"""The folder that is a model: written whole by `train`, changed by nobody, checked when read.

model.json       what it is, how it was made, and the digest of every other file
vocabulary.txt   its n-grams, one a line, the commonest first
weights.npz      every array, float32 (topics: float16), no pickle
golden.jsonl     questions with their answers, asked after each release
training.json    figures of the folds
baseline/        what normal looked like on the hold-out
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitoring.arrays import read_npz, write_npz
from reviews.language import DEFAULT
from training.errors import ArtefactError, ConfigurationError
from training.features.tokens import TOKEN_RULES, keys_of
from training.features.views import FOUR, Lookup, Slots, Table
from training.model.decision import Rule
from training.model.scorer import Heads, Net, Scorer, Stack
from training.model.topics import Projection

FORMAT = "review-stars model 2"  # raised whenever the folder changes
FILES = (
    "vocabulary.txt",
    "weights.npz",
    "golden.jsonl",
    "training.json",
    "baseline/baseline.json",
    "baseline/baseline.npz",
)
MEGABYTE = 1 << 20
LEAST_SLOTS, MOST_SLOTS = 10, 22  # bits; the scorer has 80 bytes for each slot
MOST_BYTES = 256 * MEGABYTE  # of one file: nothing larger is even opened
BOTH = ("both",)
MOST_EDGE_TOKENS, MOST_NETS = 10_000, 64
NET = ("inner", "inner_bias", "outer", "outer_bias")

Array = NDArray[Any]


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the folder as it was written."""

    bytes: int
    sha256: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """model.json. form: `memory` or `streaming`, how it was trained.

    slots: 0 for a vocabulary, else the bits of hashed n-grams. seal: digest of all the rest.
    """

    format: str
    version: str
    family: str
    form: str = "memory"
    detector: str = DEFAULT  # of languages; models that do not say had this one
    languages: tuple[str, ...]
    rule: Rule
    text_rules: str
    token_rules: str
    views: tuple[str, ...]
    edge_tokens: int
    slots: int
    ngrams: int
    nets: int
    clip: float
    rows: dict[str, Any]
    provenance: dict[str, str]
    configuration: dict[str, Any]
    files: dict[str, File]
    seal: str


@dataclass(frozen=True)
class Parts:
    """What a model computes with.

    ngrams is empty where they are hashed into 2 ** slots; known: then a bit for each slot, see
    `views.Slots`.
    """

    ngrams: list[str]
    slots: int
    heads: dict[str, Heads]
    stack: Stack | None
    projection: Projection
    edge_tokens: int
    known: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))

    def scorer(self) -> Scorer:
        """The arithmetic of these parts. Raises ArtefactError for a vocabulary that is unsound."""
        size = 1 << self.slots if self.slots else len(self.ngrams)
        return Scorer(self.lookup(), size, self.heads, self.stack, self.edge_tokens)

    def lookup(self) -> Lookup:
        """From hashes to the numbers that these parts weigh."""
        if self.slots:
            return Slots(self.slots, self.known)
        try:
            return Table(keys_of(self.ngrams))
        except ValueError as error:
            raise ArtefactError(f"vocabulary.txt: {error}") from error


def write_parts(folder: Path, parts: Parts) -> None:
    """Write vocabulary and arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{ngram}\n" for ngram in parts.ngrams)
    (folder / "vocabulary.txt").write_bytes(lines.encode())
    write_npz(folder / "weights.npz", _arrays(parts))


def seal(folder: Path, head: Mapping[str, Any], most_megabytes: float) -> None:
    """Write model.json, with the digests of what stands in the folder.

    Raises ArtefactError where the folder is larger than it may be.
    """
    files = {name: _describe(folder / name) for name in FILES}
    size = sum(file.bytes for file in files.values())
    if size > most_megabytes * MEGABYTE:
        raise ArtefactError(
            f"the model has {size / MEGABYTE:.1f} MB, more than {most_megabytes:g}: "
            "lower max_bigrams or topics.ngrams"
        )
    together = "".join(files[name].sha256 for name in FILES)
    version = hashlib.sha256(together.encode()).hexdigest()[:12]
    content = {
        "format": FORMAT,
        "version": version,
        "token_rules": TOKEN_RULES,
        **head,
        "files": files,
    }
    content["seal"] = _seal(content)
    text = msgspec.json.format(msgspec.json.encode(content), indent=1)
    (folder / "model.json").write_bytes(text + b"\n")


def read_head(folder: Path, text_rules: str) -> Head:
    """Read model.json and check every file against it. Raises ArtefactError."""
    try:
        content = msgspec.json.decode((folder / "model.json").read_bytes(), type=dict[str, Any])
        _check_versions(content, text_rules)  # before all else: another version has other fields
        head = msgspec.convert(content, Head)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ConfigurationError) as error:
        raise ArtefactError(f"model.json cannot be read: {type(error).__name__}") from error
    _check_head(head)
    if _seal(content) != head.seal:
        raise ArtefactError("model.json is not as it was written")
    for name in FILES:
        path = folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise ArtefactError(f"{name} is missing, or no plain file of a model's size")
        if _describe(path) != head.files[name]:
            raise ArtefactError(f"{name} is not the file that model.json was written with")
    return head


def _check_versions(content: Mapping[str, Any], text_rules: str) -> None:
    asked = {"format": FORMAT, "text_rules": text_rules, "token_rules": TOKEN_RULES}
    for name, needed in asked.items():
        if (found := content.get(name)) != needed:
            raise ArtefactError(f"the model's {name} is {found!r}, this program reads {needed!r}")


def _check_head(head: Head) -> None:
    """Whether this program can compute with what a head says, whoever wrote it."""
    if head.views not in (FOUR, BOTH):
        raise ArtefactError("model.json names views that no model has")
    if set(head.files) != set(FILES):
        raise ArtefactError("model.json does not list the files of a model")
    if not head.languages:
        raise ArtefactError("model.json names no language")
    if not (1 <= head.edge_tokens <= MOST_EDGE_TOKENS and 0 <= head.nets <= MOST_NETS):
        raise ArtefactError("model.json has edge_tokens or nets that no model has")
    if head.nets and not 0 < head.clip < math.inf:
        raise ArtefactError("model.json has a clip that no model has")
    prior = head.rule.prior
    if head.rule.name == "prior" and (len(prior) != 5 or not all(0 < p <= 1 for p in prior)):
        raise ArtefactError("model.json has a rule without the share of each star")


def read_parts(folder: Path, head: Head) -> Parts:
    """Read vocabulary and arrays, and check that they fit together. Raises ArtefactError."""
    try:
        ngrams = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
        with ZipFile(folder / "weights.npz") as archive:
            if any(entry.compress_type != ZIP_STORED for entry in archive.infolist()):
                raise ArtefactError("weights.npz is compressed: a model's never is")
        arrays = read_npz(folder / "weights.npz")
    except (OSError, ValueError, KeyError, BadZipFile, MemoryError) as error:
        raise ArtefactError(f"the weights cannot be read: {type(error).__name__}") from error
    if len(ngrams) != head.ngrams or bool(ngrams) == bool(head.slots):
        raise ArtefactError(f"vocabulary.txt has {len(ngrams)} n-grams, not {head.ngrams}")
    if head.slots and not LEAST_SLOTS <= head.slots <= MOST_SLOTS:
        raise ArtefactError(f"model.json says 2 ** {head.slots} slots: no model has so many")
    size = 1 << head.slots if head.slots else len(ngrams)
    box = _Box(arrays)
    known = box.take("slots.known", np.uint8, 1) if head.slots else np.zeros(0, np.uint8)
    if len(known) * 8 != (size if head.slots else 0):
        raise ArtefactError("the known words do not match the slots")
    heads = {view: _heads(box, view, size) for view in head.views}
    width = len(next(iter(heads.values())).bias)
    if any(len(h.bias) != width for h in heads.values()) or (not head.nets and width != 5):
        raise ArtefactError("the heads of the views do not fit together")
    stack = _stack(box, head) if head.nets else None
    if stack is not None and len(stack.mean) <= width * len(heads):
        raise ArtefactError("the nets do not fit the heads")
    projection = Projection(
        box.take("topics.ngrams", np.int32, 1),
        box.take("topics.weights", np.float16, 2).astype(np.float32),
    )
    if len(projection.ngrams) != len(projection.weights) or not _are_within(
        projection.ngrams, size
    ):
        raise ArtefactError("the topics do not match the vocabulary")
    if box.arrays:
        raise ArtefactError("weights.npz holds arrays that no model has")
    return Parts(ngrams, head.slots, heads, stack, projection, head.edge_tokens, known)


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


def _heads(box: _Box, view: str, size: int) -> Heads:
    ngrams = box.take(f"{view}.ngrams", np.int32, 1)
    heads = Heads(
        ngrams,
        box.take(f"{view}.idf", np.float32, 1),
        box.take(f"{view}.weights", np.float32, 2),
        box.take(f"{view}.bias", np.float32, 1),
    )
    fits = (
        heads.idf.shape == ngrams.shape
        and heads.weights.shape == (len(ngrams), len(heads.bias))
        and _are_within(ngrams, size)
    )
    if not fits:
        raise ArtefactError(f"the weights of {view} do not match the vocabulary")
    return heads


def _are_within(ngrams: Array, size: int) -> bool:
    """Whether places ascend and lie in a vocabulary of that size."""
    ascend = bool((np.diff(ngrams) > 0).all())
    return ascend and (len(ngrams) == 0 or (ngrams[0] >= 0 and ngrams[-1] < size))


def _stack(box: _Box, head: Head) -> Stack:
    mean = box.take("stack.mean", np.float32, 1)
    scale = box.take("stack.scale", np.float32, 1)
    nets = []
    for i in range(head.nets):
        arrays = [box.take(f"net{i}.{n}", np.float32, 1 if "bias" in n else 2) for n in NET]
        net = Net(*arrays)
        hidden = len(net.inner_bias)
        if net.inner.shape != (len(mean), hidden) or net.outer.shape != (hidden, 5):
            raise ArtefactError(f"weights.npz: net {i} does not fit its inputs")
        nets.append(net)
    if scale.shape != mean.shape or not (scale > 0).all():
        raise ArtefactError("weights.npz: the scale of the nets' inputs is unsound")
    return Stack(mean, scale, head.clip, tuple(nets))


def _arrays(parts: Parts) -> dict[str, Array]:
    arrays: dict[str, Array] = {
        "topics.ngrams": parts.projection.ngrams,
        "topics.weights": parts.projection.weights.astype(np.float16),
    }
    for view, heads in parts.heads.items():
        for name in ("ngrams", "idf", "weights", "bias"):
            arrays[f"{view}.{name}"] = getattr(heads, name)
    if parts.slots:
        arrays["slots.known"] = parts.known
    if parts.stack is not None:
        arrays |= {"stack.mean": parts.stack.mean, "stack.scale": parts.stack.scale}
        for i, net in enumerate(parts.stack.nets):
            arrays |= {f"net{i}.{name}": getattr(net, name) for name in NET}
    return arrays


def _seal(content: Mapping[str, Any]) -> str:
    """The digest of model.json without its own: an edit by hand is noticed, an evil one is not."""
    rest = {name: value for name, value in content.items() if name != "seal"}
    return hashlib.sha256(msgspec.json.encode(rest)).hexdigest()


def _describe(path: Path) -> File:
    with path.open("rb") as file:
        return File(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
