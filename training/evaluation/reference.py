"""The same model said slowly: scikit-learn over strings, one sentence a line.

Shares no arithmetic with `training.model.scorer`: tokens come from the pattern, counts and TF-IDF
from scikit-learn; where n-grams are hashed, only their hash. Evaluate and a test hold the two
equal.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from training.features.tokens import COUNTS, LETTER, FloatArray, keys_of, plain_tokens
from training.features.views import SHORT_TOKENS
from training.model.artefact import ModelParts
from training.model.scorer import Classifiers, Stack

MIN_TOKENS = 3  # a first or last sentence reaches past a stop that comes earlier
CAPITALS = re.compile(r"[A-Z]{3,}")
WORD = re.compile(rf"{LETTER}.*|[-:;=()/|]{{2,}}")  # a token that is one, or an emoticon


def probabilities(
    parts: ModelParts,
    titles: Sequence[str],
    texts: Sequence[str],
    verified: Sequence[int] | None = None,
) -> FloatArray:
    """(n, 5) P(1..5) of cleaned reviews. verified: 1, 0, -1 (not said)."""
    words = [(plain_tokens(a), plain_tokens(b)) for a, b in zip(titles, texts, strict=True)]
    scores = [
        _scores(parts, classifiers, [_view(name, a, b, parts) for a, b in words])
        for name, classifiers in parts.classifiers.items()
    ]
    counts = np.array([_counts(a, b) for a, b in zip(titles, texts, strict=True)])
    said = [-1] * len(titles) if verified is None else verified
    flags = np.array([[float(v == 1), float(v == 0)] for v in said])
    if parts.reads_verified and parts.stack is not None:
        counts = np.hstack([counts, flags])
    logits = scores[0] if parts.stack is None else _stack(parts.stack, np.hstack([*scores, counts]))
    if parts.verified_weights is not None:
        logits = logits + flags @ parts.verified_weights
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    p: FloatArray = shares / shares.sum(axis=1, keepdims=True)
    knows = _knows(parts)
    unknown = [not any(knows(token) for token in (*a, *b)) for a, b in words]
    p[unknown] = parts.base_rates
    return p


def _knows(parts: ModelParts) -> Callable[[str], bool]:
    """Whether a token is a word, emoji or emoticon that the model has learned."""
    lookup, ngrams = parts.lookup(), set(parts.ngrams)

    def knows(token: str) -> bool:
        is_learned = token in ngrams
        if parts.hash_bits:
            is_learned = not lookup.unknown(lookup.find(keys_of([token])))[0]
        return is_learned and WORD.fullmatch(token) is not None

    return knows


def _view(name: str, title: list[str], text: list[str], parts: ModelParts) -> list[list[str]]:
    """The stretches of a review that a view reads; no n-gram crosses from one to the next."""
    most = min(parts.edge_tokens, len(text))
    stops = [i for i, token in enumerate(text) if token[0] in "!?."]
    if name == "both":
        return [title, text]
    if name == "short":
        fields = {"title": title, "text": text}
        stretches = [tokens for field, tokens in fields.items() if field in parts.classifiers]
        return stretches if sum(map(len, stretches)) <= SHORT_TOKENS else []
    if name == "title":
        return [title]
    if name == "first":
        end = next((i + 1 for i in stops if i >= MIN_TOKENS), len(text))
        return [text[: min(end, most)]]
    if name == "last":
        begin = max((i + 1 for i in stops if i <= len(text) - MIN_TOKENS - 2), default=0)
        return [text[max(begin, len(text) - most) :]]
    return [text]


def _scores(
    parts: ModelParts, classifiers: Classifiers, documents: list[list[list[str]]]
) -> FloatArray:
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    lookup = parts.lookup()

    def ngrams(stretches: list[list[str]]) -> Sequence[str | int]:
        pairs = [f"{a} {b}" for s in stretches for a, b in pairwise(s)]
        found = [token for s in stretches for token in s] + pairs
        return lookup.find(keys_of(found)).tolist() if parts.hash_bits else found

    names: Sequence[str | int] = range(1 << parts.hash_bits) if parts.hash_bits else parts.ngrams
    vocabulary = {names[number]: i for i, number in enumerate(classifiers.ngrams.tolist())}
    counts = CountVectorizer(analyzer=ngrams, vocabulary=vocabulary).transform(documents)
    weighting = TfidfTransformer(sublinear_tf=True)
    weighting.idf_ = classifiers.idf.astype(np.float64)
    features = weighting.transform(counts.astype(np.float64))
    scores: FloatArray = features @ classifiers.weights.astype(np.float64)
    has_ngrams = np.diff(features.indptr) > 0  # (n,)
    scores += np.where(has_ngrams[:, None] | (parts.stack is None), classifiers.bias, 0)
    return scores


def _counts(title: str, text: str) -> list[float]:
    found = {
        "text_length": len(text),
        "title_length": len(title),
        "text_exclamations": text.count("!"),
        "title_exclamations": title.count("!"),
        "questions": title.count("?") + text.count("?"),
        "capital_words": len(CAPITALS.findall(title)) + len(CAPITALS.findall(text)),
        "ellipses": title.count("...") + text.count("..."),
    }
    logs = {name: float(np.log1p(value)) for name, value in found.items()}
    logs["title_in_capitals"] = float(title.isupper())
    return [logs[name] for name in COUNTS]


def _stack(stack: Stack, inputs: FloatArray) -> FloatArray:
    x = np.clip((inputs - stack.mean) / stack.scale, -stack.clip, stack.clip)
    logits = [
        np.maximum(x @ net.inner + net.inner_bias, 0) @ net.outer + net.outer_bias
        for net in stack.nets
    ]
    mean: FloatArray = np.mean(logits, axis=0)
    return mean
