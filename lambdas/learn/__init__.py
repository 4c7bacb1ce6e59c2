"""The Learn machine's two functions: may this run start, and what came of it."""
