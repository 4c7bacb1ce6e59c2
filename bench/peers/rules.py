"""Our cleaning for one string, null as it may be: what every peer applies to its rows."""

from reviews import clean
from reviews.clean import tidy

__all__ = ["sample", "tidy", "visible"]


def visible(text: str | None) -> str:
    """Decode entities, and put a blank for all markup."""
    return clean.visible(text or "")


def sample(title: str | None, text: str | None) -> str:
    """By what the language is detected."""
    return clean.join_sample(visible(title), visible(text))
