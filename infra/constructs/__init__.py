"""One capability a file; none imports another: they meet in the stacks."""
