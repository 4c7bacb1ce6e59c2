"""report.html of an audit: what was found, how much of it, and what it may mean."""

from monitoring import page
from training.audit.finding import AuditSummary, FindingSummary

NAMES = {
    "doubtful_stars": "Stars that do not fit the words",
    "near_copies": "Near copies by several users",
    "one_text_several_stars": "One text, several stars",
    "busy_users": "Users with very many reviews",
    "user_bursts": "Many reviews of one user in a day",
    "product_bursts": "Many reviews of one product in a day",
}
STARS = ["1 star", *(f"{star} stars" for star in range(2, 6))]


def describe(summary: AuditSummary) -> str:
    """The counts in one line."""
    return ", ".join(
        f"{kind.replace('_', ' ')} {'–' if one.not_looked_for else f'{one.rows:,}'}"
        for kind, one in summary.findings.items()
    )


def html(summary: AuditSummary) -> str:
    """The page."""
    doubtful = summary.findings["doubtful_stars"]
    drawn = f", drawn at random from {summary.drawn_from:,}" if summary.drawn_from else ""
    parts = [
        page.tiles([_tile(kind, one) for kind, one in summary.findings.items()]),
        page.section(
            "What was looked for",
            "Rows that were found, the groups that they form, and the rows of the largest group. A "
            "row may be found for several reasons. Of drawn rows the groups are among those drawn.",
            page.table(
                ["Finding", "What", "Rows", "Share", "Groups", "Largest"],
                [_row(kind, one, summary.rows) for kind, one in summary.findings.items()],
                numbers=(2, 3, 4, 5),
            ),
        ),
        page.section(
            "Stars that do not fit the words",
            "Doubtful rows by their given stars (down) and by what their words say (across). If "
            "the models' probabilities were exactly right, about "
            f"{doubtful.expected or 0:,.0f} sound reviews would be among the {doubtful.rows:,}. "
            "Irony, reviews of the delivery and stars that were mixed up look alike here: a person "
            "must read them.",
            page.table(
                ["Given", *STARS],
                [
                    [given, *(f"{count:,}" for count in counts)]
                    for given, counts in zip(STARS, summary.label_table, strict=True)
                ],
                numbers=range(1, 6),
            ),
        ),
    ]
    return page.document(
        "What may be wrong in these reviews?",
        "Review Stars · audit",
        f"{summary.rows:,} reviews{drawn}. Nothing was dropped: findings.csv lists the keys of "
        "what was found, and no words.",
        parts,
        "Keys are review_key of the curated Parquet.",
    )


def _tile(kind: str, one: FindingSummary) -> tuple[str, str, str]:
    return NAMES[kind], "–" if one.not_looked_for else f"{one.rows:,}", "rows"


def _row(kind: str, one: FindingSummary, rows: int) -> list[str]:
    if one.not_looked_for:
        return [NAMES[kind], f"{one.asks}: not looked for, {one.not_looked_for}", *["–"] * 4]
    return [
        NAMES[kind],
        one.asks,
        f"{one.rows:,}",
        f"{one.rows / max(1, rows):.2%}",
        f"{one.groups:,}",
        f"{one.largest:,}",
    ]
