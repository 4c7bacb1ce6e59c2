"""Building blocks that several constructs import; they know no capability."""
