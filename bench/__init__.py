"""Ours against the usual way, in one run on the same file: `make bench`."""
