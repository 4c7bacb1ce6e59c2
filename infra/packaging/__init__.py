"""Lambda packages: how they are built, what is in them, where they lie."""
