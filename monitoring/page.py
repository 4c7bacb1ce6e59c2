"""One self-contained HTML page: style, verdict, sections, tables and small charts as inline SVG.

No script, no font and nothing from a network: a report opens from a bucket, a mail or a disk.
Every text that is given here is escaped, except what is named `markup`.
"""

from collections.abc import Mapping, Sequence
from html import escape

KINDS = {"good": "var(--good)", "bad": "var(--bad)", "unsure": "var(--unsure)"}
COLOURS = ("var(--before)", "var(--now)")

STYLE = """
:root{--ink:#1c2536;--soft:#5d6980;--line:#dfe4ec;--paper:#fff;--back:#f4f6fa;--now:#2f6fde;
--before:#a9b4c6;--good:#1f8a58;--bad:#c8372d;--unsure:#b7791f;--star:#f2a71b}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf2;--soft:#9aa7bd;--line:#2b3446;
--paper:#171e2b;--back:#0f141d;--now:#6c9df5;--before:#5f6d86;--good:#48c08a;--bad:#f0766c;--unsure:#e0ae54}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1000px;margin:0 auto;padding:32px 20px 64px}
h1{font-size:30px;line-height:1.2;margin:4px 0 8px;letter-spacing:-.01em}
h2{font-size:20px;margin:0 0 4px}
h3{font-size:15px;margin:18px 0 4px}
p{margin:6px 0 10px}
.eyebrow{color:var(--soft);font-size:13px;letter-spacing:.08em;text-transform:uppercase}
.eyebrow b{color:var(--star)}
.lead{color:var(--soft);max-width:72ch}
section{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:20px 22px;
margin:18px 0}
.verdict{border-left:6px solid var(--kind)}
.verdict strong{color:var(--kind);font-size:22px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:12px;margin:18px 0}
.tile{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:12px 14px}
.tile span{display:block;color:var(--soft);font-size:13px}
.tile b{font-size:24px;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile small{display:block;color:var(--soft);font-size:12px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:22px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{color:var(--soft);font-weight:600;text-align:left;border-bottom:1px solid var(--line)}
th,td{padding:7px 10px 7px 0;vertical-align:top}
tr+tr td{border-top:1px solid var(--line)}
.scroll+.scroll{margin-top:18px}
.number{text-align:right;white-space:nowrap}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}
.unsure{color:var(--unsure);font-weight:600}
.note{color:var(--soft);font-size:13.5px}
svg{width:100%;height:auto;display:block}
svg text{fill:currentColor;font-size:12px}svg .soft{fill:var(--soft)}
footer{color:var(--soft);font-size:13px;margin-top:26px}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em}
@media print{body{background:#fff}section{break-inside:avoid}}
"""


