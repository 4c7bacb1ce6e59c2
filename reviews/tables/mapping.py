"""Which column of a table is which field of a review: said by a person, or plain by its name."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from reviews.errors import ConfigurationError
from reviews.tables.stars import read_stars

# Names of columns by field, as `_plain` has them, the likeliest first. A column that is called
# otherwise is not guessed at.
NAMES: dict[str, tuple[str, ...]] = {
    "rating": (
        "rating", "stars", "star", "starrating", "overall", "score", "reviewrating", "reviewscore",
        "reviewstars", "reviewsrating", "ratingvalue", "overallrating", "userrating",
        "customerrating", "ratings",
    ),
    "title": (
        "title", "summary", "headline", "reviewtitle", "reviewheadline", "reviewsummary",
        "reviewstitle",
    ),
    "text": (
        "text", "reviewtext", "reviewbody", "body", "review", "content", "reviewcontent", "comment",
        "comments", "reviewcomment", "reviewstext", "message", "reviewmessage",
    ),
    "images": ("images", "image"),
    "asin": ("asin", "productid", "itemid", "businessid"),
    "parent_asin": ("parentasin", "productparent"),
    "user_id": ("userid", "reviewerid", "customerid", "authorid", "profileid", "user"),
    "timestamp": (
        "timestamp", "unixreviewtime", "reviewtimestamp", "time", "reviewdate", "reviewsdate",
        "date", "reviewtime",
    ),
    "helpful_vote": (
        "helpfulvote", "helpfulvotes", "vote", "votes", "helpful", "helpfulcount", "useful",
        "helpfulnessnumerator", "reviewsnumhelpful", "thumbsup", "thumbsupcount",
    ),
    "verified_purchase": (
        "verifiedpurchase", "verified", "isverified", "isverifiedpurchase", "verifiedbuyer",
        "verifiedreview", "reviewsdidpurchase",
    ),
}  # fmt: skip
FIELDS = tuple(NAMES)
NEEDED = ("rating", "text")
# What a model reads or learns: where two columns could be it, a person must say which.
DECISIVE = ("rating", "title", "text", "verified_purchase")
MEANINGS = {
    "rating": "the stars",
    "title": "the title",
    "text": "the text",
    "verified_purchase": "whether the purchase was verified",
}
MAX_SHOWN = 8  # names of columns in a sentence
MAX_NAME = 40  # characters of a name; what is longer is no name, and perhaps somebody's words

Given = Mapping[str, str | int | None]  # by field a column's name, its number from 1, or none


class MappingError(ConfigurationError):
    """Which column is which field is not known; the message ends with an example of a mapping."""


def read_mapping(path: Path) -> dict[str, str | int | None]:
    """A mapping file: YAML, or JSON, of `field: column`.

    Raises ConfigurationError where it is something else.
    """
    import yaml  # here: only a person's machine has it

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError(f"{path} is no YAML: write lines of `field: column`") from None
    if not isinstance(content, dict) or not content:
        raise ConfigurationError(f"{path} is no mapping: write lines of `field: column`")
    for field, column in content.items():
        if field not in NAMES:
            raise ConfigurationError(
                f"{path}: there is no field `{str(field)[:MAX_NAME]}`: known are "
                f"{', '.join(FIELDS)}"
            )
        if isinstance(column, bool) or not isinstance(column, str | int | None):
            raise ConfigurationError(
                f"{path}: `{field}` must be a column's name, its number from 1, or null"
            )
    return content


def match(names: Sequence[str], given: Given, source: str) -> dict[str, int]:
    """By field the place of its column, from 0; fields without one are left out.

    names: of the columns. given: what a person has said, which goes before any guess; without a
    rating are files that a model is to rate.
    Raises MappingError, with an example, where a needed column is not found or a decisive one is
    doubtful.
    """
    found = {
        field: _place(field, column, names, source)
        for field, column in given.items()
        if column is not None
    }
    doubtful = _guess(names, given, found)
    for field, places in doubtful.items():
        shown = " and ".join(show_column(names, place) for place in places)
        which = f"{shown} could each be {MEANINGS[field]}"
        raise MappingError(_sentence(source, which, names, found | {field: places[0]}))
    for field in NEEDED:
        is_unrated = field == "rating" and field in given
        if field not in found and not is_unrated:
            has = f"no column is plainly {MEANINGS[field]} ({_list(names)})"
            if any(map(read_stars, names)):
                has = "its first row holds values and no names: say the numbers of its columns"
            raise MappingError(_sentence(source, has, names, found))
    return dict(sorted(found.items(), key=lambda item: FIELDS.index(item[0])))


def _guess(names: Sequence[str], given: Given, found: dict[str, int]) -> dict[str, list[int]]:
    """Add what is plain by its name to `found`; -> decisive fields with more columns than one."""
    taken = set(found.values())
    by_name: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if place not in taken:
            by_name.setdefault(_plain(name), []).append(place)
    doubtful: dict[str, list[int]] = {}
    for field in FIELDS:
        if field in given:
            continue
        candidates = [by_name[name] for name in NAMES[field] if name in by_name]
        if field in DECISIVE and sum(map(len, candidates)) > 1:
            doubtful[field] = [place for places in candidates for place in places]
        elif candidates and len(candidates[0]) == 1:
            found[field] = candidates[0][0]
    return doubtful


def describe(names: Sequence[str], found: Mapping[str, int]) -> str:
    """In words which column is which field, and which are not used."""
    used = [f"{field} = {show_column(names, place)}" for field, place in found.items()]
    rest = [place for place in range(len(names)) if place not in set(found.values())]
    unused = _list([names[place] for place in rest], rest) if rest else ""
    return ", ".join(used) + (f"; not used: {unused}" if unused else "")


def _place(field: str, column: str | int, names: Sequence[str], source: str) -> int:
    """Where the column stands that a person has named."""
    if isinstance(column, int):
        if 1 <= column <= len(names):
            return column - 1
        raise MappingError(
            f"{source}: the mapping says column {column} for `{field}`, and there are {len(names)}"
        )
    places = [place for place, name in enumerate(names) if name.strip() == column.strip()]
    if len(places) == 1:
        return places[0]
    if places:
        raise MappingError(
            f"{source}: {len(places)} columns are called `{column[:MAX_NAME]}`; say its number "
            f"from 1 for `{field}` in the mapping"
        )
    near = difflib.get_close_matches(column, [name for name in names if _is_name(name)], n=3)
    hint = f"; did you mean {' or '.join(f'`{name}`' for name in near)}?" if near else ""
    raise MappingError(
        f"{source}: the mapping says `{column[:MAX_NAME]}` for `{field}`, and no column is called "
        f"so{hint}"
    )


def _sentence(source: str, problem: str, names: Sequence[str], found: Mapping[str, int]) -> str:
    """The problem, what to do, and an example of a mapping on lines of its own."""
    columns = {field: found.get(field) for field in NEEDED} | dict(found)
    lines = "".join(f"\n  {field}: {_written(names, place)}" for field, place in columns.items())
    return f"{source}: {problem}; say which in a mapping file (--mapping FILE), such as{lines}"


def _written(names: Sequence[str], place: int | None) -> str:
    """A column as a mapping file has it."""
    if place is None:
        return "NAME_OF_ITS_COLUMN"
    name = names[place]
    if not _is_name(name) or list(names).count(name) > 1:
        return str(place + 1)
    return name if _plain(name) and name.replace("_", "").isalnum() else f'"{name}"'


def _list(names: Sequence[str], places: Sequence[int] = ()) -> str:
    numbers = places or range(len(names))
    shown = [
        f"`{name}`" if _is_name(name) else f"column {number + 1}"
        for name, number in zip(names[:MAX_SHOWN], numbers, strict=False)
    ]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def show_column(names: Sequence[str], place: int) -> str:
    """A column in a message: by its name where that is one, else by its number."""
    return f"`{names[place]}`" if _is_name(names[place]) else f"column {place + 1}"


def _is_name(name: str) -> bool:
    """Whether it may stand in a message: what is long or odd may be somebody's words."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and len(name.split()) <= 4


def _plain(name: str) -> str:
    """A name without what people write differently: capitals, blanks, signs."""
    return "".join(filter(str.isalnum, name.casefold()))
