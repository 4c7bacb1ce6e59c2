"""What learns: from rows to the parts of a model."""
