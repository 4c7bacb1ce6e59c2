"""The loop as one picture for the README: where boxes stand is said here, what they do is not.

An arrow's words are the templates'; a box or an arrow that they lack stops the drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

PLACES = {  # column and row
    "raw bucket": (0, 0), "preprocess machine": (1, 0), "curated bucket": (2, 0),
    "pipeline": (3, 0), "models bucket": (4, 0),
    "alerts topic": (1, 1), "check function": (2, 1), "learn machine": (3, 1),
    "release machine": (4, 1),
    "observations bucket": (2, 2), "predictions stream": (3, 2), "endpoint": (4, 2),
    "a client": (1, 3), "API": (2, 3), "rate function": (3, 3),
}  # fmt: skip
ARROWS = (
    ("raw bucket", "preprocess machine"), ("preprocess machine", "curated bucket"),
    ("curated bucket", "pipeline"), ("learn machine", "pipeline"), ("pipeline", "models bucket"),
    ("models bucket", "release machine"), ("release machine", "endpoint"),
    ("a client", "API"), ("API", "rate function"), ("rate function", "endpoint"),
    ("rate function", "predictions stream"), ("predictions stream", "observations bucket"),
    ("observations bucket", "check function"), ("check function", "learn machine"),
    ("check function", "alerts topic"), ("preprocess machine", "alerts topic"),
)  # fmt: skip
OUTSIDE = ("the_bus", "the_clock")  # what starts a box by an event or a schedule
COLUMN, ROW, WIDTH, HEIGHT, MARGIN = 226, 108, 150, 56, 12  # pixels
STYLE = """text{font:13px system-ui,sans-serif;text-anchor:middle;fill:#1f2328}
.small{font-size:10px;fill:#59636e}rect{fill:#f6f8fa;stroke:#59636e;rx:6}
.bucket{fill:#ddf4ff}.machine{fill:#fff8c5}.endpoint{fill:#dafbe1}
line{stroke:#59636e;stroke-width:1.5;marker-end:url(#head)}"""


HEAD = """<marker id="head" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto"
 markerUnits="userSpaceOnUse"><path d="M0,0 L8,4 L0,8 z" fill="#59636e"/></marker>"""


class Node(NamedTuple):
    """A box. stack: whose it is. name: without the stage's prefix."""

    stack: str
    logical: str
    kind: str
    name: str
    physical: str


class Edge(NamedTuple):
    """An arrow from one box to another."""

    begin: str
    end: str
    says: str


def draw(nodes: Mapping[str, Node], edges: Sequence[Edge]) -> str:
    """The picture as SVG. Raises ValueError for a box or an arrow that the templates lack."""
    names = {logical: node.name for logical, node in nodes.items()}
    named = [
        Edge(names.get(e.begin, e.begin), names.get(e.end, e.end), e.says)
        for e in (Edge(e.begin.replace("a_client", "a client"), e.end, e.says) for e in edges)
    ]
    lost = set(PLACES) - {end for edge in named for end in (edge.begin, edge.end)}
    if lost:
        raise ValueError(f"the templates have no {sorted(lost)[0]}: the loop has changed")
    columns, rows = (1 + max(place[axis] for place in PLACES.values()) for axis in (0, 1))
    width, height = columns * COLUMN, rows * ROW - (ROW - HEIGHT) + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="The loop: raw reviews become a dataset, a model, an endpoint, and back">',
        f"<style>{STYLE}</style><defs>{HEAD}</defs>",
        f'<rect x="0" y="0" width="{width}" height="{height}" style="fill:#fff;stroke:none"/>',
        *(_arrow(begin, end, _said(named, begin, end)) for begin, end in ARROWS),
        *(_box(name, [e.says for e in named if e.end == name and e.begin in OUTSIDE])
          for name in PLACES),
        "</svg>\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _said(edges: Sequence[Edge], begin: str, end: str) -> str:
    """The words of an arrow, the first of several."""
    found = [edge.says for edge in edges if (edge.begin, edge.end) == (begin, end)]
    if not found:
        raise ValueError(f"in the templates {begin} does nothing to {end}: the loop has changed")
    return found[0].split(",")[0]


def _middle(name: str) -> tuple[float, float]:
    column, row = PLACES[name]
    return column * COLUMN + COLUMN / 2, MARGIN + row * ROW + HEIGHT / 2


def _box(name: str, starts: Sequence[str]) -> str:
    """A box; below its name what starts it from outside of the picture."""
    x, y = _middle(name)
    kind = name.rpartition(" ")[2]
    lines = list(dict.fromkeys(text.split(",")[0].removeprefix("SageMaker ") for text in starts))
    top = y + 4 - 6 * len(lines)
    text = f'<text x="{x}" y="{top}">{escape(name)}</text>' + "".join(
        f'<text class="small" x="{x}" y="{top + 13 * number}">{escape(line)}</text>'
        for number, line in enumerate(lines, start=1)
    )
    rect = f'x="{x - WIDTH / 2}" y="{y - HEIGHT / 2}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<rect class="{kind}" {rect}/>{text}'


def _arrow(begin: str, end: str, says: str) -> str:
    """A line from edge to edge with its words beside the middle."""
    (x1, y1), (x2, y2) = _middle(begin), _middle(end)
    across, down = x2 - x1, y2 - y1
    if across and down:  # to a neighbour's corner
        x1, y1 = x1 + WIDTH / 2, y1
        x2, y2 = x2, y2 + (HEIGHT / 2 if down < 0 else -HEIGHT / 2)
    elif across:
        x1, x2 = x1 + WIDTH / 2 * _sign(across), x2 - WIDTH / 2 * _sign(across)
    else:
        y1, y2 = y1 + HEIGHT / 2 * _sign(down), y2 - HEIGHT / 2 * _sign(down)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    shift = (0, -5) if across and not down else (34, 4)
    place = f'x="{x + shift[0]}" y="{y + shift[1]}"'
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
    return f'{line}<text class="small" {place}>{escape(says)}</text>'


def _sign(number: float) -> int:
    return 1 if number > 0 else -1
