"""What was measured, as tables, and against what was promised."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench import forms
from lambdas.preprocess.shards import CUT_BYTES_PER_SECOND
from reviews import language

ALONE = "py3langid-25-alone"
MEMORY_MB, SECONDS = 1_769, 900  # what a function of Preprocess has
DISK_MB = {"worker": 2_048, "plan": 512}
SLOWER = 2.5  # one processor of Lambda, by our estimate
PROMISED_ROWS = 100_000  # promises were made for so many: of fewer, start-up is most of the cost


def targets(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Each promise with its figure. They were made for one core and electronics_train_100k."""
    return [
        {
            "name": name,
            "value": value,
            "promised": f"{'at least' if is_floor else 'at most'} {limit:g}",
            "met": value >= limit if is_floor else value <= limit,
        }
        for name, value, is_floor, limit in _promises(results)
    ]


def _promises(results: dict[str, Any]) -> Iterator[tuple[str, float, bool, float]]:
    """-> (name, value, whether the limit is a floor, limit)."""
    speed = results.get("speed")
    if speed and speed["rows"] >= PROMISED_ROWS:
        all_ours = speed["contenders"]["ours"]
        yield "times PySpark", _times(speed, "PySpark rows + fastText"), True, 8
        yield "times pandas + langdetect", _times(speed, "pandas + langdetect"), True, 30
        apart = _times(speed, "plain loop", "reviews_per_cpu_second_startup_apart")
        yield "times the plain loop, start-up apart", apart, True, 1.0
        yield "start-up, CPU s", all_ours["startup_cpu_seconds"], False, 0.8
        yield "language, share of CPU time", speed["language_share"], False, 0.35
        yield "peak at 100k rows, MB", all_ours["peak_megabytes"], False, 240
    if growth := results.get("growth"):
        more = growth["megabytes_per_million_rows"]
        yield "more memory a million rows, MB", more, False, 110
    if "skipped" not in (functions := results.get("worker") or {"skipped": ""}):
        yield from _worker_promises(functions)
    if "skipped" not in (told := results.get("language") or {"skipped": ""}):
        yield from _language_promises(told)
    if (formed := results.get("forms")) and formed["rows"] >= PROMISED_ROWS:
        yield "speed lost by the schema of 2018", formed["lost_by_2018"], False, 0.05
        for name, least in ((forms.PARQUET, 100_000), (forms.CSV, 40_000)):
            rate = formed["cases"][name]["reviews_per_cpu_second_startup_apart"]
            yield f"{name}, rows a CPU s", rate, True, least


def _worker_promises(functions: dict[str, Any]) -> Iterator[tuple[str, float, bool, float]]:
    workers, plan = list(functions["shards"].values()), functions["plan"]
    peak = max(call["peak_megabytes"] for call in [*workers, plan])
    yield "a function's memory, MB", peak, False, MEMORY_MB
    disk = max(call["disk_megabytes"] for call in workers)
    yield "a worker's /tmp, MB", disk, False, DISK_MB["worker"]
    yield "plan's /tmp, MB", plan["disk_megabytes"], False, DISK_MB["plan"]
    slowest = max(call["whole_cpu_seconds"] for call in workers)
    yield "a worker's seconds on Lambda, estimated", slowest * SLOWER, False, SECONDS
    rate = plan["gzip_bytes_per_cpu_second"] / SLOWER / 1e6
    least = CUT_BYTES_PER_SECOND / 1e6  # plan refuses what this rate could not do in its time
    yield "MB of gzip cut up a second on Lambda, estimated", round(rate, 1), True, least


def _language_promises(told: dict[str, Any]) -> Iterator[tuple[str, float, bool, float]]:
    limits = {"full_text": (0.998, 0.0002), "six_words": (0.995, 0.001)}
    for words, (recall, leaks) in limits.items():
        ours, alone = told[language.DEFAULT][words], told[ALONE][words]
        name = words.replace("_", " ")
        yield f"English recall, {name}", ours["recall"]["en"], True, recall
        share = ours["others_called_english_share"]
        yield f"others called English, {name}", share, False, leaks
        worst = max(alone["recall"][code] - ours["recall"][code] for code in ours["recall"])
        yield f"most lost to the detector alone, {name}", round(worst, 5), False, 0.001


def _times(speed: dict[str, Any], peer: str, figure: str = "reviews_per_cpu_second") -> float:
    contenders = speed["contenders"]
    return round(float(contenders["ours"][figure]) / float(contenders[peer][figure]), 2)


