"""Where a model may be weak, for the report: slices of the rows, and behaviour tests."""

from monitoring import page
from training.evaluation.evaluation import Evaluation, PairedGain, Slice
from training.evaluation.slices import MIN_SLICE_ROWS, is_pair
from training.report import plots
from training.report.wording import describe_slice


def for_whom(evaluation: Evaluation, svg: str) -> str:
    """The slices. svg: what `plots.slices` drew."""
    return page.section(
        "For whom it works",
        f"Accuracy, {evaluation.slice_method}; mean confidence; and what always answering the "
        "slice's commonest star would reach. Gains stand with their standard error, in colour "
        "from two of them on; a full gate refuses slices that fall behind. Slices below "
        f"{MIN_SLICE_ROWS} rows and rare languages stand in evaluation.json alone.",
        svg,
        _tables(evaluation),
    )


def _tables(evaluation: Evaluation) -> str:
    """Two tables: by one thing, and by two at once, where a slice is large enough to tell."""
    compared = evaluation.champion is not None
    names = ["Rows", "Accuracy", "Over majority", "Macro F1", "Mean error", "ECE", "Too sure"]
    names += ["Over champion"] if compared else []
    tables = []
    for pairs, heading in ((False, "Slice"), (True, "Two at once")):
        rows = [
            _row(describe_slice(grouping, value), one, compared)
            for grouping, values in evaluation.slices.items()
            if is_pair(grouping) == pairs
            for value, one in list(values.items())[: None if pairs else plots.MAX_SLICES]
            if one.rows >= MIN_SLICE_ROWS
        ]
        if rows:
            tables.append(page.table([heading, *names], rows, range(1, len(names) + 1)))
    return "".join(tables)


def _row(name: str, one: Slice, compared: bool) -> list[str]:
    row = [
        name,
        f"{one.rows:,}",
        f"{one.accuracy:.3f} ({one.low:.2f} to {one.high:.2f})",
        _gain(one.over_majority),
        f"{one.macro_f1:.3f}",
        f"{one.mae:.3f}",
        f"{one.ece:.3f}",
        f"{one.confidence - one.accuracy:+.3f}",
    ]
    if compared:
        row.append(_gain(one.over_champion) if one.over_champion else "–")
    return row


def _gain(found: PairedGain) -> str:
    """A gain with its standard error, coloured where it is two of them away from 0."""
    text = f"{found.gain:+.3f} ± {found.standard_error:.3f}"
    if abs(found.gain) <= 2 * found.standard_error:
        return text
    return f"{'good' if found.gain > 0 else 'bad'}:{text}"


def behaviour(evaluation: Evaluation) -> str:
    """The behaviour tests: before and after, with a case that fails."""
    lead = (
        "Small tests made from templates: the share of cases that hold, of the champion and of "
        "this model. A floor is asked of a model that learned from enough rows; where none stands, "
        "the test informs."
    )
    if not evaluation.behaviour:
        lead = "The tests are in English, which this model has not learned: it was asked none."
        return page.section("How it behaves", lead)
    rows = []
    for one in evaluation.behaviour:
        before = "–" if one.champion is None else f"{one.champion:.0%}"
        floor = "–" if one.at_least is None else f"≥ {one.at_least:.0%}"
        rate = f"{one.rate:.0%}"
        if one.at_least is not None:
            rate = f"{'good' if one.rate >= one.at_least else 'bad'}:{rate}"
        failed = one.failed[0] if one.failed else ""
        rows.append(
            [one.name.replace("_", " "), one.asks, str(one.cases), before, rate, floor, failed]
        )
    head = ["Test", "What holds", "Cases", "Champion", "This model", "Floor", "A case that fails"]
    return page.section("How it behaves", lead, page.table(head, rows, numbers=(2, 3, 4, 5)))
