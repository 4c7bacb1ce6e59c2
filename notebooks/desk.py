"""What the three notebooks begin with: raw reviews, their curated rows, and one look for plots.

DATA, in the environment, names files of one's own; without it there is the synthetic sample.
"""

import os
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from IPython import get_ipython
from matplotlib_inline.backend_inline import set_matplotlib_formats

ROOT = Path(__file__).resolve().parent.parent
os.chdir(ROOT)  # Jupyter starts in the notebook's folder; paths and the rooms are seen from here
sys.path.insert(0, str(ROOT))

from operate import source  # noqa: E402
from reviews import schema  # noqa: E402
from reviews.files import RefineOutcome, refine_files  # noqa: E402
from reviews.refine import Options  # noqa: E402
from reviews.synthetic import write_sample  # noqa: E402
from training.data.parquet import read_batches  # noqa: E402

WORK = ROOT / ".local/notebooks"
SAMPLE_ROWS, SAMPLE_SEED = 10_000, 7
OPTIONAL = ("asin", "parent_asin", "timestamp", "user_id")  # dropped by default: for people only
BLUE, GREY, RED, GREEN = "#2f6fde", "#aab4c5", "#c9372c", "#22884f"
STARS = ["1", "2", "3", "4", "5"]


def raw_files() -> list[Path]:
    """The files that DATA names, taken as `make run` does, else the sample."""
    WORK.mkdir(parents=True, exist_ok=True)
    if data := os.environ.get("DATA"):
        return [source.as_lines(path, WORK, print) for path in source.check_all(data)]
    sample = WORK / "sample.jsonl"
    write_sample(sample, rows=SAMPLE_ROWS, seed=SAMPLE_SEED)  # anew: what makes it changes
    return [sample]


def refine(*, whole: bool = False) -> tuple[Path, RefineOutcome]:
    """Curated rows as Parquet below a folder, and what became of every line.

    whole: with the columns that no model may see.
    """
    out = WORK / ("whole" if whole else "curated")
    options = Options(keep_columns=OPTIONAL if whole else ())
    return out / "reviews", refine_files(raw_files(), out, options=options)


def table(folder: Path) -> pd.DataFrame:
    """All curated rows of a folder, in the order of their keys."""
    names = [item.name for item in schema.columns(OPTIONAL)]
    frames = []
    for file in sorted(folder.rglob("*.parquet")):
        for batch in read_batches(file, 8192):
            here = [name for name in names if name in batch.schema.names]
            frames.append(pd.DataFrame({name: batch.column(name).to_pylist() for name in here}))
    return pd.concat(frames).sort_values("review_key", ignore_index=True)


def style() -> None:
    """Plots as SVG whose bytes depend on nothing but what they show."""
    # Tables without a <style>, which GitHub would show as text, and without a class: the site
    # styles only those that have none.
    html = get_ipython().display_formatter.formatters["text/html"]
    html.for_type(pd.DataFrame, lambda f: f.to_html(border=0).replace(' class="dataframe"', "", 1))
    set_matplotlib_formats("svg", metadata={"Date": None}, bbox_inches="tight")
    mpl.rcParams |= {
        "figure.figsize": (7.2, 3.0),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.prop_cycle": mpl.cycler(color=[BLUE, RED, GREEN, GREY]),
        "font.size": 9,
        "legend.frameon": False,
        "svg.hashsalt": "review stars",
    }


def bars(axes: Any, labels: Any, values: Any, title: str, color: str = BLUE) -> None:
    """Bars with their values over them, as shares."""
    drawn = axes.bar([str(label) for label in labels], values, color=color)
    axes.bar_label(drawn, [f"{value:.1%}" for value in values], fontsize=8, padding=2)
    axes.yaxis.set_visible(False)
    axes.spines["left"].set_visible(False)
    axes.set_title(title)


def row(count: int, *, height: float = 3.0, width: float = 9.6) -> Any:
    """So many axes side by side."""
    return plt.subplots(1, count, figsize=(width, height), layout="constrained")[1]