def render(results: dict[str, Any]) -> str:
    """All that a person wants to see."""
    rows = [
        (goal["name"], f"{goal['value']:g}", goal["promised"], "yes" if goal["met"] else "NO")
        for goal in results["targets"]
    ]
    goals = _table(("figure", "measured", "promised", "met"), rows)
    return "\n\n".join([f"{results['machine']}\n{results['data']}", *tables(results), goals])


def tables(results: dict[str, Any]) -> Iterator[str]:
    """What was measured, in Markdown: a table for each part, as docs/benchmarks.md has them."""
    if speed := results.get("speed"):
        yield _speed(speed)
    if growth := results.get("growth"):
        yield _growth(growth)
    if "skipped" not in (functions := results.get("worker") or {"skipped": ""}):
        yield _worker(functions)
    if "skipped" not in (told := results.get("language") or {"skipped": ""}):
        yield _languages(told)
    if formed := results.get("forms"):
        yield _forms(formed)


def _speed(speed: dict[str, Any]) -> str:
    head = ("way", "rows", "reviews a CPU s", "start-up apart", "start-up CPU s", "peak MB")
    rows = [
        (
            *_costs(name, figures),
            f"{_times(speed, name):.1f}",
            f"{_times(speed, name, 'reviews_per_cpu_second_startup_apart'):.1f}",
        )
        for name, figures in speed["contenders"].items()
    ]
    return _table((*head, "ours: times", "start-up apart"), rows)


def _costs(name: str, figures: dict[str, Any]) -> tuple[str, ...]:
    """What `bench.speed.figures` found of one way, as the first six cells of a row."""
    return (
        name,
        f"{figures['rows']:,}",
        f"{figures['reviews_per_cpu_second']:,}",
        f"{figures['reviews_per_cpu_second_startup_apart']:,}",
        f"{figures['startup_cpu_seconds']:.2f}",
        f"{figures['peak_megabytes']:,}",
    )


def _growth(growth: dict[str, Any]) -> str:
    rows = [
        (
            f"{size['rows']:,}",
            f"{size['cpu_seconds']:.1f}",
            f"{size['reviews_per_cpu_second']:,}",
            f"{size['peak_megabytes']:,}",
        )
        for size in growth["sizes"]
    ]
    return _table(("rows", "CPU s", "reviews a CPU s", "peak MB"), rows)


def _worker(functions: dict[str, Any]) -> str:
    head = ("call", "rows", "import s", "CPU s", "wall s", "peak MB", "/tmp MB")
    calls = [(f"worker: {name}", call) for name, call in functions["shards"].items()]
    plan = functions["plan"]
    size = f"{plan['gzip_bytes'] / 1e6:,.0f}"
    calls.append((f"plan: {size} MB of gzip into {plan['parts']}", plan))
    rows = [
        (
            name,
            f"{call['rows']:,}" if "rows" in call else "",
            f"{call['import_seconds']:.2f}",
            f"{call['whole_cpu_seconds']:.1f}",
            f"{call['import_seconds'] + call['wall_seconds']:.1f}",
            f"{call['peak_megabytes']:,}",
            f"{call['disk_megabytes']:,}",
        )
        for name, call in calls
    ]
    return _table(head, rows)


def _languages(told: dict[str, Any]) -> str:
    rows = []
    for name, words in (
        (name, words) for name in language.DETECTORS for words in ("full_text", "six_words")
    ):
        figures = told[name][words]
        recalls = [f"{recall:.4f}" for recall in figures["recall"].values()]
        leaks = f"{figures['others_called_english']}"
        speed = f"{figures['texts_per_cpu_second']:,}"
        rows.append((name, words.replace("_", " "), *recalls, leaks, speed))
    codes = tuple(told[language.DEFAULT]["full_text"]["recall"])
    head = ("detector", "words", *codes, "called English", "texts a CPU s")
    return _table(head, rows)


def _forms(formed: dict[str, Any]) -> str:
    head = ("form", "rows", "rows a CPU s", "start-up apart", "start-up CPU s", "peak MB")
    return _table(head, [_costs(name, figures) for name, figures in formed["cases"].items()])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "| " + " | ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) + " |"
        for row in (head, tuple("-" * width for width in widths), *rows)
    ]
    return "\n".join(lines)