def document(title: str, eyebrow: str, lead: str, markup: Sequence[str], footer: str = "") -> str:
    """The whole page. markup: sections in order, made by the functions below."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<main>\n<div class="eyebrow"><b>&#9733;</b> {escape(eyebrow)}</div>\n'
        f'<h1>{escape(title)}</h1>\n<p class="lead">{escape(lead)}</p>\n'
        + "\n".join(markup)
        + f"\n<footer>{escape(footer)}</footer>\n</main>\n</body>\n</html>\n"
    )


def verdict(word: str, kind: str, sentences: Sequence[str]) -> str:
    """The answer in one box. kind: `good`, `bad` or `unsure`."""
    text = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
    return (
        f'<section class="verdict" style="--kind:{KINDS[kind]}">'
        f"<strong>{escape(word)}</strong>{text}</section>"
    )


def section(heading: str, lead: str, *markup: str) -> str:
    """A titled box; `lead` says in a sentence or two how to read it."""
    note = f'<p class="note">{escape(lead)}</p>' if lead else ""
    return f"<section><h2>{escape(heading)}</h2>{note}{''.join(markup)}</section>"


def pair(*markup: str) -> str:
    """Side by side where there is room."""
    return f'<div class="pair">{"".join(f"<div>{part}</div>" for part in markup)}</div>'


def tiles(values: Sequence[tuple[str, str, str]]) -> str:
    """(name, value, note) in a row of boxes."""
    boxes = "".join(
        f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b>'
        f"<small>{escape(note)}</small></div>"
        for name, value, note in values
    )
    return f'<div class="tiles">{boxes}</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """numbers: columns set to the right. A cell `good:word` or `bad:word` is coloured."""

    def cell(tag: str, place: int, text: str) -> str:
        classes = ["number"] if place in numbers else []
        kind, colon, rest = text.partition(":")
        if tag == "td" and colon and kind in KINDS:
            classes.append(kind)
            text = rest
        attribute = f' class="{" ".join(classes)}"' if classes else ""
        return f"<{tag}{attribute}>{escape(text)}</{tag}>"

    header = "".join(cell("th", place, text) for place, text in enumerate(head))
    body = "".join(
        "<tr>" + "".join(cell("td", place, text) for place, text in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{header}</tr>{body}</table></div>'


def grouped_bars(
    labels: Sequence[str], series: Mapping[str, Sequence[float]], *, described: str
) -> str:
    """Shares (0 to 1) side by side for each label; one or two series, the baseline first.

    described: what the chart shows, for those who do not see it.
    """
    width, height, foot, head = 460.0, 210.0, 26.0, 28.0
    top = max((value for values in series.values() for value in values), default=0.0) or 1.0
    slot = width / max(1, len(labels))
    bar = min(34.0, slot * 0.84 / len(series))
    size = 10 if bar > 22 else 8  # px; eight groups of two leave no room for more
    parts = [_legend(list(series), width)]
    colours = COLOURS[-len(series) :]
    for place, label in enumerate(labels):
        middle = slot * (place + 0.5)
        parts.append(_text(middle, height - 8, label, "middle"))
        for number, values in enumerate(series.values()):
            tall = (height - foot - head - 16) * values[place] / top
            left = middle + (number - len(series) / 2) * bar
            y = height - foot - tall
            parts.append(
                f'<rect x="{left:.1f}" y="{y:.1f}" width="{bar - 2:.1f}" height="{tall:.1f}" '
                f'rx="2" fill="{colours[number]}"><title>{escape(label)}: '
                f"{values[place]:.2%}</title></rect>"
            )
            parts.append(_text(left + bar / 2 - 1, y - 4, _percent(values[place]), "middle", size))
    floor = height - foot
    parts.append(f'<line x1="0" x2="{width}" y1="{floor}" y2="{floor}" stroke="var(--line)"/>')
    return _svg(width, height, described, parts)


def against_limit(
    rows: Sequence[tuple[str, float, bool]], limit: float, *, limit_label: str, described: str
) -> str:
    """Horizontal bars (name, length, alarming) with a limit; longer than twice the limit is cut."""
    width, left, step = 900.0, 150.0, 30.0
    height = 34 + step * len(rows)
    span = limit * 2.5
    scale = (width - left - 70) / span
    line = left + limit * scale
    parts = [
        f'<line x1="{line:.1f}" x2="{line:.1f}" y1="22" y2="{height}" stroke="var(--bad)" '
        'stroke-dasharray="4 4"/>',
        _text(line, 14, limit_label, "middle"),
    ]
    for place, (name, value, alarming) in enumerate(rows):
        y = 30 + step * place
        drawn = min(value, span)
        colour = "var(--bad)" if alarming else "var(--good)"
        parts.append(_text(left - 12, y + 14, name, "end"))
        parts.append(
            f'<rect x="{left}" y="{y}" width="{max(2.0, drawn * scale):.1f}" height="18" rx="3" '
            f'fill="{colour}"/>'
        )
        label = f"{value:.1f}" if value <= span else f"{value:.0f} \u2192"
        parts.append(_text(left + drawn * scale + 8, y + 14, label, "start"))
    return _svg(width, height, described, parts)


def _legend(names: Sequence[str], width: float) -> str:
    colours = COLOURS[-len(names) :]
    parts = []
    for place, name in enumerate(names):
        x = width - 130 * (len(names) - place)
        parts.append(f'<rect x="{x}" y="2" width="11" height="11" rx="2" fill="{colours[place]}"/>')
        parts.append(_text(x + 17, 12, name, "start"))
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str, size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" style="font-size:{size}px">'
        f"{escape(text)}</text>"
    )


def _svg(width: float, height: float, described: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(described)}">'
        + "".join(parts)
        + "</svg>"
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"
