"""What a model is made from: rows and the ways to fit to them, in memory or from a stream.

`train` reads the same in both forms; the form is chosen here, by what the rows would take.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from training.config import Balance, ModelConfig, Space
from training.data import dataset, parquet_footer
from training.data.dataset import Rows
from training.errors import TrainingError
from training.features.tokens import FloatArray
from training.features.views import FOUR
from training.fit import multinomial, ordinal, row_counts
from training.fit.balance import row_weights
from training.fit.ordinal import Examples, Fitted
from training.fit.row_counts import Census
from training.fit.vocabulary import Vocabulary, build
from training.model.artefact import Parts
from training.model.topics import fit_projection
from training.progress import Progress

GIGABYTE = 1e9
# What training in memory held at most above 0.35 GB, of 10,000, 40,000 and 100,000 reviews:
# 13 to 15 times their words.
BYTES_A_BYTE = 15.0
BYTES_A_ROW = 500.0  # strings and columns of a row without words


@dataclass(frozen=True)
class Material:
    """sample: rows whose out-of-fold answers choose the rule. hold_out: for baseline and golden.

    weigh: weights of the sample's rows. fit: heads and nets. parts: what a fit computes with.
    """

    form: str
    census: Census
    sample: Rows
    hold_out: Rows
    weigh: Callable[[Balance], FloatArray]
    fit: Callable[[Balance], Fitted]
    parts: Callable[[Fitted], Parts]


@contextmanager
def gathered(data: Path, config: ModelConfig, progress: Progress) -> Iterator[Material]:
    """What there is to learn from, in the form that suits it.

    Raises TrainingError where no model can come of it, or where it is too much for its family.
    """
    bytes_needed = estimate_bytes(data)
    needed = f"the rows would take about {bytes_needed / GIGABYTE:.1f} GB in memory"
    limit = config.streaming.memory_gigabytes
    too_much = bytes_needed > limit * GIGABYTE
    if config.form == "memory" or (config.form == "auto" and not too_much):
        progress.say(f"{needed}: learning in memory" + _asked(config))
        yield in_memory(data, config, progress)
        return
    if config.family == "plain":
        raise TrainingError(f"{needed}: the plain family cannot stream; use views")
    from training.fit import streaming

    more = f", more than {limit:g}" if too_much else ""
    progress.say(f"{needed}{more}: streaming, hashed n-grams" + _asked(config))
    with streaming.gathered(data, config, progress) as material:
        yield material


def _asked(config: ModelConfig) -> str:
    return "" if config.form == "auto" else " (as asked)"


def estimate_bytes(data: Path) -> float:
    """What training in memory would take, from the footers of the Parquet files alone."""
    footers = [parquet_footer.read(path) for path in dataset.files(data)]
    words = sum(f.column_bytes.get(name, 0) for f in footers for name in ("title", "text"))
    return BYTES_A_BYTE * words + BYTES_A_ROW * sum(f.rows for f in footers)


def in_memory(data: Path, config: ModelConfig, progress: Progress) -> Material:
    """Every row at once, over the n-grams that occur often enough."""
    rows = dataset.read(data)
    counted = row_counts.take([rows], config)
    row_counts.check(counted, config)
    training, hold_out = row_counts.learned(rows, config), rows.take(rows.held_out)
    progress.say(
        f"{len(rows):,} reviews: {len(training):,} to learn from, {len(hold_out):,} held out"
    )
    vocabulary = build(training, _spaces(config), config.views.edge_tokens)
    progress.say(f"vocabulary: {len(vocabulary.ngrams):,} n-grams")

    def weigh(balance: Balance) -> FloatArray:
        return row_weights(training.rating, training.review_key, balance)

    def fit(balance: Balance) -> Fitted:
        folds = training.folds(config.folds)
        fit_family = multinomial.fit if config.family == "plain" else ordinal.fit
        return fit_family(
            vocabulary, Examples(training.rating, folds, weigh(balance)), config, progress
        )

    def parts(fitted: Fitted) -> Parts:
        return _parts(vocabulary, fitted, config)

    return Material("memory", counted, training, hold_out, weigh, fit, parts)


def _spaces(config: ModelConfig) -> dict[str, Space]:
    if config.family == "plain":
        return {multinomial.VIEW: config.plain.space}
    return {view: getattr(config.views.spaces, view) for view in FOUR}


def _parts(vocabulary: Vocabulary, fitted: Fitted, config: ModelConfig) -> Parts:
    main = next(iter(vocabulary.chosen))
    projection = fit_projection(
        vocabulary.matrices[main], vocabulary.chosen[main], config.topics, config.seed
    )
    return Parts(
        vocabulary.ngrams, 0, fitted.heads, fitted.stack, projection, config.views.edge_tokens
    )
