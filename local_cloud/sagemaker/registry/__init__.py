"""Model package groups, packages and their cards."""
