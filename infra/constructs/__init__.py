"""One capability a file; none knows another."""
