"""How cleaned text and languages were made of raw reviews; it travels with rows and models.

A model must be asked with text cleaned by the rules, and languages detected by the detector, of the
rows it was trained on. Every Parquet file says so in its footer.
"""

import msgspec

PROVENANCE_KEY = "review-stars.provenance"  # of the metadata in a Parquet footer


class Provenance(msgspec.Struct, frozen=True):
    """What rows were made by. text_rules: version of `reviews.clean`. detector: its name."""

    text_rules: str
    detector: str

    def to_json(self) -> str:
        """What stands under PROVENANCE_KEY."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Provenance":
        """Read what `to_json` wrote. Raises msgspec.MsgspecError for anything else."""
        return msgspec.json.decode(text, type=cls)
