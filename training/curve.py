"""`python -m training.curve --data DIR --out FILE`: would more rows help?

Trains the same recipe on growing shares of the users and judges each on the whole hold-out, in
about twice the time of one training. `evaluate --curve FILE` shows the answer in its report.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np

from reviews.identity import BUCKETS, HOLD_OUT_BUCKETS
from training import config
from training.config import ModelConfig
from training.data import dataset
from training.evaluation.metrics import HEADLINE, headline
from training.model.star_model import StarModel
from training.progress import TrainingProgress
from training.train import train

SHARES = (0.125, 0.25, 0.5, 1.0)  # of the users that may be learned from


def learning_curve(
    data: Path,
    settings: ModelConfig,
    *,
    shares: Sequence[float] = SHARES,
    progress: TrainingProgress,
) -> dict[str, Any]:
    """Headline figures and training rows of each share, under `points`, in the order given."""
    rows = dataset.read(data, settings.languages, range(HOLD_OUT_BUCKETS))
    points = []
    for share in shares:
        last = HOLD_OUT_BUCKETS + round((BUCKETS - HOLD_OUT_BUCKETS) * share)
        with TemporaryDirectory(prefix="curve-") as place:
            few, model = Path(place) / "data", Path(place) / "model"
            _copy_buckets(data, few, last)
            about = train(few, model, settings, progress=TrainingProgress(quiet=True)).version_info
            judged = StarModel.load(model)
            stars = judged.decide(
                judged.probabilities(rows.title, rows.text, rows.verified_purchase)
            )
        figures = headline(rows.rating, stars)
        point = {"share": share, "rows": about["rows"]["training"]}
        points.append(point | {name: figures[name] for name in HEADLINE})
        progress.log(f"{point['rows']:,} rows: accuracy {figures['accuracy']:.4f}")
    return {"points": points}


def _copy_buckets(data: Path, folder: Path, last: int) -> None:
    """Write the rows of the buckets below `last`, file by file."""
    from arro3.core import RecordBatchReader
    from arro3.io import read_parquet, write_parquet

    folder.mkdir()
    for number, path in enumerate(dataset.files(data)):
        reader = read_parquet(str(path))
        kept = [
            batch.take(np.flatnonzero(batch.column("bucket").to_numpy() < last)) for batch in reader
        ]
        target = folder / f"{number:05d}.parquet"
        few = RecordBatchReader.from_batches(reader.schema, kept)
        metadata = {key.decode(): value.decode() for key, value in reader.schema.metadata.items()}
        write_parquet(few, str(target), key_value_metadata=metadata)


def main() -> None:
    """Write the curve of one dataset as JSON."""
    parser = argparse.ArgumentParser(prog="python -m training.curve", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of curated Parquet")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--config", type=Path, help="another model.yaml")
    options = parser.parse_args()
    curve = learning_curve(options.data, config.load(options.config), progress=TrainingProgress())
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(msgspec.json.format(msgspec.json.encode(curve), indent=1) + b"\n")


if __name__ == "__main__":
    main()
