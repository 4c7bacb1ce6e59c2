"""How often the drift rule rings when nothing changed, and when something did.

python -m bench.drift_power [--observations FILE] [--windows 400] [--rows 2000] [--out FILE]

FILE holds observations of one stream (`python -m training predict --observations`), from which
baselines and windows are drawn without overlap; without it, made-up ones are. A quiet window
must ring in at most 2 % of the cases: 1 % is what the rule is set to, the rest is for chance.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from monitoring import drift
from monitoring.baseline import Baseline
from monitoring.observations import Observations, read_jsonl
from monitoring.settings import DriftSettings
from reviews.verified import NOT_SAID, YES

ROOT = Path(__file__).resolve().parent.parent
BASELINE_ROWS = 20_000
ALLOWED = 0.02


def made_up(rows: int, rng: np.random.Generator) -> Observations:
    """Observations of the shape of real ones: stars that go with topics, skewed shares."""
    stars = rng.choice(5, rows, p=[0.13, 0.07, 0.08, 0.2, 0.52]) + 1
    scale = np.geomspace(0.3, 0.03, 50)
    topics = rng.gamma(0.4, 1.0, (rows, 50)) * scale + np.outer(stars - 3.9, 0.05 * scale)
    return Observations(
        stars=stars.astype(np.int8),
        expected_stars=np.clip(stars + rng.normal(0, 0.3, rows), 1, 5),
        confidence=np.clip(rng.beta(5, 2, rows), 0.2, 1),
        language=rng.choice(["en", "es", "und"], rows, p=[0.985, 0.01, 0.005]),
        supported=np.ones(rows, bool),
        length=(np.exp(rng.normal(5.6, 1.0, rows)) + 3).astype(np.int32),
        oov_share=rng.beta(0.6, 30, rows).astype(np.float32),
        markup=rng.random(rows) < 0.001,
        topics=topics.astype(np.float32),
        verified_purchase=rng.choice([1, 0, -1], rows, p=[0.85, 0.148, 0.002]),
    )


def first(window: Observations, share: float) -> np.ndarray:
    """A mask of the first rows: as good as any, as windows are shuffled."""
    return np.arange(len(window)) < share * len(window)


def one_star(window: Observations, factor: float) -> Observations:
    """So many times as many predictions of one star, taken from five."""
    ones, fives = np.flatnonzero(window.stars == 1), np.flatnonzero(window.stars == 5)
    stars = window.stars.copy()
    stars[fives[: round((factor - 1) * len(ones))]] = 1
    return replace(window, stars=stars)


SHIFTS: dict[str, Callable[[Observations], Observations]] = {
    "nothing": lambda w: w,
    "2 % in another language": lambda w: replace(
        w, language=np.where(first(w, 0.02), "de", w.language)
    ),
    "1 star x 1.25": lambda w: one_star(w, 1.25),
    "1 star x 1.5": lambda w: one_star(w, 1.5),
    "1 % more with markup": lambda w: replace(w, markup=w.markup | first(w, 0.01)),
    "25 % with markup": lambda w: replace(w, markup=w.markup | first(w, 0.25)),
    "10 % of the text halved": lambda w: replace(
        w, length=np.where(first(w, 0.1), w.length // 2, w.length)
    ),
    "25 % of the text halved": lambda w: replace(
        w, length=np.where(first(w, 0.25), w.length // 2, w.length)
    ),
    "unknown words x 1.2": lambda w: replace(w, oov_share=np.minimum(1, w.oov_share * 1.2)),
    "1 % without the flag": lambda w: replace(
        w, verified_purchase=np.where(first(w, 0.01), NOT_SAID, w.verified_purchase)
    ),
    "unverified x 0.8": lambda w: replace(
        w, verified_purchase=np.where(first(w, 0.2), YES, w.verified_purchase)
    ),
    "one topic by 0.2 sd": lambda w: replace(
        w, topics=w.topics + 0.2 * w.topics.std(axis=0) * (np.arange(w.topics.shape[1]) == 5)
    ),
}


def measure(
    rows: Observations, windows: int, size: int, held: int, seed: int, settings: DriftSettings
) -> dict[str, Counter[str]]:
    """For each shift how many windows rang, as `any` and by test.

    size, held: rows of a window and of a baseline; there is a new one every twenty windows.
    """
    rng = np.random.default_rng(seed)
    rang: dict[str, Counter[str]] = {shift: Counter() for shift in SHIFTS}
    for number in range(windows):
        if number % 20 == 0:
            order = rng.permutation(len(rows))
            baseline = Baseline.from_observations(rows.take(order[:held]), ["en"])
        window = rows.take(rng.choice(order[held:], size, replace=False))
        for shift, change in SHIFTS.items():
            verdict = drift.check(baseline, change(window), settings)
            rang[shift].update(finding.name for finding in verdict.alarms)
            rang[shift]["any"] += verdict.verdict == "drift"
    return rang


def main() -> int:
    """Print the table; 1 where quiet windows ring too often."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--observations", type=Path)
    parser.add_argument("--windows", type=int, default=400)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--baseline-rows", type=int, default=BASELINE_ROWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    settings = DriftSettings.read(ROOT / "configs" / "drift.yaml")
    if options.observations:
        rows = read_jsonl(options.observations)
    else:
        rows = made_up(60_000, np.random.default_rng(options.seed))
    rang = measure(
        rows,
        options.windows,
        options.rows,
        min(options.baseline_rows, len(rows) - options.rows),
        options.seed,
        settings,
    )
    columns = ["any", *drift.TESTS]
    print(f"share of {options.windows} windows of {options.rows} rows that ring")
    print(f"{'shift':26}" + "".join(f"{name:>14}" for name in columns))
    shares = {
        shift: {name: counts[name] / options.windows for name in columns}
        for shift, counts in rang.items()
    }
    for shift, row in shares.items():
        print(f"{shift:26}" + "".join(f"{row[name]:14.3f}" for name in columns))
    if options.out:
        options.out.write_text(json.dumps(shares, indent=1) + "\n")
    return int(shares["nothing"]["any"] > ALLOWED)


if __name__ == "__main__":
    raise SystemExit(main())
